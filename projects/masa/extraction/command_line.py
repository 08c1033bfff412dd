import argparse
import math
from collections.abc import Callable
from pathlib import Path

from ..support.broken_inputs import add_skip_broken
from .limits import DEFAULT_LIMITS


def add_sequence_options(
    parser: argparse.ArgumentParser, content: str
) -> None:
    """Add what every extraction asks for: input, output, labels."""
    parser.add_argument(
        'inputs',
        type=Path,
        nargs='+',
        metavar='INPUT',
        help='video files, folders of videos, folders of images',
    )
    parser.add_argument(
        '--output', type=Path, required=True, help=f'folder for the {content}'
    )
    parser.add_argument(
        '--ann-file',
        type=Path,
        required=True,
        help='annotation file to write: .pkl, .npz or .json',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the annotation file'
    )
    known = parser.add_mutually_exclusive_group()
    add_labels(known)
    known.add_argument(
        '--merge',
        type=Path,
        metavar='ANN_FILE',
        help=f'annotation file whose records get the {content}',
    )
    parser.add_argument(
        '--replace',
        action='store_true',
        help=f'with --merge: in the place of the {content} (and with --phases '
        'of the phases) that the file has',
    )
    add_phases_file(parser)


def add_labels(group: argparse._ActionsContainer) -> None:
    """Add the file of labels, for :func:`read_labels`."""
    group.add_argument(
        '--labels',
        type=Path,
        metavar='FILE.csv',
        help='columns sequence, activity, split (default: no activity, all '
        'in the split train)',
    )


def add_phases_file(parser: argparse.ArgumentParser) -> None:
    """Add the file of phases, for :mod:`masa.datasets.frame_labels`."""
    parser.add_argument(
        '--phases',
        type=Path,
        metavar='FILE.csv',
        help='phases of the frames: columns sequence, start, end (seconds), '
        'phase, or frames: see docs/data.md',
    )


def add_person_options(parser: argparse.ArgumentParser) -> None:
    """Add which of several people is taken."""
    person = parser.add_argument_group('person')
    person.add_argument(
        '--person',
        type=int,
        default=1,
        metavar='RANK',
        help='who of several, by size and score over the whole sequence '
        '(default: 1, the most prominent one)',
    )
    person.add_argument(
        '--min-found',
        type=float,
        default=0.5,
        metavar='SHARE',
        help='of the frames that must show the person for the sequence to be '
        'of use (default: %(default)s)',
    )


def check_person(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the choice of a person is wrong."""
    if args.person < 1:
        parser.error('--person is expected above 0')
    if not 0 <= args.min_found <= 1:
        parser.error('--min-found is expected in [0, 1]')


def add_running_options(parser: argparse.ArgumentParser):
    """Add how an extraction runs; return the group of these options."""
    running = parser.add_argument_group('running')
    running.add_argument(
        '--device', help='such as cuda:0 (default: cuda where there is one)'
    )
    add_skip_broken(running)
    add_limits(running)
    running.add_argument(
        '--dry-run', action='store_true', help='only list what would be done'
    )
    return running


def add_limits(group: argparse._ActionsContainer) -> None:
    """Add the limits of what is decoded."""
    group.add_argument(
        '--max-pixels',
        type=_positive(int),
        default=DEFAULT_LIMITS.max_pixels,
        metavar='N',
        help='refuse videos and images of more pixels a frame (default: '
        f'{DEFAULT_LIMITS.max_pixels:,}, twice those of 8K)',
    )
    group.add_argument(
        '--max-seconds',
        type=_positive(float),
        default=DEFAULT_LIMITS.max_seconds,
        metavar='SECONDS',
        help='refuse longer videos (default: '
        f'{DEFAULT_LIMITS.max_seconds:,.0f}, six hours)',
    )


def _positive(kind: type) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = kind(text)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(
                f'expected a number above 0, got {text}'
            )
        return number

    # In the error of a text that is no number.
    parse.__name__ = 'number'
    return parse


def check_files(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if a path is wrong."""
    if args.ann_file.suffix not in ('.pkl', '.npz', '.json'):
        parser.error(f'{args.ann_file} is expected to be .pkl, .npz or .json')
    if args.ann_file.exists() and not args.overwrite:
        parser.error(f'{args.ann_file} exists; --overwrite replaces it')
    if args.replace and args.merge is None:
        parser.error('--replace goes with --merge')
    for name, value in vars(args).items():
        if (
            name.endswith('weights')
            and isinstance(value, Path)
            and not value.is_file()
        ):
            parser.error(f'there is no file {value}')
