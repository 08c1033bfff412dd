import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

_this_thread = threading.local()


def run_threads(function: Callable, items: Iterable) -> None:
    """Call a function on every item, in one thread per core.

    ``OMP_NUM_THREADS`` sets another number of threads, as for BLAS, which
    uses a single thread for each item meanwhile: threads that share every
    small operation mostly wait for each other. Calls from within the
    function run in its own thread.

    Args:
        function (Callable): Takes an item; its result is dropped.
        items (Iterable): The items.
    """
    if getattr(_this_thread, 'is_busy', False):
        for item in items:
            function(item)
        return

    def run(item):
        _this_thread.is_busy = True
        function(item)

    with (
        # Outside the threads: a limit that one of them lifts would be
        # lifted for the others.
        threadpool_limits(limits=1, user_api='blas'),
        ThreadPoolExecutor(num_threads()) as pool,
    ):
        # Reading the results raises the errors of the threads.
        list(pool.map(run, items))


def num_threads() -> int:
    """Return ``OMP_NUM_THREADS``, else the number of usable cores."""
    # OpenMP takes a list, with a number for every level of nesting.
    number = os.environ.get('OMP_NUM_THREADS', '').split(',')[0].strip()
    if number.isdigit() and int(number):
        return int(number)
    # Where only some cores may be used; macOS and Windows cannot tell.
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
