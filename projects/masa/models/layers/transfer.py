import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Send an array to a device without waiting for it.

    Args:
        array (np.ndarray): Must not be changed afterwards.
        device (torch.device): Where to.

    Returns:
        Tensor: On the device.
    """
    tensor = torch.from_numpy(array)
    if device.type == 'cuda':
        # From other memory a copy waits, whatever it is asked for.
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
