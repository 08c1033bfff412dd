"""Score how much every frame of a sequence departs from references."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..writers.formats import OUTPUTS
from .model_options import (
    add_first_and_others,
    add_model_options,
    check_others,
)
from .options import add_outputs, check_outputs

if TYPE_CHECKING:
    from ..apis import AlignmentInferencer, EmbeddedSequence

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa anomaly``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Exits with 1 if inputs were left out, with 2 if it could '
        'not be done.'
    )
    parser.epilog = (
        'Example: masa anomaly attempt.mp4 references/*.mp4 -o scores.csv'
    )
    add_first_and_others(parser, 'sequence', 'references')
    add_outputs(parser, '.csv or .json: the score of every frame')
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['anomaly'], args.overwrite)
    check_others(parser, args)


def run(args: argparse.Namespace) -> int:
    """Score the frames and write the scores.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    import numpy as np

    from .embedded_inputs import run_on_first
    from .tables import write_columns

    def score_frames(
        inferencer: AlignmentInferencer,
        sequence: EmbeddedSequence,
        references: list[EmbeddedSequence],
    ) -> None:
        score = inferencer.anomaly_score(sequence, references)
        if len(references) == 1:
            print(
                'with a single reference the score is a squared distance; '
                'with two or more, about 1 is usual'
            )
        frames = list(range(len(score)))
        seconds = list(map(sequence.seconds, frames))
        at = int(score.argmax())
        when = '' if seconds[at] is None else f' ({seconds[at]:.3f} s)'
        print(
            f'{sequence.name}: median {np.median(score):.3g}, largest '
            f'{score.max():.3g} at frame {at}{when}'
        )
        columns = dict(
            frame=frames, second=seconds, score=score.round(6).tolist()
        )
        for path in args.output:
            what = f'scores of the {len(frames)} frames of {sequence.name}'
            write_columns(path, columns, what)

    return run_on_first(args, score_frames)
