"""Options of the commands that run a trained model."""

import argparse
from pathlib import Path
from typing import Any

from ..datasets.skeletons import LAYOUTS, UP_AXES
from ..extraction.limits import MediaLimits
from .options import add_options, bounded, config_file

_INPUT_KINDS = (
    'videos, pose files, folders of either, .npy files, annotation files'
)


def _cache(text: str) -> Path | None:
    return None if text == 'none' else Path(text)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add ``inputs``, the sequences.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.add_argument(
        'inputs', nargs='+', type=Path, metavar='INPUT', help=_INPUT_KINDS
    )


def add_first_and_others(
    parser: argparse.ArgumentParser, first: str, others: str
) -> None:
    """Add a sequence with a role of its own, and others.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        first (str): What the sequence is, such as ``reference``: its name in
            the help, and the option for the name of one of several.
        others (str): What the others are called in the help.
    """
    parser.add_argument('first', type=Path, metavar=first.upper())
    parser.add_argument(
        'others',
        nargs='*',
        type=Path,
        metavar=others.upper(),
        help=_INPUT_KINDS,
    )
    parser.add_argument(
        f'--{first}',
        dest='name',
        metavar='NAME',
        help=f'name of the {first}, where {first.upper()} holds several '
        'sequences; it may then be in any input',
    )
    parser.set_defaults(name_option=f'--{first}')


def add_references_and(parser: argparse.ArgumentParser, last: str) -> None:
    """Add ``inputs``, of which the last has a role of its own.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        last (str): What the last one is, such as ``attempt``: the option for
            the name of one of several.
    """
    add_inputs(parser)
    parser.add_argument(
        f'--{last}',
        dest='name',
        metavar='NAME',
        help=f'name of the {last}, where the last input holds several '
        'sequences; it may then be in any input',
    )
    parser.set_defaults(name_option=f'--{last}')


def check_references(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Tell the last input from the references, or end with a message.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments, which get ``first``,
            the last input, and ``others``.
    """
    *args.others, args.first = args.inputs
    if not args.others and args.name is None:
        last = args.name_option.removeprefix('--')
        parser.error(f'a reference and, last, the {last} are expected')


def check_others(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if there cannot be a second sequence.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if not args.others and args.name is None:
        parser.error(
            f'a second input, or {args.name_option} NAME, is expected'
        )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the model, how it reads its inputs, and which of them it takes.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    group = add_reading_options(parser)
    group.add_argument(
        '--only',
        nargs='+',
        metavar='NAME',
        help='use these sequences of the inputs only, in this order '
        '(default: all)',
    )
    add_options(group, 'skip-broken')


def add_reading_options(
    parser: argparse.ArgumentParser,
) -> argparse._ArgumentGroup:
    """Add the model and how it reads its inputs.

    Args:
        parser (argparse.ArgumentParser): The command's parser.

    Returns:
        argparse._ArgumentGroup: For more options of the kind.
    """
    group = parser.add_argument_group('model and inputs')
    group.add_argument(
        '--model',
        type=config_file,
        help='work directory of a training, a config, or an .onnx file '
        '(default: the pretrained model of a body that comes with masa)',
    )
    add_options(group, 'weights', 'unsafe-load', 'device')
    group.add_argument(
        '--features',
        type=Path,
        default='',
        metavar='FOLDER',
        help='folder that the feature_path of an annotation file is in',
    )
    group.add_argument(
        '--cache',
        type=_cache,
        default=True,
        metavar='FOLDER',
        help='keeps what is extracted from videos, so that it is done once; '
        'or the --output of masa extract, whose files are used; none keeps '
        "nothing (default: in the user's cache folder: see masa doctor)",
    )
    add_options(group, 'time-step')
    group.add_argument(
        '--layout',
        type=str.upper,
        choices=LAYOUTS,
        metavar='NAME',
        help='of the joints of inputs that do not say theirs, such as .npy '
        f'files, for a model that takes any body: {", ".join(LAYOUTS)} '
        "(default: the model's own)",
    )
    group.add_argument(
        '--up-axis',
        choices=UP_AXES,
        help='which way is up in 3D joints, for such a model; down is '
        '--up-axis=-y (default: what the file or the layout says)',
    )
    add_options(group, 'frame-rate', 'max-pixels', 'max-seconds')
    return group


def model_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of ``AlignmentInferencer`` that options set.

    Args:
        args (argparse.Namespace): Of :func:`add_reading_options`.

    Returns:
        dict[str, Any]: By their names.
    """
    names = (
        *('model', 'weights', 'device', 'features', 'cache', 'frame_rate'),
        *('layout', 'up_axis', 'unsafe_load', 'time_step'),
    )
    limits = MediaLimits(args.max_pixels, args.max_seconds)
    return {name: getattr(args, name) for name in names} | dict(limits=limits)


def add_tolerance(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--tolerance``, how alike an occurrence is to a reference.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        what (str): What it limits, for the help.
    """
    parser.add_argument(
        '--tolerance',
        type=bounded(float, 0, open_low=True),
        metavar='SHARE',
        help=f'{what}, as a share of how far the frames of a reference '
        'differ from each other; a pose that is held is at 0.5 (default: '
        '0.15, 0.2 for bodies filmed from one side, or 0.3 for bodies in 3D)',
    )


def add_method(parser: argparse.ArgumentParser, partial: bool = False) -> None:
    """Add ``--method``, how frames are matched.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        partial (bool): Whether frames may be left unmatched. Defaults to
            False.
    """
    parser.add_argument(
        '--method',
        choices=['dtw', 'nearest', *['partial'] * partial],
        default='dtw',
        help='dtw keeps the order of the frames, nearest takes the nearest '
        'frame in any order'
        + partial
        * ', partial leaves frames without a counterpart out, such '
        'as those before and after what all recordings show'
        + ' (default: %(default)s)',
    )
