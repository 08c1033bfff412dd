"""Index the frames of dumped embeddings, to search among millions."""

import argparse
from pathlib import Path

from .options import add_options, check_output

# faiss tells of a factory that it does not know by a RuntimeError.
EXPECTED = (ImportError, RuntimeError, ValueError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa index``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = f'{__doc__} Exits with 2 if it could not be done.'
    parser.epilog = (
        'Example: masa index embeddings.npz '
        'collection.faiss; then masa search new.mp4 --frame 30 '
        '--index collection.faiss --model WORK_DIR'
    )
    parser.add_argument(
        'embeddings',
        nargs='+',
        type=Path,
        metavar='EMBEDDINGS.npz',
        help='what "masa test --dump" wrote',
    )
    parser.add_argument(
        'output',
        type=Path,
        metavar='OUTPUT.faiss',
        help='the index; a .json of its sequences is written beside it',
    )
    parser.add_argument(
        '--split', nargs='+', help='take these splits only (default: all)'
    )
    parser.add_argument(
        '--factory',
        default='Flat',
        help="faiss's name of the kind of index, such as IVF1024,Flat or "
        'HNSW32,Flat, which may miss frames (default: Flat, exact)',
    )
    parser.add_argument(
        '--parameters',
        default='',
        help='of the search, such as nprobe=16 or efSearch=64',
    )
    add_options(parser, 'overwrite')


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_output(parser, args.output, ['.faiss'], args.overwrite)


def run(args: argparse.Namespace) -> None:
    """Build the index and write it.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..apis import FrameIndex
    from ..evaluation import SequenceCollection

    names, embeddings, timestamps = [], [], []
    for path in args.embeddings:
        collection = SequenceCollection.load(path)
        if args.split:
            collection = collection.subset(args.split)
        names += collection.names
        embeddings += collection.embeddings
        timestamps += collection.timestamps
    index = FrameIndex(
        names, embeddings, args.factory, args.parameters, timestamps
    )
    index.save(args.output)
    print(f'{args.output}: {len(index)} frames of {len(names)} sequences')
