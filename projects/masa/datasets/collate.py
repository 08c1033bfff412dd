import io
import pickle
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS
from torch import Tensor


@FUNCTIONS.register_module()
def collate_for_transport(data_batch: Sequence[dict]) -> dict:
    """Collate samples, so that the batch leaves a loading process cheaply.

    The batch is that of MMEngine's ``pseudo_collate``. PyTorch would send
    each of its tensors through shared memory of its own, several hundred for
    a batch of sequences and their labels, and the training waits for every
    one; here they travel as one tensor for each type of number, and are
    parts of it where they arrive.

    Args:
        data_batch (Sequence[dict]): Samples of a dataset.

    Returns:
        dict: The batch; a plain dict after it has been pickled.
    """
    return _Parcel(pseudo_collate(data_batch))


class _Parcel(dict):
    """A dict that is pickled with its tensors joined by type."""

    def __reduce__(self):
        tensors: list[Tensor] = []
        contents = io.BytesIO()
        _Packer(contents, tensors).dump(dict(self))
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor.flatten())
        joined = {dtype: torch.cat(parts) for dtype, parts in by_type.items()}
        kinds = [(tensor.dtype, tensor.shape) for tensor in tensors]
        return _unpack, (contents.getvalue(), kinds, joined)

    def __copy__(self):
        return _Parcel(self)


class _Packer(pickle.Pickler):
    """Leaves plain tensors of the host out, and lists them instead."""

    def __init__(self, file: io.BytesIO, tensors: list[Tensor]):
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.tensors = tensors
        self.numbers: dict[int, int] = {}

    def persistent_id(self, item: Any) -> int | None:
        """Return the number of a tensor, None for all else."""
        if (
            type(item) is not Tensor
            or item.device.type != 'cpu'
            or item.layout is not torch.strided
            or item.requires_grad
        ):
            return None
        # The list keeps the tensor, so that its id stays its own.
        if id(item) not in self.numbers:
            self.numbers[id(item)] = len(self.tensors)
            self.tensors.append(item)
        return self.numbers[id(item)]


class _Unpacker(pickle.Unpickler):
    """Puts the tensors back."""

    def __init__(self, file: io.BytesIO, tensors: list[Tensor]):
        super().__init__(file)
        self.tensors = tensors

    def persistent_load(self, number: int) -> Tensor:
        """Return a tensor by its number."""
        return self.tensors[number]


def _unpack(
    contents: bytes,
    kinds: list[tuple[torch.dtype, torch.Size]],
    joined: dict[torch.dtype, Tensor],
) -> dict:
    """Rebuild what :class:`_Parcel` took apart."""
    sizes: dict[torch.dtype, list[int]] = {dtype: [] for dtype in joined}
    for dtype, shape in kinds:
        sizes[dtype].append(shape.numel())
    parts = {
        dtype: iter(joined[dtype].split(size)) for dtype, size in sizes.items()
    }
    tensors = [next(parts[dtype]).view(shape) for dtype, shape in kinds]
    return _Unpacker(io.BytesIO(contents), tensors).load()
