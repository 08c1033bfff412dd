import torch
from torch import Tensor, nn

from ...registry import MODELS
from ...support.argument_checks import check_not_negative
from ..layers import frame_directions, sequence_directions


@MODELS.register_module()
class FrameReadout(nn.Module):
    """What a trained encoder's frames are compared by.

    The paper compares the encoder's output as it is (Sec. 3.2). Losses that
    compare directions, as all contrastive ones do, leave its length free, and
    Euclidean distances and linear probes read the length too. This makes every
    frame ``(u / |u|, clip * m, clock * t / T)``:

    - its direction;
    - ``clip`` times the direction ``m`` of the mean of all directions of the
      sequence, by which frames that look alike in many activities, such as
      standing, are told apart by what else is in their sequence;
    - ``clock`` times the time of the frame, as a share of the length, by
      which distances prefer frames at like moments.

    Parts of weight 0 are left out. Nothing is learnt, and nothing but the
    sequence itself is looked at. ``clip`` and ``clock`` take the sequence for
    a whole performance: for one that is cut off, or is still going on, both
    change with what is yet to come, so leave them at 0 there.

    Args:
        clip (float): Weight of the sequence's direction, not negative.
            Defaults to 0.0.
        clock (float): Weight of the time, not negative. Defaults to 0.0.

    Raises:
        ValueError: If a weight is negative.
    """

    def __init__(self, clip: float = 0.0, clock: float = 0.0):
        super().__init__()
        check_not_negative(clip=clip, clock=clock)
        self.clip = clip
        self.clock = clock

    def width(self, embed_dims: int) -> int:
        """Say how wide what comes out is.

        Args:
            embed_dims (int): Width of the encoder's output.

        Returns:
            int: Numbers a frame.
        """
        return embed_dims * (1 + (self.clip > 0)) + (self.clock > 0)

    def forward(self, embedding: Tensor, mask: Tensor) -> Tensor:
        """Read the frames out.

        Args:
            embedding (Tensor): The encoder's output, ``(B, T, D)``.
            mask (Tensor): Existing frames, ``(B, T)``, bool.

        Returns:
            Tensor: ``(B, T, D')`` float32, see :meth:`width`; zero in the
            padding.
        """
        direction = frame_directions(embedding.float(), mask)
        parts = [direction]
        if self.clip:
            whole = sequence_directions(direction)[:, None]
            parts.append(self.clip * whole.expand_as(direction))
        if self.clock:
            steps = torch.arange(mask.shape[1], device=mask.device)
            time = steps / mask.sum(1, keepdim=True)
            parts.append(self.clock * time[..., None])
        return torch.where(mask[..., None], torch.cat(parts, dim=-1), 0)

    def extra_repr(self) -> str:
        """See the base class."""
        return f'clip={self.clip}, clock={self.clock}'
