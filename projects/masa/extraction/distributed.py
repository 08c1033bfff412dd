import importlib.util
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .errors import ExtractionError

# The other processes wait for the one with the longest videos.
LONGEST_WAIT = timedelta(days=30)


def join_processes() -> None:
    """Join the processes that ``torchrun`` started, if it did.

    MMEngine's ``init_dist`` selects a CUDA device even where there is none.
    The processes exchange only names and numbers, for which gloo suffices.
    """
    if int(os.environ.get('WORLD_SIZE', 1)) > 1 and not is_distributed():
        import torch

        torch.distributed.init_process_group('gloo', timeout=LONGEST_WAIT)


def leave_processes() -> None:
    """Wait for the other processes, then leave the group.

    ``torchrun`` ends all processes as soon as one fails, so none may exit
    before the others have printed their messages.
    """
    if is_distributed():
        import torch

        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def is_distributed() -> bool:
    """Tell whether there are several processes.

    Without them nothing here imports PyTorch.
    """
    torch = sys.modules.get('torch')
    return (
        torch is not None
        and torch.distributed.is_available()
        and torch.distributed.is_initialized()
    )


def rank_and_size() -> tuple[int, int]:
    """Return the rank of this process, and the number of processes."""
    if not is_distributed():
        return 0, 1
    from mmengine.dist import get_dist_info

    return get_dist_info()


def choose_device(name: str | None) -> str:
    """Choose the device of this process, such as ``cuda:1``.

    Defaults to CUDA if available, with one device for each process of a
    machine. Raises ExtractionError if there is no such device.
    """
    if name == 'cpu' or not importlib.util.find_spec('torch'):
        return name or 'cpu'
    import torch

    name = name or ('cuda' if torch.cuda.is_available() else 'cpu')
    if name == 'cuda':
        name = f'cuda:{os.environ.get("LOCAL_RANK", 0)}'
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ExtractionError(f'--device {name}: {error}') from error
    count = torch.cuda.device_count()
    if device.type == 'cuda' and (device.index or 0) >= count:
        raise ExtractionError(
            f'--device {name}: there are {count} CUDA devices, so that no '
            'more processes of a machine can have one each'
        )
    return name


def on_main_process(function: Callable[[], Any]) -> Any:
    """Call a function on rank 0 and return its result on all ranks.

    An ExtractionError is raised again on rank 0; the other ranks exit with
    status 2, so that the message is printed once.
    """
    if not is_distributed():
        return function()
    from mmengine.dist import broadcast_object_list

    outcome: list = [None, None]
    rank, _ = rank_and_size()
    if rank == 0:
        try:
            outcome[0] = function()
        except ExtractionError as error:
            outcome[1] = error
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1] if rank == 0 else SystemExit(2)
    return outcome[0]


def gather(value: Any) -> list:
    """Return the values of all processes, in the order of the ranks."""
    if not is_distributed():
        return [value]
    from mmengine.dist import all_gather_object

    return all_gather_object(value)
