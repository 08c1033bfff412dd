from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits


def run_threads(function: Callable, items: Iterable) -> None:
    """Call a function on every item, in as many threads as torch has.

    BLAS and torch use one thread for each item meanwhile. On a busy machine,
    threads that share every small operation mostly wait for each other. The
    function may call ``run_threads`` itself.

    Args:
        function (Callable): Takes an item; its result is dropped.
        items (Iterable): The items.
    """
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            # Outside the threads: a limit that one of them lifts would be
            # lifted for the others.
            threadpool_limits(limits=1, user_api='blas'),
            ThreadPoolExecutor(num_threads) as pool,
        ):
            # Reading the results raises the errors of the threads.
            list(pool.map(function, items))
    finally:
        torch.set_num_threads(num_threads)
