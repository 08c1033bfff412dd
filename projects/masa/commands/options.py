"""Options that several tools have, and checks of their values."""

import argparse
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..extraction.limits import DEFAULT_LIMITS
from ..support.argument_checks import check_range
from ..support.shipped_configs import config_paths
from ..writers.formats import output_suffix

# What the suffixes of TRACK_FORMATS are, for the help.
TRACKS_HELP = (
    '.srt or .vtt: subtitles; .eaf: ELAN; .labelstudio.json: Label Studio; '
    '.cvat.xml: CVAT'
)
# Blanks beside commas and brackets are layout, others are part of a value.
_INNER_BLANK = re.compile(r'[^\s,(\[]\s+[^\s,)\]]')


def bounded(
    kind: type, low: float, high: float = math.inf, **bounds: bool
) -> Callable[[str], float]:
    """Make the ``type`` of an option that is a number of an interval.

    Args:
        kind (type): ``int`` or ``float``.
        low (float): Lower bound.
        high (float): Upper bound. Defaults to infinity.
        **bounds (bool): ``open_low`` and ``open_high`` of
            :func:`~masa.support.argument_checks.check_range`.

    Returns:
        Callable: Parses the option's text.
    """

    def parse(text: str) -> float:
        try:
            value = kind(text)
            check_range('the value', value, low, high, **bounds)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value

    return parse


def folder(text: str) -> Path:
    """Parse the path of a folder, as the ``type`` of an option.

    Args:
        text (str): The path.

    Returns:
        Path: The same.

    Raises:
        argparse.ArgumentTypeError: If there is no such folder.
    """
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f'there is no folder {path}')
    return path


def config_file(text: str) -> str:
    """Parse a config file or folder, as the ``type`` of an argument.

    Args:
        text (str): A path, or the name of a config that comes with masa.

    Returns:
        str: The path.

    Raises:
        argparse.ArgumentTypeError: If it has no suffix, nothing is there, and
            no such config comes with masa.
    """
    path = Path(text)
    if path.suffix or path.is_absolute() or path.exists():
        return text
    try:
        return config_paths(text)[0]
    except FileNotFoundError as error:
        message = f'there is nothing at {text}, and {error}'
        raise argparse.ArgumentTypeError(message) from error


class ConfigOptions(argparse.Action):
    """Read ``key=value`` pairs as MMEngine's ``DictAction`` does.

    Unlike there, blanks inside of a value stay, as in paths. MMEngine is
    imported only when there are pairs, so that the help does not wait for it.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Put the pairs into the namespace, as a dict.

        Raises:
            argparse.ArgumentError: If a value is no such pair.
        """
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest, self.nargs)
        for value in values:
            key, is_pair, text = value.partition('=')
            if is_pair and _INNER_BLANK.search(text):
                if any(mark in text for mark in ',()[]'):
                    raise argparse.ArgumentError(
                        self,
                        f'{value!r} has a blank inside an item of a list, '
                        'which cannot be given here: set it in the config',
                    )
                options = getattr(namespace, self.dest) or {}
                options = dict(options, **{key: text.strip('\'"')})
                setattr(namespace, self.dest, options)
                continue
            try:
                action(parser, namespace, [value], option_string)
            # Raised by MMEngine without "=", with unequal brackets, and with
            # a comma within dict(...).
            except (ValueError, AssertionError, RecursionError):
                raise argparse.ArgumentError(
                    self,
                    f'{value!r} is expected to be key=value, the value a '
                    'number, a word, or a list "[a,b]" or "(a,b)"',
                ) from None


