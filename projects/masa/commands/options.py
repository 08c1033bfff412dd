"""Options that several tools have, and checks of their values."""

import argparse
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..support.argument_checks import check_range

ANNOTATION_SUFFIXES = ('.pkl', '.npz', '.json')
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
            check_range('it', value, low, high, **bounds)
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
    if path.suffix not in suffixes:
        *others, last = suffixes
        listed = f'{", ".join(others)} or {last}' if others else last
        parser.error(f'{path} is expected to be {listed}')
    if path.exists() and not overwrite:
        parser.error(f'{path} exists; --overwrite replaces it')


def add_overwrite(parser: argparse._ActionsContainer) -> None:
    """Add ``--overwrite``, for :func:`check_output`.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    parser.add_argument(
        '--overwrite', action='store_true', help='replace existing files'
    )


def add_model(parser: argparse._ActionsContainer) -> None:
    """Add ``model``, ``--weights`` and ``--unsafe-load``.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    parser.add_argument(
        'model', type=Path, help='work directory of a training, or a config'
    )
    add_weights(parser)


def add_weights(parser: argparse._ActionsContainer) -> None:
    """Add ``--weights`` and ``--unsafe-load``.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    parser.add_argument(
        '--weights', type=Path, help='checkpoint (default: the last one)'
    )
    add_unsafe_load(parser)


def add_unsafe_load(parser: argparse._ActionsContainer) -> None:
    """Add ``--unsafe-load``.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    parser.add_argument(
        '--unsafe-load',
        action='store_true',
        help='let the checkpoint run any code that it holds: only for files '
        'whose maker you trust',
    )


def add_skip_broken(parser: argparse._ActionsContainer) -> None:
    """Add ``--skip-broken``.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    parser.add_argument(
        '--skip-broken',
        action='store_true',
        help='leave out inputs that cannot be used, and list them at the end',
    )


def add_frame_rate(parser: argparse._ActionsContainer, which: str) -> None:
    """Add ``--frame-rate``.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
        which (str): Whose frame rate it is.
    """
    parser.add_argument(
        '--frame-rate',
        type=bounded(float, 0, open_low=True),
        metavar='HZ',
        help=f'frames per second of {which}',
    )


def add_config_options(
    parser: argparse._ActionsContainer, example: str
) -> None:
    """Add ``--cfg-options``.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
        example (str): An example of its values.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        help='override settings of the config: key=value pairs, such as '
        f'{example}',
    )


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


def add_launcher(parser: argparse._ActionsContainer) -> None:
    """Add ``--launcher`` and ``--local-rank``, for :func:`set_local_rank`.

    Args:
        parser (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def set_local_rank(args: argparse.Namespace) -> None:
    """Tell MMEngine the number of this process on its machine.

    Args:
        args (argparse.Namespace): Parsed.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
