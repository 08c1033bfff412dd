import multiprocessing
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS = Path('/proc/self/status')


def in_own_process(function: Callable, *args):
    """Call a function in a process that did nothing before.

    It is forked from a server that holds the imports alone, which takes a
    moment where a new interpreter takes seconds.

    Args:
        function (Callable): Of a module, so that the process finds it.
        *args: What it is called with.

    Returns:
        Any: What it returns.

    Raises:
        RuntimeError: If the process ended without a result.
    """
    context = multiprocessing.get_context('forkserver')
    # Modules of this folder would not be found, and silently left out.
    context.set_forkserver_preload(['masa.registration'])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_send_result, args=(sender, function, args)
    )
    process.start()
    # Or else the end of the process would not end the pipe.
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(
            f'the process of {function.__name__}{args} ended with exit code '
            f'{process.exitcode} and no result; out of memory?'
        ) from None
    finally:
        process.join()


def _send_result(sender, function, args):
    sender.send(function(*args))


class PeakMemory:
    """The memory that a process, or a GPU, came to hold within a block.

    On a CPU it counts whatever the process holds, so that only a process of
    its own tells anything.

    Args:
        device (str): 'cpu' or 'cuda'.
    """

    def __init__(self, device: str):
        self.on_gpu = torch.device(device).type == 'cuda'
        self.added = 0

    def __enter__(self):
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats()
        self.before = (
            torch.cuda.memory_allocated()
            if self.on_gpu
            else _resident('VmRSS')
        )
        return self

    def __exit__(self, *_):
        peak = (
            torch.cuda.max_memory_allocated()
            if self.on_gpu
            else _resident('VmHWM')
        )
        self.added = peak - self.before


def _resident(field: str) -> int:
    """Return the bytes resident now (VmRSS) or at the peak (VmHWM)."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    # The peak so far for both; in bytes on macOS alone.
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
