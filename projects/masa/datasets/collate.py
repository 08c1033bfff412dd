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
    """Collate samples into a batch that is cheap to send between processes.

    The batch equals that of MMEngine's ``pseudo_collate``. PyTorch would send
    each of its several hundred tensors through a shared memory file of its
    own; here all tensors of one data type are sent as one and are views of it
    on arrival. The registered name is ``collate_for_transport``.

    Args:
        data_batch (Sequence[dict]): Samples of a dataset.

    Returns:
        dict: The batch; a plain dict after unpickling.

    Example:
        >>> samples = [dict(inputs=torch.ones(3)), dict(inputs=torch.ones(5))]
        >>> batch = pickle.loads(pickle.dumps(collate_joined_tensors(samples)))
        >>> [len(values) for values in batch['inputs']]
        [3, 5]
    """
    return _JoinedTensorsBatch(pseudo_collate(data_batch))


class _JoinedTensorsBatch(dict):
    """A dict pickled with its tensors concatenated by data type."""

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
    """Collect plain CPU tensors in a list instead of pickling them."""

    def __init__(self, file: io.BytesIO, tensors: list[Tensor]):
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.tensors = tensors
        self.numbers: dict[int, int] = {}

    def persistent_id(self, item: Any) -> int | None:
        """Return the index of a plain CPU tensor, None for anything else."""
        if (
            type(item) is not Tensor
            or item.device.type != 'cpu'
            or item.layout is not torch.strided
            or item.requires_grad
        ):
            return None
        # The list keeps the tensor alive, so that its id stays unique.
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
    """Rebuild the batch of a :class:`_JoinedTensorsBatch`."""
    parts = {
        dtype: iter(
            tensor.split([s.numel() for kind, s in kinds if kind is dtype])
        )
        for dtype, tensor in joined.items()
    }
    tensors = [next(parts[dtype]).view(shape) for dtype, shape in kinds]
    return _TensorUnpickler(io.BytesIO(contents), tensors).load()
