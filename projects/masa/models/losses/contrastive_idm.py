import torch
from torch import Tensor

WEIGHTINGS = ('code', 'paper')


def contrastive_idm(
    distance: Tensor,
    frame_index: Tensor,
    num_frames: Tensor,
    mask: Tensor,
    sigma: float = 10.0,
    margin: float = 2.0,
    weighting: str = 'code',
) -> Tensor:
    """Keep near frames together and far frames apart, LAV's Contrastive-IDM.

    Over the pairs of frames i, j of one sequence, ``delta = |i - j|``:

    .. code-block:: none

        near, delta <= sigma:  w_near(delta) * distance_ij
        far,  delta >  sigma:  w_far(delta) * max(0, margin - distance_ij)

    The *paper* weighs near pairs by ``1 / (delta^2 + 1)``, an inverse
    difference moment, and far ones by ``delta^2 + 1``, in frames. The
    *code* has 1 and ``(delta / length)^2 + 1``. Of frames that are not a
    sample of 20, the paper's weights reach tens of thousands: the farthest
    pairs are all that is left.

    Args:
        distance (Tensor): Of the frames of a sequence from each other,
            ``(B, T, T)``. The padding may hold anything.
        frame_index (Tensor): Original indices of the frames, ``(B, T)``.
        num_frames (Tensor): Lengths of the original sequences, ``(B,)``.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        sigma (float): How many original frames apart pairs are near.
            Defaults to 10.
        margin (float): Distance beyond which far pairs are left alone.
            Defaults to 2.
        weighting (str): ``'code'`` or ``'paper'``. Defaults to ``'code'``.

    Returns:
        Tensor: Mean over all ordered pairs, those of a frame with itself
        included, ``(B,)``; not negative if no distance is.
    """
    index = frame_index.to(distance.dtype)
    delta = (index.unsqueeze(2) - index.unsqueeze(1)).abs()
    far = delta > sigma
    exists = mask.unsqueeze(2) & mask.unsqueeze(1)
    if weighting == 'paper':
        far_weight = delta.square() + 1
        near_weight = far_weight.reciprocal()
    else:
        far_weight = (delta / num_frames[:, None, None]).square() + 1
        near_weight = torch.ones_like(far_weight)
    weight = torch.where(far, far_weight, near_weight)
    moment = torch.where(far, (margin - distance).clamp_min(0), distance)
    # Weights after the choice: garbage in the padding is never multiplied.
    moment = torch.where(exists, moment, 0) * torch.where(exists, weight, 0)
    return moment.sum((1, 2)) / exists.sum((1, 2)).clamp_min(1)
