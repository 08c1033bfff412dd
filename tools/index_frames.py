"""Index the frames of dumped embeddings, to search among millions."""

import argparse
import sys
from pathlib import Path

from masa.commands.options import add_options, check_output
from masa.support.command_line import end_with_status


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 2 if it could not be done.',
        epilog='Example: python tools/index_frames.py embeddings.npz '
        'collection.faiss; then python tools/align.py WORK_DIR new.mp4 '
        '--retrieve new:30 --index collection.faiss',
    )
    parser.add_argument(
        'embeddings',
        nargs='+',
        type=Path,
        metavar='EMBEDDINGS.npz',
        help='what tools/test.py --dump wrote',
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
    args = parser.parse_args(argv)
    check_output(parser, args.output, ['.faiss'], args.overwrite)
    return args


def main(argv=None) -> int:
    """Build the index and write it."""
    args = parse_args(argv)
    # faiss tells of a factory that it does not know by a RuntimeError.
    return end_with_status(
        lambda: _build(args), (ImportError, RuntimeError, ValueError)
    )


def _build(args: argparse.Namespace) -> None:
    # PyTorch takes seconds to import, and the help does not need it.
    from masa.apis import FrameIndex
    from masa.evaluation import SequenceCollection

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


if __name__ == '__main__':
    sys.exit(main())
