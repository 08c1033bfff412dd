from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits


def run_threads(function: Callable, items: Iterable) -> None:
    """Call a function on every item, in as many threads as torch has.

    Each of them works alone: threads that share every small operation spend
    their time waiting for each other where other programs want the cores.
    The function may call this one itself, which is then a plain loop.

    Args:
        function (Callable): Takes an item; what it returns is dropped.
        items (Iterable): The items.
    """
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            # Around all of them: what one thread restores at its end would
            # hold for those that are still at work.
            threadpool_limits(limits=1, user_api='blas'),
            ThreadPoolExecutor(num_threads) as pool,
        ):
            # The list makes an error in a thread appear here.
            list(pool.map(function, items))
    finally:
        torch.set_num_threads(num_threads)
