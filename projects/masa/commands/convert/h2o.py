"""Turn H2O's hand poses and action lists into an annotation file."""

import argparse
from pathlib import Path

from ...datasets.errors import AnnotationError
from ...datasets.skeletons import H2O_JOINTS
from ..conversion import (
    Converted,
    add_output,
    check_annotation_file,
    run_conversion,
)
from ..options import folder

MILK = 'pouring_milk'

EXPECTED = (AnnotationError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert h2o``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = __doc__
    parser.epilog = (
        'Example: masa convert h2o h2o '
        'data/h2o_milk.pkl --lists h2odataset/action_labels --task '
        'pouring_milk --phases milk_events.json'
    )
    parser.add_argument(
        'root', type=folder, help='folder that subject1, subject2, ... are in'
    )
    add_output(parser)
    parser.add_argument(
        '--lists',
        type=folder,
        required=True,
        help='folder of action_train.txt, action_val.txt and '
        'action_test.txt, from github.com/taeinkwon/h2odataset',
    )
    parser.add_argument(
        '--task',
        choices=[MILK, 'actions'],
        default=MILK,
        help='the sequences of pouring milk and their phases, or all '
        'sequences with the 36 actions as phases (default: %(default)s)',
    )
    phases = parser.add_mutually_exclusive_group()
    phases.add_argument(
        '--phases',
        type=Path,
        metavar='FILE',
        help='key events of pouring milk, JSON: see docs/data.md',
    )
    phases.add_argument(
        '--action-phases',
        action='store_true',
        help='phases of pouring milk made of the official actions and what '
        'lies between them',
    )
    parser.add_argument(
        '--joints',
        choices=list(H2O_JOINTS),
        default='42',
        help='all joints of both hands; without the joint next to the tip '
        'of four fingers; that of the right hand alone (default: 42)',
    )
    parser.add_argument(
        '--camera',
        default='cam4',
        help="whose coordinates to use (default: cam4, on the person's head)",
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
    given = args.phases is not None or args.action_phases
    if args.task == MILK and not given:
        parser.error(
            "H2O's download has no phases of pouring milk: give them with "
            '--phases FILE (docs/data.md says how it is laid out), or take '
            'those that --action-phases makes of the official actions'
        )
    if args.task != MILK and given:
        parser.error('--phases and --action-phases go with pouring_milk')


def convert(args: argparse.Namespace) -> Converted:
    """Make the annotations, and say what they leave out."""
    # The help needs none of them.
    from ...datasets.h2o import (
        action_phases,
        make_annotations,
        milk_phases_of_actions,
        read_action_lists,
        read_sequences,
    )
    from ...datasets.key_events import (
        phases_from_key_events,
        read_key_events,
    )

    listed = read_action_lists(args.lists)
    remarks = []
    if args.task == MILK:
        # The test list does not tell which sequences are about milk.
        named = read_key_events(args.phases)[1] if args.phases else {}
        listed = [s for s in listed if s.object == 'milk' or s.name in named]
    sequences, missing = read_sequences(
        args.root,
        listed,
        args.joints,
        args.camera,
        MILK if args.task == MILK else None,
    )
    if missing:
        remarks.append(
            f'{len(missing)} sequences are not in {args.root} and left out: '
            + ', '.join(missing)
        )
    if args.phases:
        phases = phases_from_key_events(args.phases, sequences)
        labels, names = phases.labels, phases.names
        if phases.unmatched:
            remarks.append(
                f'{len(phases.unmatched)} sequences of {args.phases} are not '
                f'among those converted: {", ".join(phases.unmatched)}'
            )
    elif args.task == MILK:
        labels, names = milk_phases_of_actions(listed, MILK)
    else:
        labels, names = action_phases(listed)
    annotations, blind = make_annotations(
        sequences, args.joints, labels, names
    )
    if blind:
        remarks.append(
            f'left out, no hand is ever annotated: {", ".join(blind)}'
        )
    return Converted(annotations, remarks, {})


def run(args: argparse.Namespace) -> int:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    return run_conversion(args, args.root, convert)
