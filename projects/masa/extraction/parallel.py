"""Processing several sequences at once, in processes of this machine."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from .errors import ExtractionError

# How often the frames of the processes are counted, in seconds.
_INTERVAL = 0.2

Item = TypeVar('Item')
Result = TypeVar('Result')


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_in_processes(
    function: Callable[[Item, Callable[[int], None]], Result],
    items: Sequence[Item],
    workers: int,
    advance: Callable[[int], None],
) -> Iterator[tuple[Item, Result]]:
    """Call a function for every item, several at once.

    The processes are those of joblib, which need no guard in the program that
    uses this as a library.

    Args:
        function (Callable): Takes an item and a function to be called with the
            number of frames processed since the last call. Both can be
            pickled.
        items (Sequence): The items.
        workers (int): Number of processes. With 1 there is none but this one.
        advance (Callable[[int], None]): Called with the number of frames that
            all processes have processed since the last call.

    Yields:
        tuple: Each item and its result, in the order in which they finish.

    Raises:
        ExtractionError: If a process was killed, as by a lack of memory.
    """
    workers = min(workers, len(items))
    if workers < 2:
        for item in items:
            yield item, function(item, advance)
        return
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'frames')
        counts = np.memmap(path, np.int64, 'w+', shape=len(items))
        counter = _Counter(counts, advance)
        run = joblib.Parallel(
            n_jobs=workers,
            backend='loky',
            return_as='generator_unordered',
            batch_size=1,
            pre_dispatch=workers,
        )
        tasks = (
            joblib.delayed(_call)(function, item, path, len(items), i)
            for i, item in enumerate(items)
        )
        try:
            with counter:
                for i, result in run(tasks):
                    counter.update()
                    yield items[i], result
        except TerminatedWorkerError as error:
            raise ExtractionError(
                f'one of {workers} processes was killed, perhaps for a lack '
                'of memory: what is finished is kept, so run the command '
                'again with fewer --workers'
            ) from error


def _call(
    function: Callable,
    item: Item,
    path: Path,
    count: int,
    i: int,
) -> tuple[int, Result]:
    counts = np.memmap(path, np.int64, 'r+', shape=count)

    def advance(frames: int) -> None:
        counts[i] += frames

    return i, function(item, advance)


class _Counter:
    """Reports from time to time how much counts have grown.

    Args:
        counts (np.ndarray): Counts that other processes raise.
        advance (Callable[[int], None]): Called with the increase of their sum.
    """

    def __init__(self, counts: np.ndarray, advance: Callable[[int], None]):
        self._counts = counts
        self._advance = advance
        self._reported = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def update(self) -> None:
        """Report what was added since the last time."""
        with self._lock:
            total = int(self._counts.sum())
            self._advance(total - self._reported)
            self._reported = total

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL):
            self.update()

    def __enter__(self) -> '_Counter':
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()
