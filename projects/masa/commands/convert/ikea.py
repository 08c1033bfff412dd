"""Turn IKEA ASM's drawer assemblies into an annotation file."""

import argparse
from pathlib import Path

from ...datasets.errors import AnnotationError
from ...datasets.skeletons import LAYOUTS
from ..conversion import (
    Converted,
    add_output,
    check_annotation_file,
    run_conversion,
)
from ..options import add_options, folder

DRAWER = 'Kallax_Shelf_Drawer'

EXPECTED = (AnnotationError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert ikea``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = __doc__
    parser.epilog = (
        'Example: masa convert ikea '
        'action_annotations/gt_segments.json data/ikea.pkl --poses pose3d '
        'ANU_ikea_dataset --val-share 0.2'
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
        type=folder,
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
    add_options(parser, 'val-share', 'seed')


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_annotation_file(parser, args)
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
    if args.poses and not Path(args.poses[1]).is_dir():
        parser.error(f'there is no folder {args.poses[1]}')


def read_poses(args: argparse.Namespace, scan: str, frames: int):
    """Read the joints of a scan."""
    from ...datasets.ikea_asm import read_bodies, read_pose2d, read_pose3d

    kind, root = args.poses
    device = Path(root, scan, args.camera)
    if kind == 'pose3d':
        return read_pose3d(device / 'pose3d', frames, args.skeleton)
    if kind == 'pose2d':
        folder = device / 'predictions' / 'pose2d' / args.predictions
        return read_pose2d(folder, frames, args.skeleton)
    return read_bodies(Path(root, f'{scan}.npy'), frames, args.skeleton)


def convert(args: argparse.Namespace) -> Converted:
    """Make the annotations, and say what is remarkable about them."""
    # The help needs none of them.
    from ...datasets.conversion import LabeledSequence, build_annotations
    from ...datasets.ikea_asm import (
        DRAWER_PHASES,
        feature_file,
        frame_phases,
        read_segments,
    )

    sequences, layouts = [], set()
    foreign = other_length = empty = total = 0
    for scan in read_segments(args.segments, DRAWER):
        frames, fields = scan.frames, {}
        if args.features:
            fields['feature_path'], frames = feature_file(args.features, scan)
            other_length += frames != scan.frames
        phase, more = frame_phases(scan, frames, args.na)
        foreign += more
        keypoint = visible = None
        if args.poses:
            keypoint, visible, layout = read_poses(args, scan.name, frames)
            layouts.add(layout)
            empty += int((~visible.any(1)).sum())
            total += frames
        sequences.append(
            LabeledSequence(
                *(scan.name, keypoint, visible, DRAWER, scan.split, phase),
                fields,
            )
        )
    if len(layouts) > 1:
        raise AnnotationError(
            'sequences are expected to have the same joints, but have '
            f'{sorted(layouts)}'
        )
    annotations, blind = build_annotations(
        sequences,
        LAYOUTS[layouts.pop()] if layouts else None,
        phases={DRAWER: list(DRAWER_PHASES)},
        val_share=args.val_share,
        seed=args.seed,
    )
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
    return Converted(annotations, remarks, {})


def run(args: argparse.Namespace) -> int:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    return run_conversion(args, args.segments, convert)
