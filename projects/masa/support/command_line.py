"""How every tool ends: with a message that helps, and a status."""

import argparse
import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# What can be put right by whoever runs the tool, by the error's number.
_REMEDIES = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        'there is no room left: free some, then run the command again',
    ),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM),
        'it cannot be written or read: change its permissions, or give '
        'another path',
    ),
    **dict.fromkeys(
        (errno.EEXIST, errno.ENOTDIR),
        'a file is where a folder is expected: move it, or give another path',
    ),
}
# Blanks beside commas and brackets are layout, others are of a value.
_INNER_BLANK = re.compile(r'[^\s,(\[]\s+[^\s,)\]]')
# PyTorch knows it by its message alone.
_WORKER_DIED = 'DataLoader worker'
# Windows has no timer.
_HAS_TIMER = hasattr(signal, 'setitimer')
# Seconds after which a signal that was lost on the way is raised again.
_AGAIN = 10
_ENDED = {signal.SIGTERM: 'terminated', signal.SIGINT: 'interrupted'}


def add_unsafe_load(parser: argparse.ArgumentParser) -> None:
    """Add the option that trusts a checkpoint.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
    """
    parser.add_argument(
        '--unsafe-load',
        action='store_true',
        help='let the checkpoint run any code that it holds: only for files '
        'whose maker you trust',
    )


class ConfigOptions(argparse.Action):
    """Reads ``key=value`` pairs as MMEngine's ``DictAction`` does.

    Unlike there, blanks inside a value stay, as in paths. MMEngine is imported
    when there are pairs, not to print the help.
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
            argparse.ArgumentError: If one of them is no such pair.
        """
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest, self.nargs)
        for value in values:
            key, is_pair, text = value.partition('=')
            if is_pair and _INNER_BLANK.search(text):
                if any(mark in text for mark in ',()[]'):
                    raise argparse.ArgumentError(
                        self,
                        f'{value!r} has a blank inside a part of a list, '
                        'which cannot be given here: set it in the config',
                    )
                options = getattr(namespace, self.dest) or {}
                options = dict(options, **{key: text.strip('\'"')})
                setattr(namespace, self.dest, options)
                continue
            try:
                action(parser, namespace, [value], option_string)
            # What MMEngine raises without "=", with unequal brackets, and
            # with a comma within dict(...).
            except (ValueError, AssertionError, RecursionError):
                raise argparse.ArgumentError(
                    self,
                    f'{value!r} is expected to be key=value, the value a '
                    'number, a word, or a list "[a,b]" or "(a,b)"',
                ) from None


def end_with_status(
    run: Callable[[], int | None],
    expected: tuple[type[Exception], ...] = (),
    how_to_go_on: Callable[[], str] = lambda: 'the same command goes on',
) -> int:
    """Run a tool, and turn what the user can put right into a message.

    Args:
        run (Callable[[], int | None]): Returns the exit status, None for 0.
        expected (tuple[type[Exception], ...]): Errors whose message says all;
            those of the operating system are among them anyway.
        how_to_go_on (Callable[[], str]): Says it after an interruption.

    Returns:
        int: The status: 2 after an error, 130 after Ctrl-C, 143 after SIGTERM.
    """
    with _signals_raise() as received:
        try:
            return run() or 0
        except BaseException as error:
            # Libraries may turn what a signal raises into errors of theirs.
            if isinstance(error, KeyboardInterrupt) or received:
                number = (received or [signal.SIGINT])[0]
                word = _ENDED[number]
                print(f'{word}: {how_to_go_on()}', file=sys.stderr)
                # What a shell gives for a process that the signal ended.
                return 128 + number
            if isinstance(error, (*expected, OSError, *_out_of_memory())):
                print(f'error: {_one_line(error)}', file=sys.stderr)
                return 2
            died = _death_of_worker(error)
            if died is not None:
                print(
                    f'error: {_one_line(died)} A process that loads data was '
                    'ended from outside, or for want of memory: see dmesg, '
                    f'or take fewer num_workers; {how_to_go_on()}',
                    file=sys.stderr,
                )
                return 2
            raise


def _out_of_memory() -> tuple[type[Exception], ...]:
    # Without PyTorch nobody raises it.
    torch = sys.modules.get('torch')
    return () if torch is None else (torch.cuda.OutOfMemoryError,)


def _death_of_worker(error: BaseException | None) -> BaseException | None:
    """Find it behind an error, such as of a file that it left half written."""
    while error is not None and not str(error).startswith(_WORKER_DIED):
        error = error.__cause__ or error.__context__
    return error


def _one_line(error: Exception) -> str:
    text = ' '.join(str(error).split())
    remedy = _REMEDIES.get(getattr(error, 'errno', None))
    return f'{text}; {remedy}' if remedy else text


@contextmanager
def _signals_raise() -> Iterator[list[int]]:
    """Turn signals into KeyboardInterrupt, so that what is open is closed.

    Yields:
        list[int]: Those that came.
    """
    received: list[int] = []
    owner = os.getpid()

    def end(number, frame):
        if os.getpid() != owner and number == signal.SIGTERM:
            # A process that loads data is to end at once.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        received.append(number)
        if _HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise KeyboardInterrupt

    def end_again(number, frame):
        # Python drops what is raised in a finalizer or a callback.
        raise KeyboardInterrupt

    before = {}
    # Handlers belong to the main thread.
    if threading.current_thread() is threading.main_thread():
        for number in _ENDED:
            # A shell's background jobs ignore Ctrl-C.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, end)
        if _HAS_TIMER:
            before[signal.SIGALRM] = signal.signal(signal.SIGALRM, end_again)
    try:
        yield received
    finally:
        if received and _HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            # None: somebody else's, who is not asked from Python.
            signal.signal(number, handler or signal.SIG_DFL)
