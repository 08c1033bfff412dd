"""Turn errors and signals into messages and exit statuses."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What the user can do about an OSError, by errno.
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
# The beginning of PyTorch's message; its error is a RuntimeError.
_WORKER_DIED = 'DataLoader worker'
# Windows has no timer.
_HAS_TIMER = hasattr(signal, 'setitimer')
# Seconds after which KeyboardInterrupt is raised again if it was lost.
_AGAIN = 10
_ENDED = {signal.SIGTERM: 'terminated', signal.SIGINT: 'interrupted'}


def end_with_status(
    run: Callable[[], int | None],
    expected: tuple[type[Exception], ...] = (),
    how_to_go_on: Callable[[], str] = lambda: 'the same command goes on',
) -> int:
    """Run a tool and report errors that the user can fix in one line.

    Args:
        run (Callable[[], int | None]): The tool; returns the exit status or
            None for 0.
        expected (tuple[type[Exception], ...]): Errors reported by their
            message alone, besides OSError.
        how_to_go_on (Callable[[], str]): Returns how to continue after an
            interruption.

    Returns:
        int: The exit status: 2 after an error, 130 after Ctrl-C, 143 after
        SIGTERM, 141 where nothing reads the output any more.
    """
    with _signals_raise() as received:
        try:
            return run() or 0
        except BaseException as error:
            # Libraries may turn a KeyboardInterrupt into their own errors.
            if isinstance(error, KeyboardInterrupt) or received:
                number = (received or [signal.SIGINT])[0]
                word = _ENDED[number]
                print(f'{word}: {how_to_go_on()}', file=sys.stderr)
                # The status that shells use for a process killed by a signal.
                return 128 + number
            if isinstance(error, BrokenPipeError):
                return _end_of_pipe()
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


def _end_of_pipe() -> int:
    """Print no more to a program that has ended, such as ``head``."""
    # Python flushes the standard output when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # As a shell has it for a process that SIGPIPE ended.
    return 141


def _out_of_memory() -> tuple[type[Exception], ...]:
    # PyTorch is not imported for this: only it can raise the error.
    torch = sys.modules.get('torch')
    return () if torch is None else (torch.cuda.OutOfMemoryError,)


def _death_of_worker(error: BaseException | None) -> BaseException | None:
    """Find the error of a data loading process among the causes."""
    while error is not None and not str(error).startswith(_WORKER_DIED):
        error = error.__cause__ or error.__context__
    return error


def _one_line(error: Exception) -> str:
    text = ' '.join(str(error).split())
    remedy = _REMEDIES.get(getattr(error, 'errno', None))
    return f'{text}; {remedy}' if remedy else text


@contextmanager
def _signals_raise() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt on signals; yield the signals received."""
    received: list[int] = []
    owner = os.getpid()

    def end(number, frame):
        if os.getpid() != owner and number == signal.SIGTERM:
            # A data loading process exits at once.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        received.append(number)
        if _HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise KeyboardInterrupt

    def end_again(number, frame):
        # Python swallows exceptions in finalizers and callbacks.
        raise KeyboardInterrupt

    before = {}
    # Only the main thread may set handlers.
    if threading.current_thread() is threading.main_thread():
        for number in _ENDED:
            # Background jobs of a shell ignore SIGINT, and should continue to.
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
            # None stands for a handler not set from Python.
            signal.signal(number, handler or signal.SIG_DFL)
