import torch
from torch import Tensor


def sinusoidal_position_code(
    length: int,
    dims: int,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return the sine and cosine position code of Vaswani et al. (2017).

    Column ``2i`` holds ``sin(t / 10000^(2i / d))`` and column ``2i + 1`` the
    cosine, where ``d`` is ``dims`` rounded up to an even number; an odd
    ``dims`` leaves out the last cosine, as CASA does for its 75 channels.

    Args:
        length (int): Number of positions T, counted from 0.
        dims (int): Width D of the code.
        device (torch.device | str, optional): Where to build it.
        dtype (torch.dtype): Of the result. Defaults to ``torch.float32``.

    Returns:
        Tensor: ``(T, D)``, in [-1, 1].
    """
    even = dims + dims % 2
    # Half precision cannot count to the length of a sequence.
    exact = torch.promote_types(dtype, torch.float32)
    position = torch.arange(length, device=device, dtype=exact)
    column = torch.arange(0, even, 2, device=device, dtype=exact)
    angle = position[:, None] * 10000.0 ** (-column / even)
    code = torch.stack((angle.sin(), angle.cos()), dim=-1)
    return code.flatten(1)[:, :dims].to(dtype)
