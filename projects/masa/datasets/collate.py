import io
import pickle
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS
from torch import Tensor


@FUNCTIONS.register_module(name='collate_for_transport')
def collate_joined_tensors(data_batch: Sequence[dict]) -> dict:
    """Collate samples into a batch that leaves a loading process cheaply.

    The batch is that of MMEngine's ``pseudo_collate``. PyTorch would send
    each of its tensors through shared memory of its own, several hundred for
    a batch of sequences and their labels, and the training waits for every
    one; here they travel as one tensor for each type of number, and are
    parts of it where they arrive. In configs it is ``collate_for_transport``.

    Args:
        data_batch (Sequence[dict]): Samples of a dataset.

    Returns:
        dict: The batch; a plain dict after it has been pickled.

    Example:
        >>> samples = [dict(inputs=torch.ones(3)), dict(inputs=torch.ones(5))]
        >>> batch = pickle.loads(pickle.dumps(collate_joined_tensors(samples)))
        >>> [len(values) for values in batch['inputs']]
        [3, 5]
    """
    return _JoinedTensorsBatch(pseudo_collate(data_batch))


class _JoinedTensorsBatch(dict):
    """A dict that is pickled with its tensors joined by type."""

    def __reduce__(self):
        tensors: list[Tensor] = []
        contents = io.BytesIO()
        _TensorPickler(contents, tensors).dump(dict(self))
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor.flatten())
        joined = {dtype: torch.cat(parts) for dtype, parts in by_type.items()}
        kinds = [(tensor.dtype, tensor.shape) for tensor in tensors]
        return _split_tensors, (contents.getvalue(), kinds, joined)

    def __copy__(self):
        return _JoinedTensorsBatch(self)


class _TensorPickler(pickle.Pickler):
    """Leave plain tensors of the CPU out, and list them instead."""

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


class _TensorUnpickler(pickle.Unpickler):
    """Put the tensors back that :class:`_TensorPickler` left out."""

    def __init__(self, file: io.BytesIO, tensors: list[Tensor]):
        super().__init__(file)
        self.tensors = tensors

    def persistent_load(self, pid: int) -> Tensor:
        """Return the tensor of a number."""
        return self.tensors[pid]


def _split_tensors(
    contents: bytes,
    kinds: list[tuple[torch.dtype, torch.Size]],
    joined: dict[torch.dtype, Tensor],
) -> dict:
    """Rebuild what :class:`_JoinedTensorsBatch` took apart."""
    parts = {
        dtype: iter(
            tensor.split([s.numel() for kind, s in kinds if kind is dtype])
        )
        for dtype, tensor in joined.items()
    }
    tensors = [next(parts[dtype]).view(shape) for dtype, shape in kinds]
    return _TensorUnpickler(io.BytesIO(contents), tensors).load()
