import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array to a device without synchronizing GPU and CPU.

    Args:
        array (np.ndarray): Must not be changed afterwards.
        device (torch.device): The device.

    Returns:
        Tensor: On the device.
    """
    tensor = torch.from_numpy(array)
    if device.type == 'cuda':
        # Copies from pageable memory synchronize, even if non_blocking.
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
