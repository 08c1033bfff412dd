import torch
from torch import Tensor


def position_code(position: Tensor, dims: int) -> Tensor:
    """Return the sine and cosine position code of Vaswani et al. (2017).

    Column ``2i`` holds ``sin(t / 10000^(2i / d))`` and column ``2i + 1`` the
    cosine, where ``d`` is ``dims`` rounded up to an even number; an odd
    ``dims`` leaves out the last cosine, as CASA does for its 75 channels.

    Args:
        position (Tensor): Positions t, ``(...)``, float32 or float64: half
            precision cannot count to the length of a sequence.
        dims (int): Width D of the code.

    Returns:
        Tensor: ``(..., D)``, in [-1, 1].

    Example:
        >>> position_code(torch.tensor([0.0, 1.0]), 3)
        tensor([[0.0000, 1.0000, 0.0000],
                [0.8415, 0.5403, 0.0100]])
    """
    angle = _angles(position, dims + dims % 2)
    code = torch.stack((angle.sin(), angle.cos()), dim=-1)
    return code.flatten(-2)[..., :dims]


def rotate_by_position(vectors: Tensor, position: Tensor) -> Tensor:
    """Rotate queries or keys by their positions (Su et al., 2021, eq. 34).

    Channels ``2i`` and ``2i + 1`` are rotated by the angle
    ``t / 10000^(2i / d)``, so that the dot product of a query and a key
    depends only on the difference of their positions. The last of an odd
    number of channels stays as it is.

    Args:
        vectors (Tensor): ``(..., F, H, C)``: of F frames and H heads.
        position (Tensor): ``(F,)``, float32 or float64.

    Returns:
        Tensor: ``(..., F, H, C)``, of the same norms.

    Example:
        >>> query = torch.tensor([[[1.0, 0.0]]])
        >>> rotate_by_position(query, torch.tensor([1.0]))
        tensor([[[0.5403, 0.8415]]])
    """
    even = vectors.shape[-1] // 2 * 2
    angle = _angles(position, even)[:, None]
    sine, cosine = angle.sin().to(vectors), angle.cos().to(vectors)
    first, second = vectors[..., :even].unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack(
        (first * cosine - second * sine, first * sine + second * cosine),
        dim=-1,
    )
    return torch.cat((turned.flatten(-2), vectors[..., even:]), dim=-1)


def _angles(position: Tensor, dims: int) -> Tensor:
    column = torch.arange(
        0, dims, 2, device=position.device, dtype=position.dtype
    )
    return position[..., None] * 10000.0 ** (-column / dims)
