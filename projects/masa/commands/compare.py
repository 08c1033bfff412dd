"""Explain an attempt by references: a score, the timing and the joints."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..writers.formats import (
    OUTPUTS,
    REPETITION_FORMATS,
    TRACK_FORMATS,
    check_sequences,
    output_suffix,
    write_tracks,
)
from .model_options import (
    add_model_options,
    add_references_and,
    add_tolerance,
    check_references,
)
from .options import TRACKS_HELP, add_options, add_outputs, check_outputs

if TYPE_CHECKING:
    from ..apis import AlignmentInferencer, EmbeddedSequence

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa compare``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} The last input is the attempt, all before it are '
        'references: good performances, of which one is enough, but the '
        'score is calibrated on how several differ from each other. Prints '
        'the score, the three largest differences and unusual timing. Exits '
        'with 1 if inputs were left out, with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa compare reference.mp4 attempt.mp4 -o report.html'
    )
    add_references_and(parser, 'attempt')
    parser.add_argument(
        '--repetitions',
        action='store_true',
        help='the attempt shows several repetitions, or other things as well: '
        'find what the references show, also what went wrong and mirror '
        'images (masa find is stricter), and compare each',
    )
    add_tolerance(
        parser, 'with --repetitions, how far one may differ to be found'
    )
    add_outputs(
        parser,
        '.html: a page of one file that plays the attempt in step with '
        'the reference, with pictures of the moments that differ most; '
        '.json: all figures; with --repetitions also .csv: the place and the '
        f'score of each, and {TRACKS_HELP}',
    )
    add_options(parser, 'height')
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if there is no reference or an output cannot be.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['compare'], args.overwrite)
    check_references(parser, args)
    if args.tolerance is not None and not args.repetitions:
        parser.error('--tolerance is for --repetitions')
    for path in args.output:
        if output_suffix(path) in REPETITION_FORMATS and not args.repetitions:
            parser.error(
                f'{path} holds repetitions: give --repetitions, or .html or '
                '.json'
            )


def run(args: argparse.Namespace) -> int:
    """Compare the attempt with the references and write the outputs.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # What reads and embeds is imported when the arguments are right.
    from ..alignment import save_comparisons
    from ..writers.tracks import track_of_repetitions
    from .embedded_inputs import run_on_first
    from .tables import write_repetitions

    def compare(
        inferencer: AlignmentInferencer,
        attempt: EmbeddedSequence,
        references: list[EmbeddedSequence],
    ) -> None:
        check_sequences(args.output, [attempt])
        if args.repetitions:
            made = inferencer.compare_repetitions(
                references, attempt, args.tolerance
            )
        else:
            made = [inferencer.compare(references, attempt)]
        for number, comparison in enumerate(made, 1):
            score, meaning, *told = comparison.summary
            if args.repetitions:
                where = f'repetition {number} of {len(made)}'
                print(f'{where}, {comparison.place}: {score}')
            else:
                print(score)
            for line in told:
                print(f'  {line}')
        if len(made) > 1:
            worst = max(range(len(made)), key=lambda i: made[i].score)
            missed = ' of those compared' * bool(made[0].not_compared)
            print(f'most unusual{missed}: repetition {worst + 1}')
        print(meaning)
        for path in args.output:
            if output_suffix(path) in TRACK_FORMATS:
                write_tracks(path, [track_of_repetitions(attempt, made)])
                continue
            if output_suffix(path) == '.csv':
                write_repetitions(path, made)
                continue
            save_comparisons(made, path, args.height)
            several = f', {len(made)} repetitions,' * args.repetitions
            print(
                f'{path}: {attempt.name}{several} compared with '
                f'{", ".join(one.name for one in references)}'
            )

    return run_on_first(args, compare, parts=args.repetitions)
