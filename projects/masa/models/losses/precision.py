from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def full_precision(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Give half precision tensors as float32, and keep autocast off.

    Frame indices and ``eps = 1e-7`` cannot be told apart in half precision.

    Args:
        *tensors (Tensor): Floating point tensors on one device.

    Yields:
        tuple[Tensor, ...]: The same tensors, float32 or wider.
    """
    with torch.autocast(tensors[0].device.type, enabled=False):
        yield tuple(
            t.float() if torch.finfo(t.dtype).bits < 32 else t for t in tensors
        )
