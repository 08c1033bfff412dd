"""Turn poses of mmpose, OpenPose or AlphaPose into an annotation file."""

import argparse
import sys
from pathlib import Path


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} The format is found out by the content. Exits '
        'with 1 if sequences were left out, with 2 if it could not be done.',
        epilog='Example: python tools/dataset_converters/pose_files.py '
        'openpose_json data/mine.pkl --labels labels.csv --frame-rate 30',
    )
    parser.add_argument(
        'inputs',
        type=Path,
        nargs='+',
        metavar='INPUT',
        help='.json files, and folders of them',
    )
    parser.add_argument(
        'output', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output file'
    )
    parser.add_argument(
        '--labels',
        type=Path,
        metavar='FILE.csv',
        help='columns sequence, activity, split (default: no activity, all '
        'in the split train)',
    )
    parser.add_argument(
        '--phases',
        type=Path,
        metavar='FILE.csv',
        help='phases of the frames: columns sequence, start, end (seconds), '
        'phase, or frames: see docs/data.md',
    )
    parser.add_argument(
        '--frame-rate',
        type=float,
        metavar='HZ',
        help='frames per second of all sequences, which the files do not say',
    )
    parser.add_argument(
        '--layout',
        metavar='NAME',
        help='of the joints, such as COCO_17 (default: what the file says, '
        'or what its format has of that number)',
    )
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
    parser.add_argument(
        '--skip-broken',
        action='store_true',
        help='leave out what cannot be used, and list it at the end',
    )
    args = parser.parse_args(argv)
    if args.output.suffix not in ('.pkl', '.npz', '.json'):
        parser.error(f'{args.output} is expected to be .pkl, .npz or .json')
    if args.output.exists() and not args.overwrite:
        parser.error(f'{args.output} exists; --overwrite replaces it')
    if args.person < 1:
        parser.error('--person is expected above 0')
    if not 0 <= args.min_found <= 1:
        parser.error('--min-found is expected in [0, 1]')
    if args.frame_rate is not None and not 0 < args.frame_rate < 1e6:
        parser.error('--frame-rate is expected above 0')
    return args


def main(argv=None) -> int:
    """Run the conversion."""
    args = parse_args(argv)
    from masa.command_line import end_with_status
    from masa.datasets.errors import AnnotationError
    from masa.extraction.errors import ExtractionError

    return end_with_status(
        lambda: _convert(args), (AnnotationError, ExtractionError)
    )


def _convert(args: argparse.Namespace) -> int:
    from masa.datasets.conversion import save_checked
    from masa.datasets.conversion_cli import next_step
    from masa.datasets.frame_labels import add_phases
    from masa.pose_files.conversion import make_annotations

    annotations, problems = make_annotations(
        args.inputs,
        args.labels,
        args.layout,
        args.person,
        args.min_found,
        args.frame_rate,
        args.skip_broken,
    )
    remarks = []
    if args.phases is not None:
        annotations, remarks = add_phases(annotations, args.phases)
    save_checked(annotations, args.output, args.inputs[0])
    joints = len(annotations['skeleton']['joints'])
    for record in annotations['annotations']:
        score = record['keypoint_score'][0]
        print(
            f'{record["frame_dir"]}: {record["total_frames"]} frames, found '
            f'in {int((score > 0).any(-1).sum())}, {joints} joints'
        )
    for remark in remarks:
        print(remark)
    print(next_step(annotations, args.output))
    for name, problem in problems.items():
        print(f'left out: {name}: {problem}', file=sys.stderr)
    return int(bool(problems))


if __name__ == '__main__':
    sys.exit(main())
