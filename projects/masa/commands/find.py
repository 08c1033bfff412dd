"""Find and count what references show in a longer recording."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..writers.formats import (
    FOLDER_SUFFIXES,
    OUTPUTS,
    PAGE_SUFFIX,
    PICTURE_SUFFIX,
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
    """Add the arguments of ``masa find``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} The last input is the recording, all before it are '
        'references: one execution each of the same activity. Prints every '
        'occurrence with a score, which is 1 if it equals a reference and 0.5 '
        'at the threshold, and nothing if there is none. Exits with 1 if '
        'inputs were left out, with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa find squat.mp4 training.mp4 -o found.csv -o found.html'
    )
    add_references_and(parser, 'recording')
    add_outputs(
        parser,
        '.html: a page of one file that plays the occurrences in step; '
        '.csv or .json: the frames and seconds of every occurrence, in '
        'the order of the recording; .png: pictures of them in step with the '
        f'references; {TRACKS_HELP}; a folder or .zip: pictures of the first, '
        'the middle and the last frame of each',
    )
    add_tolerance(parser, 'how far an occurrence may differ')
    parser.add_argument(
        '--mirrored',
        action='store_true',
        help='find the mirror image as well, such as the other arm',
    )
    add_options(parser, 'height')
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if inputs are missing or the output cannot be.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['find'], args.overwrite)
    check_references(parser, args)


def run(args: argparse.Namespace) -> int:
    """Find the occurrences, and print and write them.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # What reads and embeds is imported when the arguments are right.
    from ..writers.key_frames import pictures_of_occurrences, write_pictures
    from ..writers.tracks import track_of_occurrences
    from .embedded_inputs import run_on_first
    from .found_picture import write_found_picture
    from .pages import write_found_page
    from .tables import show_occurrences, write_occurrences

    def find(
        inferencer: AlignmentInferencer,
        recording: EmbeddedSequence,
        references: list[EmbeddedSequence],
    ) -> None:
        check_sequences(args.output, [recording])
        found = inferencer.find(
            references, recording, args.tolerance, args.mirrored
        )
        # In the order of the recording.
        found.sort()
        names = [references[one.reference].name for one in found]
        show_occurrences(recording.name, found, names)
        for path in args.output:
            suffix = output_suffix(path)
            if suffix == PAGE_SUFFIX:
                write_found_page(
                    *(path, inferencer, references, recording, found),
                    args.height,
                )
            elif suffix == PICTURE_SUFFIX:
                write_found_picture(
                    path, inferencer, references, recording, found
                )
            elif suffix in TRACK_FORMATS:
                track = track_of_occurrences(recording, found, names)
                write_tracks(path, [track])
            elif suffix in FOLDER_SUFFIXES:
                pictures = pictures_of_occurrences(
                    recording, found, inferencer.limits
                )
                what = f'{len(found)} occurrences in {recording.name}'
                write_pictures(path, pictures, what)
            else:
                write_occurrences(path, recording.name, found, names)

    return run_on_first(args, find, parts=True)
