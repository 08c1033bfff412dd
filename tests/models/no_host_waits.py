"""Finds where a training step waits for the device."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class NoHostWaits(TorchDispatchMode):
    """Raises at waits that tensors without values let pass."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if (
            func is torch.ops.aten._to_copy.default
            and args[0].device.type == 'cpu'
            and torch.device(kwargs.get('device') or 'cpu').type == 'meta'
            and not kwargs.get('non_blocking')
        ):
            raise RuntimeError(f'a blocking copy of {tuple(args[0].shape)}')
        if func.overloadpacket in (
            torch.ops.aten.index_put,
            torch.ops.aten.index_put_,
        ) and any(x is not None and x.dtype == torch.bool for x in args[1]):
            raise RuntimeError('an assignment that counts a mask')
        return func(*args, **kwargs)


def training_step(model, data):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs = model.data_preprocessor(data, training=True)
    loss, _ = model.parse_losses(model.loss(**inputs))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
