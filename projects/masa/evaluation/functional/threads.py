from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch


def run_threads(function: Callable, items: Iterable) -> None:
    """Call a function on every item, in as many threads as torch has.

    Each of them works alone: threads that share every small operation spend
    their time waiting for each other where other programs want the cores.

    Args:
        function (Callable): Takes an item; what it returns is dropped.
        items (Iterable): The items.
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(num_threads) as pool:
            # The list makes an error in a thread appear here.
            list(pool.map(function, items))
    finally:
        torch.set_num_threads(num_threads)
