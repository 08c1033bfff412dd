"""Transfer the labels of the frames of one sequence to others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..writers.formats import (
    OUTPUTS,
    TRACK_FORMATS,
    check_sequences,
    output_suffix,
    write_tracks,
)
from .model_options import (
    add_first_and_others,
    add_method,
    add_model_options,
    check_others,
)
from .options import TRACKS_HELP, add_outputs, check_outputs

if TYPE_CHECKING:
    from ..apis import AlignmentInferencer, EmbeddedSequence

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa label``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Exits with 1 if inputs were left out, with 2 if it could '
        'not be done.'
    )
    parser.epilog = (
        'Example: masa label reference.mp4 others/*.mp4 --labels '
        'reference.csv -o labels.csv'
    )
    add_first_and_others(parser, 'reference', 'others')
    parser.add_argument(
        '--labels',
        type=Path,
        metavar='FILE',
        help='of the reference: .txt with a label a line, or .csv with phases '
        'of segments, see docs/data.md (default: its phases)',
    )
    add_outputs(
        parser,
        '.csv or .json: the label of every frame of the others; '
        f'{TRACKS_HELP}',
        without=None,
    )
    add_method(parser)
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['label'], args.overwrite)
    check_others(parser, args)


def run(args: argparse.Namespace) -> int:
    """Transfer the labels and write them.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..writers.tracks import track_of_labels
    from .embedded_inputs import run_on_first
    from .tables import write_columns

    def label(
        inferencer: AlignmentInferencer,
        reference: EmbeddedSequence,
        others: list[EmbeddedSequence],
    ) -> None:
        check_sequences(args.output, others)
        labels = args.labels and _read_labels(args.labels, reference)
        found = inferencer.transfer_labels(
            reference, others, labels, args.method
        )
        foreign = [
            one.name
            for one in others
            if reference.activity
            and one.activity not in ('', reference.activity)
        ]
        if foreign:
            print(
                f'note: {len(foreign)} sequences are of other activities than '
                f'{reference.name} ({reference.activity}), such as '
                f'{foreign[0]}; --only chooses some'
            )
        columns: dict[str, list] = dict(
            sequence=[], frame=[], second=[], label=[]
        )
        for other, labels_of_other in zip(others, found, strict=True):
            frames = range(len(other))
            columns['sequence'] += [other.name] * len(other)
            columns['frame'] += frames
            columns['second'] += map(other.seconds, frames)
            columns['label'] += labels_of_other.tolist()
        what = f'labels of {len(others)} sequences, from {reference.name}'
        for path in args.output:
            if output_suffix(path) in TRACK_FORMATS:
                tracks = [
                    track_of_labels(*one, reference)
                    for one in zip(others, found, strict=True)
                ]
                write_tracks(path, tracks, args.overwrite)
            else:
                write_columns(path, columns, what)

    return run_on_first(args, label)


def _read_labels(path: Path, sequence: EmbeddedSequence) -> list[str]:
    from ..datasets.frame_labels import labels_of_sequence
    from ..datasets.text_files import read_lines

    if path.suffix.lower() == '.csv':
        return labels_of_sequence(
            path, sequence.name, len(sequence), sequence.timestamps
        )
    labels = read_lines(path)
    if len(labels) != len(sequence):
        raise ValueError(
            f'{path} is expected to hold a label for each of the '
            f'{len(sequence)} frames of {sequence.name}, one a line, but '
            f'holds {len(labels)}'
        )
    return labels
