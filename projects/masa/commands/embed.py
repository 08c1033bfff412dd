"""Embed sequences: one vector for every frame, in a file."""

import argparse
from pathlib import Path

from .model_options import add_inputs, add_model_options
from .options import add_options, check_output

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa embed``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Exits with 1 if inputs were left out, with 2 if it could '
        'not be done.'
    )
    parser.epilog = 'Example: masa embed videos -o embeddings.npz'
    add_inputs(parser)
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        required=True,
        metavar='FILE.npz',
        help='the embeddings, time stamps and labels of all sequences; '
        'docs/evaluation.md has the layout',
    )
    add_options(parser, 'overwrite')
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_output(parser, args.output, ['.npz'], args.overwrite)


def run(args: argparse.Namespace) -> int:
    """Embed the inputs and write the embeddings.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..embeddings import SequenceCollection
    from .embedded_inputs import run_on_all

    def save(inferencer, sequences) -> None:
        collection = SequenceCollection.from_sequences(sequences)
        collection.save(args.output)
        frames = sum(map(len, sequences))
        width = sequences[0].embedding.shape[1]
        count = len(sequences)
        print(
            f'{args.output}: {frames} frames of {count} '
            f'sequence{"s"[: count > 1]}, {width} numbers for each frame'
        )

    return run_on_all(args, save)