_SHARE = bounded(float, 0, 1, open_high=True)
_ABOVE_ZERO = bounded(float, 0, open_low=True)
# Arguments of add_argument, by the option's name.
_OPTIONS = {
    'weights': dict(type=Path, help='checkpoint (default: the last one)'),
    'unsafe-load': dict(
        action='store_true',
        help='let the checkpoint run any code that it holds: only for files '
        'whose maker you trust',
    ),
    'device': dict(help='such as cuda:0 (default: cuda where there is one)'),
    'overwrite': dict(action='store_true', help='replace existing files'),
    'skip-broken': dict(
        action='store_true',
        help='leave out inputs that cannot be used, and list them at the end',
    ),
    'cfg-options': dict(
        nargs='+',
        action=ConfigOptions,
        help='override settings of the config: key=value pairs, such as '
        'optim_wrapper.optimizer.lr=1e-3 or key="[a,b]"',
    ),
    'launcher': dict(
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    ),
    'height': dict(
        type=bounded(int, 16),
        default=240,
        help='of the pictures in a video or page (default: %(default)s)',
    ),
    'frame-rate': dict(
        type=_ABOVE_ZERO,
        metavar='HZ',
        help='frames per second of sequences that do not say theirs',
    ),
    'labels': dict(
        type=Path,
        metavar='FILE.csv',
        help='columns sequence, activity, split (default: no activity, all '
        'in the split train)',
    ),
    'phases': dict(
        type=Path,
        metavar='FILE.csv',
        help='phases of the frames: columns sequence, start, end (seconds), '
        'phase, or frames: see docs/data.md',
    ),
    'person': dict(
        type=bounded(int, 1),
        default=1,
        metavar='RANK',
        help='who of several, by size and score over the whole sequence '
        '(default: 1, the most prominent one)',
    ),
    'min-found': dict(
        type=bounded(float, 0, 1),
        default=0.5,
        metavar='SHARE',
        help='share of the frames that must show the person (default: '
        '%(default)s)',
    ),
    'time-step': dict(
        type=bounded(float, 0),
        default=0.0,
        metavar='SECONDS',
        help='estimate poses in frames of a video that are so far apart, and '
        'interpolate them in between: 0.1 takes about half the time at 30 '
        'frames a second (default: every frame)',
    ),
    'body-model': dict(
        type=Path,
        metavar='FILE.npz',
        help='SMPL or SMPL-X, to place the joints of files of rotations '
        '(default: an average body)',
    ),
    'max-pixels': dict(
        type=bounded(int, 1),
        default=DEFAULT_LIMITS.max_pixels,
        metavar='N',
        help='refuse videos and images with more pixels per frame (default: '
        f'{DEFAULT_LIMITS.max_pixels:,}, twice those of 8K)',
    ),
    'max-seconds': dict(
        type=_ABOVE_ZERO,
        default=DEFAULT_LIMITS.max_seconds,
        metavar='SECONDS',
        help='refuse longer videos (default: '
        f'{DEFAULT_LIMITS.max_seconds:,.0f}, six hours)',
    ),
    'seed': dict(
        type=int, default=0, help='of the draw of splits (default: 0)'
    ),
    'val-share': dict(
        type=_SHARE,
        default=0.0,
        help='share of the training sequences of every activity that makes a '
        'split "val" (default: 0, none)',
    ),
    'test-share': dict(
        type=_SHARE,
        default=0.0,
        help='where the official test split is not at hand: share of the '
        'training sequences that makes a split "test", drawn before "val" '
        '(default: 0, none)',
    ),
}


def add_options(parser: argparse._ActionsContainer, *names: str) -> None:
    """Add options that several tools have.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
        *names (str): Names of the options, without dashes in front.
    """
    for name in names:
        parser.add_argument(f'--{name}', **_OPTIONS[name])


def add_outputs(
    parser: argparse.ArgumentParser,
    formats: str,
    without: str | None = 'printed only',
) -> None:
    """Add ``--output``, which may be given several times, and ``--overwrite``.

    Args:
        parser (argparse.ArgumentParser): The tool's parser.
        formats (str): What is written in which format, for the help.
        without (str, optional): What becomes of the answer without one. None
            if there must be one.
    """
    default = f' (default: {without})' if without else ''
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        action='append',
        default=[],
        required=without is None,
        metavar='FILE',
        help=f'{formats}; may be given several times{default}',
    )
    add_options(parser, 'overwrite')


def check_outputs(
    parser: argparse.ArgumentParser,
    paths: Sequence[Path],
    suffixes: Sequence[str],
    overwrite: bool,
) -> None:
    """End the program if files cannot be outputs, or one is named twice.

    Args:
        parser (argparse.ArgumentParser): Prints the error.
        paths (Sequence[Path]): The files.
        suffixes (Sequence[str]): Those that they may have.
        overwrite (bool): Whether they may exist.
    """
    for path in paths:
        check_output(parser, path, suffixes, overwrite)
    if len({path.absolute() for path in paths}) < len(paths):
        parser.error('--output is expected to name each file once')


def check_output(
    parser: argparse.ArgumentParser,
    path: Path,
    suffixes: Sequence[str],
    overwrite: bool,
) -> None:
    """End the program if a file cannot be an output.

    Args:
        parser (argparse.ArgumentParser): Prints the error.
        path (Path): The file.
        suffixes (Sequence[str]): Those that it may have.
        overwrite (bool): Whether it may exist.
    """
    if output_suffix(path) not in suffixes:
        *others, last = (one or 'a folder' for one in suffixes)
        listed = f'{", ".join(others)} or {last}' if others else last
        parser.error(f'{path} is expected to be {listed}')
    if path.exists() and not overwrite:
        parser.error(f'{path} exists; --overwrite replaces it')
