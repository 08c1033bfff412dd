"""Join lists of records, as MMAction2's scripts write, into one file."""

import argparse
from pathlib import Path

from ...datasets.errors import AnnotationError
from ...datasets.skeletons import LAYOUTS, layouts_of
from ..conversion import (
    add_output,
    check_annotation_file,
    next_step,
)

EXPECTED = (AnnotationError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert join``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} A file holds a list of records, or a single '
        'record as for one video.'
    )
    parser.epilog = (
        'Example: masa convert join '
        'data/mine.pkl --split train custom_dataset_train.pkl --split val '
        'custom_dataset_val.pkl --skeleton COCO_17'
    )
    add_output(parser)
    parser.add_argument(
        '--split',
        nargs='+',
        action='append',
        default=[],
        metavar=('NAME', 'FILE'),
        help='name of a split, and the files whose records are in it; may be '
        'given several times',
    )
    parser.add_argument(
        '--annotations',
        nargs='+',
        type=Path,
        default=[],
        metavar='FILE',
        help='annotation files, whose own splits are kept',
    )
    parser.add_argument(
        '--skeleton',
        choices=LAYOUTS,
        help='layout of the joints, which the recipes need and the files of '
        'MMAction2 and PYSKL do not have',
    )
    parser.add_argument(
        '--poses',
        metavar='FOLDER',
        help='folder that the raw_file of records is relative to, to put '
        'their poses into the file',
    )


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_annotation_file(parser, args)
    for name, *files in args.split:
        if not files:
            parser.error(f'--split {name} is expected to name a file, too')
    args.parts = [(None, path) for path in args.annotations] + [
        (name, Path(file)) for name, *files in args.split for file in files
    ]
    if not args.parts:
        parser.error('--split NAME FILE or --annotations FILE is expected')


def run(args: argparse.Namespace) -> None:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    from ...datasets import save_annotations
    from ...datasets.join import join_annotations

    annotations = join_annotations(args.parts, args.skeleton, args.poses)
    save_annotations(annotations, args.output)
    for name, ids in annotations['split'].items():
        print(f'split {name}: {len(ids)} sequences')
    if 'skeleton' not in annotations:
        print(without_skeleton(annotations['annotations']))
    print(next_step(annotations, args.output))


def without_skeleton(records: list[dict]) -> str:
    """Say which layouts the joints may have."""
    counts = {
        record['keypoint'].shape[2]
        for record in records
        if 'keypoint' in record
    }
    known = [name for count in sorted(counts) for name in layouts_of(count)]
    return (
        'no skeleton: the recipes need one, --skeleton '
        f'{" or ".join(known or LAYOUTS)}'
    )
