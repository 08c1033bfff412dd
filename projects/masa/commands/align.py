"""Align sequences in time: a video, a table, subtitles or pictures."""

import argparse
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..support.wording import listed
from ..writers.formats import (
    FOLDER_SUFFIXES,
    OUTPUTS,
    PAGE_SUFFIX,
    TRACK_FORMATS,
    VIDEO_SUFFIXES,
    check_sequences,
    output_suffix,
    write_tracks,
)
from .model_options import add_inputs, add_method, add_model_options
from .options import (
    TRACKS_HELP,
    add_options,
    add_outputs,
    bounded,
    check_outputs,
)

if TYPE_CHECKING:
    from ..alignment import Timeline
    from ..embeddings import EmbeddedSequence

# Those of files and checkpoints are among them.
EXPECTED = (ValueError, IndexError, ImportError)
# Cost of embeddings of the norm 1 from which a warning is due. Of UI-PRMD's
# exercises 2% of the pairs of one exercise by two people are above, and 55%
# of those of two exercises; of 78 sequences of Penn Action 7% and 83%.
UNLIKE = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa align``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Prints the cost of every sequence: the mean squared '
        'distance of its frames to those of the reference that they are '
        'aligned with, by their embeddings. It is 0 for equal sequences, and '
        'costs of different models do not compare. Those of the pretrained '
        'model are at most 4: about 0.1 is usual for one movement by two '
        'people, and 1 for two movements. With --method partial it also '
        "prints the share of the reference's frames that have a counterpart. "
        'Exits with 1 if inputs were left out, with 2 if it could not be '
        'done.'
    )
    parser.epilog = (
        'Example: masa align a.mp4 b.mp4 c.mp4 -o aligned.html -o aligned.csv'
    )
    add_inputs(parser)
    add_outputs(
        parser,
        '.html: a page of one file that plays the sequences in step; '
        '.mp4 or .gif: the sequences in step and, above, as recorded; '
        '.csv or .json: the frame and the second of every sequence at every '
        "moment of the reference's timeline, empty where it has no "
        f'counterpart; {TRACKS_HELP} (of the phases of the reference, carried '
        'over to the others; if it has none, of its seconds in subtitles and '
        'ELAN); a folder or .zip: pictures of all at the same moments',
    )
    parser.add_argument(
        '--reference',
        metavar='NAME',
        help='whose timeline (default: the one that is nearest to all)',
    )
    add_method(parser, partial=True)
    parser.add_argument(
        '--moments',
        type=bounded(int, 2),
        default=7,
        help='how many there are pictures of in a folder or .zip (default: '
        '%(default)s)',
    )
    add_options(parser, 'height')
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if an output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['align'], args.overwrite)
    ordered = [o for o in args.output if output_suffix(o) in TRACK_FORMATS]
    if ordered and args.method == 'nearest':
        parser.error(
            f'{ordered[0]} holds what follows each other, and --method '
            'nearest matches frames in any order: choose another method'
        )


def run(args: argparse.Namespace) -> int:
    """Align the inputs and write the outputs.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..writers.key_frames import pictures_of_timeline, write_pictures
    from ..writers.tracks import tracks_of_timeline
    from .aligned_video import write_aligned_video
    from .embedded_inputs import index_of, run_on_all
    from .pages import write_aligned_page
    from .tables import show_timeline, write_matches

    def align(inferencer, sequences) -> None:
        if len(sequences) < 2:
            raise ValueError(
                'two sequences are expected at least, but the inputs hold '
                f'{len(sequences)}'
            )
        check_sequences(args.output, sequences)
        reference = args.reference and index_of(sequences, args.reference)
        timeline = inferencer.align_all(sequences, reference, args.method)
        show_timeline(sequences, timeline)
        _warn_of_unlike(sequences, timeline)
        # Before anything is written, as the reference may lack phases.
        tracks = {
            path: tracks_of_timeline(
                *(sequences, timeline, args.method),
                phases_only=TRACK_FORMATS[output_suffix(path)].labels,
            )
            for path in args.output
            if output_suffix(path) in TRACK_FORMATS
        }
        for path in args.output:
            suffix = output_suffix(path)
            if suffix == PAGE_SUFFIX:
                write_aligned_page(
                    path, inferencer, sequences, timeline, args.height
                )
            elif suffix in VIDEO_SUFFIXES:
                write_aligned_video(
                    path, inferencer, sequences, timeline, args.height
                )
            elif suffix in TRACK_FORMATS:
                write_tracks(path, tracks[path], args.overwrite)
            elif suffix in FOLDER_SUFFIXES:
                pictures = pictures_of_timeline(
                    *(sequences, timeline, args.moments, args.height),
                    inferencer.limits,
                )
                write_pictures(path, pictures, f'{args.moments} moments')
            else:
                write_matches(path, sequences, timeline)

    return run_on_all(args, align)


def _warn_of_unlike(
    sequences: 'Sequence[EmbeddedSequence]', timeline: 'Timeline'
) -> None:
    """Say which sequences may show something else than the reference."""
    # The help does without it.
    import numpy as np

    norms = np.linalg.norm(sequences[0].embedding, axis=1)
    if not np.allclose(norms, 1, atol=1e-3):
        return
    unlike = [
        f'{one.name} ({cost:.2f})'
        for one, cost in zip(sequences, timeline.costs, strict=True)
        if cost > UNLIKE
    ]
    if unlike:
        warnings.warn(
            f'{listed(unlike)}: as unlike the reference as other movements '
            'are (a cost above 1, where about 0.1 is usual for one movement '
            'by two people). Look whether all show the same movement, once, '
            'from about one side',
            stacklevel=2,
        )
