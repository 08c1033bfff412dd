"""Turn IKEA ASM's drawer assemblies into an annotation file."""

import argparse
import sys
from pathlib import Path

from masa.datasets.conversion_cli import (
    add_hold_out,
    add_output,
    check_arguments,
    next_step,
    summary,
)
from masa.datasets.ikea_files import DRAWER, read_segments
from masa.datasets.skeletons import LAYOUTS


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Example: python tools/dataset_converters/ikea_asm.py '
        'action_annotations/gt_segments.json data/ikea.pkl --poses pose3d '
        'ANU_ikea_dataset --val-share 0.2',
    )
    parser.add_argument(
        'segments', type=Path, help='gt_segments.json of the download'
    )
    add_output(parser)
    parser.add_argument(
        '--poses',
        nargs=2,
        metavar=('KIND', 'FOLDER'),
        help='joints: pose3d (triangulated) or pose2d (estimated in the '
        f'image), of the folder that {DRAWER} is in; or bodies (joints of a '
        f'body model), of a folder of {DRAWER}/SCAN.npy: see docs/data.md',
    )
    parser.add_argument(
        '--skeleton',
        choices=LAYOUTS,
        help='layout of the joints; needed for bodies, and where the files '
        'of pose3d or the method of pose2d do not tell theirs',
    )
    parser.add_argument(
        '--features',
        type=Path,
        metavar='FOLDER',
        help=f'frame features: a folder of {DRAWER}/SCAN.npy',
    )
    parser.add_argument(
        '--camera', default='dev3', help='of the poses (default: dev3)'
    )
    parser.add_argument(
        '--predictions',
        default='keypoint_rcnn_ft',
        help='of pose2d, below predictions/pose2d (default: %(default)s)',
    )
    parser.add_argument(
        '--na',
        choices=['phase', 'unknown'],
        default='phase',
        help='whether frames without an action are a phase of their own '
        '(default) or of unknown phase',
    )
    add_hold_out(parser)
    args = parser.parse_args(argv)
    check_arguments(parser, args)
    if args.poses is None and args.features is None:
        parser.error('--poses, --features or both are expected')
    if args.poses and args.poses[0] not in ('pose3d', 'pose2d', 'bodies'):
        parser.error(
            f'--poses {args.poses[0]}: pose3d, pose2d or bodies is expected'
        )
    if args.poses and args.poses[0] == 'bodies' and args.skeleton is None:
        parser.error(
            '--poses bodies: the files do not tell the order of their '
            'joints; name it by --skeleton, such as OPENPOSE_25 (BODY_25) or '
            'KINECT_25 (NTU RGB+D)'
        )
    folders = [args.features, args.poses and Path(args.poses[1])]
    for folder in filter(None, folders):
        if not folder.is_dir():
            parser.error(f'there is no folder {folder}')
    return args


def read_poses(args: argparse.Namespace, scan: str, frames: int) -> dict:
    """Read the joints of a scan, if there are to be any."""
    from masa.datasets.ikea_poses import read_bodies, read_pose2d, read_pose3d

    if args.poses is None:
        return {}
    kind, root = args.poses
    device = Path(root, scan, args.camera)
    if kind == 'pose3d':
        poses = read_pose3d(device / 'pose3d', frames, args.skeleton)
    elif kind == 'pose2d':
        folder = device / 'predictions' / 'pose2d' / args.predictions
        poses = read_pose2d(folder, frames, args.skeleton)
    else:
        path = Path(root, f'{scan}.npy')
        poses = read_bodies(path, frames, args.skeleton)
    return poses._asdict()


def read(args: argparse.Namespace) -> tuple[dict, list[str]]:
    """Make the annotations, and say what is remarkable about them."""
    # The help needs none of them.
    from masa.datasets.ikea_asm import (
        DrawerSequence,
        feature_file,
        frame_phases,
        make_annotations,
    )

    sequences, foreign, other_length, empty, total = [], 0, 0, 0, 0
    for scan in read_segments(args.segments, DRAWER):
        frames, feature = scan.frames, None
        if args.features:
            feature, frames = feature_file(args.features, scan)
            other_length += frames != scan.frames
        phase, more = frame_phases(scan, frames, args.na)
        foreign += more
        poses = read_poses(args, scan.name, frames)
        if poses:
            empty += int((~poses['visible'].any(1)).sum())
            total += frames
        sequences.append(
            DrawerSequence(
                scan.name,
                scan.is_train,
                phase,
                feature_path=feature,
                **poses,
            )
        )
    annotations, blind = make_annotations(sequences, args.val_share, args.seed)
    remarks = []
    if empty:
        remarks.append(
            f'{empty} of {total} frames have no pose and were filled from '
            'their neighbors'
        )
    if foreign:
        remarks.append(
            f'{foreign} segments are actions of other furniture and count as '
            '"other"'
        )
    if other_length:
        remarks.append(
            f'{other_length} sequences have some frames more or fewer than '
            'their labels: labels were cut, or the last frames left unknown'
        )
    if blind:
        remarks.append(f'left out, nobody is ever seen: {", ".join(blind)}')
    return annotations, remarks


def main(argv=None) -> int:
    """Run the conversion."""
    args = parse_args(argv)
    # The help needs none of them.
    from rich.console import Console

    from masa.datasets import AnnotationError
    from masa.datasets.conversion import save_checked

    try:
        annotations, remarks = read(args)
        save_checked(annotations, args.output, args.segments)
    except (AnnotationError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    Console().print(summary(annotations))
    for remark in remarks:
        print(remark)
    print(next_step(annotations, args.output))
    return 0


if __name__ == '__main__':
    sys.exit(main())
