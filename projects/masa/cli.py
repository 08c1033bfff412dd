"""The command ``masa``.

A subcommand is a module of :mod:`masa.commands` with ``add_arguments(parser)``
and ``run(args)``, which returns the exit status, and perhaps
``check_arguments(parser, args)`` for what argparse cannot check and
``EXPECTED``, the errors of ``run`` whose message is enough. Only the
module of the subcommand that is called is imported, and it imports what takes
long when it runs, so that the help is there at once.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple, NoReturn

from . import __version__
from .support.command_line import end_with_status
from .support.extras import how_to_install


class Command(NamedTuple):
    """A subcommand.

    Attributes:
        summary (str): What it does, in a line of the help.
        module (str): Its module below :mod:`masa.commands`.
        extra (str): The extra without which it can do nothing, or less.
    """

    summary: str
    module: str
    extra: str = ''


class Group(NamedTuple):
    """Subcommands under one word.

    Attributes:
        summary (str): What they do, in a line of the help.
        commands (dict[str, Command]): The subcommands by name.
    """

    summary: str
    commands: dict[str, Command]


COMMANDS: dict[str, Command | Group] = {
    'align': Command('align sequences in time: video or table', 'align'),
    'embed': Command('embed the frames of sequences', 'embed'),
    'label': Command('transfer labels of a sequence to others', 'label'),
    'find': Command('find and count occurrences in a recording', 'find'),
    'search': Command('find a moment of a sequence in others', 'search'),
    'ingest': Command(
        'add recordings to an archive, to search many', 'ingest', 'archive'
    ),
    'discover': Command(
        'find what recurs in an archive', 'discover', 'archive'
    ),
    'forget': Command(
        'delete a person or sequence from an archive', 'forget', 'archive'
    ),
    'compare': Command(
        'explain an attempt by references: score, timing, joints', 'compare'
    ),
    'anomaly': Command('score frames against reference sequences', 'anomaly'),
    'live': Command('follow a camera or a video along a reference', 'live'),
    'app': Command(
        'a page on this machine, for the same without commands', 'app', 'app'
    ),
    'extract': Group(
        'skeletons or features from videos',
        {
            'skeletons': Command(
                'estimate the poses of a person', 'extract_skeletons'
            ),
            'features': Command(
                'compute features with an image model', 'extract_features'
            ),
        },
    ),
    'convert': Group(
        'pose files and data sets to annotation files, and back to tables',
        {
            'poses': Command(
                'poses of other programs and of motion capture',
                'convert.poses',
            ),
            'join': Command(
                "lists of records, as MMAction2's scripts write",
                'convert.join',
            ),
            'phases': Command(
                'add phases that were labelled in a spreadsheet',
                'convert.phases',
            ),
            'joints': Command(
                'joints of an annotation file to a table (CSV)',
                'convert.joints',
            ),
            'casa': Command("CASA's data files", 'convert.casa'),
            'penn': Command('Penn Action', 'convert.penn'),
            'h2o': Command('H2O', 'convert.h2o'),
            'ikea': Command('IKEA ASM', 'convert.ikea'),
            'utd': Command('UTD-MHAD', 'convert.utd'),
        },
    ),
    'check': Command(
        'list every problem of annotation files', 'check', 'train'
    ),
    'index': Command('index the frames of large collections', 'index'),
    'train': Command('train a model', 'train', 'train'),
    'test': Command('evaluate a checkpoint', 'test', 'train'),
    'configs': Command('list the configs that come with masa', 'configs'),
    'experiment': Command(
        'compare methods under one protocol', 'experiment', 'train'
    ),
    'export': Command(
        'export a trained model: ONNX or safetensors',
        'export',
        'train,export',
    ),
    'report': Command(
        'one page with all figures of a training', 'report', 'train'
    ),
    'plot': Command('the figures of a training as files', 'plot', 'train'),
    'doctor': Command('what is installed and what is missing', 'doctor'),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(
            2,
            f'{self.prog}: error: {message} ("{self.prog} --help" tells '
            'more)\n',
        )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse and check a command line.

    Args:
        argv (Sequence[str], optional): Defaults to the arguments of this
            process.

    Returns:
        argparse.Namespace: The arguments, and ``run``, the function that
        takes them.

    Raises:
        SystemExit: After the help, with status 0; with 2 if the arguments
            cannot be used.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = _Parser(
        prog='masa',
        description='Align videos and motion sequences in time.',
        epilog='"masa COMMAND --help" tells more, with an example. Example: '
        'masa align a.mp4 b.mp4 --output aligned.mp4',
    )
    parser.add_argument(
        '--version', action='version', version=f'masa {__version__}'
    )
    # The only options before a subcommand are those that end the program.
    words = [word for word in argv if not word.startswith('-')]
    chosen = _add_commands(parser, COMMANDS, words)
    args = parser.parse_args(argv or ['--help'])
    parser, module = chosen
    if hasattr(module, 'check_arguments'):
        module.check_arguments(parser, args)
    args.run = module.run
    if hasattr(module, 'EXPECTED'):
        args.run = functools.partial(
            _run_expecting, module.run, module.EXPECTED
        )
    return args


def _run_expecting(
    run: Callable[[argparse.Namespace], int | None],
    expected: tuple[type[Exception], ...],
    args: argparse.Namespace,
) -> int:
    return end_with_status(lambda: run(args), expected)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv (Sequence[str], optional): Defaults to the arguments of this
            process.

    Returns:
        int: The exit status.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        with _short_warnings():
            args = parse_args(argv)
            return args.run(args)
    except ModuleNotFoundError as error:
        # A module of masa that is missing is a defect.
        if error.name is None or error.name.partition('.')[0] == 'masa':
            raise
        print(
            f'error: {error.name} is not installed; {_needed(argv)}"masa '
            'doctor" tells what is missing and how to install it',
            file=sys.stderr,
        )
        return 2


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Show warnings to somebody who did not write the program."""
    usual = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f'warning: {message}\n'
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _needed(argv: Sequence[str]) -> str:
    name = next(word for word in argv if word in COMMANDS)
    command = COMMANDS[name]
    if isinstance(command, Group) or not command.extra:
        return ''
    return (
        f'masa {name} needs the extra "{command.extra}": '
        f'{how_to_install(command.extra)}; '
    )


def _add_commands(
    parser: argparse.ArgumentParser,
    commands: Mapping[str, Command | Group],
    words: Sequence[str],
) -> tuple[argparse.ArgumentParser, ModuleType] | None:
    """Add subcommands, with its arguments the one that ``words`` begin with.

    The parser and the module of that one are returned.
    """
    chosen = None
    subparsers = parser.add_subparsers(metavar='COMMAND', required=True)
    for name, command in commands.items():
        one = subparsers.add_parser(name, help=command.summary)
        if list(words[:1]) != [name]:
            continue
        if isinstance(command, Group):
            one.description = f'{name.capitalize()} {command.summary}.'
            chosen = _add_commands(one, command.commands, words[1:])
        else:
            module = importlib.import_module(f'masa.commands.{command.module}')
            module.add_arguments(one)
            chosen = one, module
    return chosen
