from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Restrict checkpoints to tensors and plain containers.

    Such a file loads with ``torch.load(weights_only=True)``, PyTorch's default
    since 2.6, and cannot run code. Checkpoints of MMEngine 0.10 do not
    (open-mmlab/mmengine#1655), as they contain ``HistoryBuffer`` objects.
    Allowing these would require allowing ``getattr``, and thus any code.
    """

    # After every hook that may add to the checkpoint.
    priority = 'LOWEST'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Pack the message hub and the metadata."""
        checkpoint['message_hub'] = pack_message_hub(checkpoint['message_hub'])
        checkpoint['meta'] = to_plain(checkpoint['meta'])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Unpack the message hub."""
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = unpack_message_hub(
                checkpoint['message_hub']
            )


def pack_message_hub(state: dict) -> dict:
    """Turn a message hub's state into plain containers and tensors.

    Args:
        state (dict): From ``MessageHub.state_dict()``.

    Returns:
        dict: The packed state, for :func:`unpack_message_hub`.
    """
    packed = dict(state, log_scalars={})
    for key, buffer in state['log_scalars'].items():
        if isinstance(buffer, HistoryBuffer):
            log, count = buffer.data
            buffer = dict(
                log_history=torch.as_tensor(np.asarray(log)),
                count_history=torch.as_tensor(np.asarray(count)),
                max_length=buffer.max_length,
            )
        packed['log_scalars'][key] = buffer
    return to_plain(packed)


def unpack_message_hub(state: dict) -> dict:
    """Restore the state that :func:`pack_message_hub` packed.

    Args:
        state (dict): Packed state; that of MMEngine's own checkpoints passes
            unchanged.

    Returns:
        dict: The state, for ``MessageHub.load_state_dict``.
    """
    unpacked = dict(state, log_scalars={})
    for key, buffer in state['log_scalars'].items():
        if isinstance(buffer, dict):
            buffer = HistoryBuffer(
                # Runner.resume loads tensors to the model's device.
                buffer['log_history'].cpu().numpy(),
                buffer['count_history'].cpu().numpy(),
                buffer['max_length'],
            )
        unpacked['log_scalars'][key] = buffer
    return unpacked


def to_plain(value: Any) -> Any:
    """Turn NumPy values into lists and numbers, in nested containers too.

    Args:
        value (Any): A value, or nested dicts, lists and tuples of values.

    Returns:
        Any: The same without NumPy types; other values are unchanged.
    """
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [to_plain(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value
