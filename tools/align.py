"""Align videos, skeletons or features with a trained model."""

import argparse
import sys
from pathlib import Path

from masa.commands.options import add_options, bounded, check_output
from masa.support.command_line import end_with_status

VERBS = ('video', 'matches', 'retrieve', 'transfer_labels', 'anomaly')


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 1 if inputs were left out, with 2 '
        'if it could not be done.',
        epilog='Example: python tools/align.py work_dirs/masa_videos '
        'a.mp4 b.mp4 --video aligned.mp4 --matches aligned.csv',
    )
    parser.add_argument(
        'model', type=Path, help='work directory of a training, or a config'
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        type=Path,
        metavar='INPUT',
        help='videos, folders, .npy files, annotation files',
    )
    parser.add_argument(
        '--features',
        type=Path,
        default='',
        help='folder that the feature_path of an annotation file is in',
    )
    parser.add_argument(
        '--cache',
        type=Path,
        metavar='FOLDER',
        help='for what is extracted from videos, so that it is done once',
    )
    parser.add_argument(
        '--sequences',
        nargs='+',
        metavar='NAME',
        help='take these of the inputs only, in this order (default: all)',
    )
    add_options(
        parser,
        *('weights', 'unsafe-load', 'device', 'overwrite', 'skip-broken'),
        *('max-pixels', 'max-seconds'),
    )
    verbs = parser.add_argument_group('what to do, one or several')
    verbs.add_argument(
        '--video',
        type=Path,
        metavar='FILE',
        help='.mp4 or .gif: the sequences in step and, above, as recorded',
    )
    verbs.add_argument(
        '--matches',
        type=Path,
        metavar='FILE',
        help='.csv or .json: the frame and the second of every sequence at '
        "every moment of the reference's timeline",
    )
    verbs.add_argument(
        '--retrieve',
        metavar='NAME:FRAME',
        help='the same moment in the other sequences, the nearest first',
    )
    verbs.add_argument(
        '--transfer-labels',
        metavar='NAME',
        help='carry its labels over to the others, into --results',
    )
    verbs.add_argument(
        '--anomaly',
        metavar='NAME',
        help='score its frames against the others, into --results',
    )
    options = parser.add_argument_group('how to do it')
    options.add_argument(
        '--results',
        type=Path,
        metavar='FILE',
        help='.csv or .json, of --transfer-labels or --anomaly',
    )
    options.add_argument(
        '--labels',
        type=Path,
        metavar='FILE',
        help='for --transfer-labels: .txt with a label a line, or .csv with '
        'phases of segments, see docs/data.md (default: its phases)',
    )
    options.add_argument(
        '--reference',
        metavar='NAME',
        help='whose timeline (default: the one that is nearest to all)',
    )
    options.add_argument(
        '--method',
        choices=['dtw', 'nearest'],
        default='dtw',
        help='of --video, --matches and --transfer-labels: dtw keeps the '
        'order of the frames, nearest takes the nearest frame in any order '
        '(default: %(default)s)',
    )
    add_options(options, 'frame-rate')
    options.add_argument(
        '-k', type=bounded(int, 1), default=5, help='how many to retrieve'
    )
    options.add_argument(
        '--index',
        type=Path,
        metavar='FILE.faiss',
        help='for --retrieve: look in this index of tools/index_frames.py, '
        'not in the other inputs',
    )
    options.add_argument(
        '--height',
        type=bounded(int, 16),
        default=240,
        help="of the video's pictures",
    )
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    asked = [name for name in VERBS if getattr(args, name) is not None]
    args.asked = asked
    if not asked:
        wanted = ', '.join(f'--{name.replace("_", "-")}' for name in VERBS)
        parser.error(f'nothing to do: give some of {wanted}')
    long = {'transfer_labels', 'anomaly'} & set(asked)
    if len(long) != (args.results is not None):
        parser.error(
            '--transfer-labels and --anomaly write to --results FILE, one of '
            'them at a time'
        )
    with_method = {'video', 'matches', 'transfer_labels'} & set(asked)
    if args.method != 'dtw' and not with_method:
        parser.error(
            '--method goes with --video, --matches or --transfer-labels'
        )
    if args.labels is not None and args.transfer_labels is None:
        parser.error('--labels goes with --transfer-labels')
    if args.index is not None and args.retrieve is None:
        parser.error('--index goes with --retrieve')
    for name, suffixes in (
        ('video', ('.mp4', '.gif')),
        ('matches', ('.csv', '.json')),
        ('results', ('.csv', '.json')),
    ):
        path = getattr(args, name)
        if path is not None:
            check_output(parser, path, suffixes, args.overwrite)
    if args.retrieve is not None:
        name, _, frame = args.retrieve.rpartition(':')
        if not name or not frame.lstrip('-').isdigit():
            parser.error(
                f'--retrieve {args.retrieve} is expected to be NAME:FRAME'
            )


def main(argv=None) -> int:
    """Run what is asked for."""
    args = parse_args(argv)
    # Those of files and checkpoints are among them.
    return end_with_status(
        lambda: _run(args), (ValueError, IndexError, ImportError)
    )


def _run(args: argparse.Namespace) -> int:
    # PyTorch takes seconds to import, and the help does not need it.
    from masa.commands.align import run_alignment

    return run_alignment(args)


if __name__ == '__main__':
    sys.exit(main())
