import torch
from torch import Tensor, nn

from ...registry import MODELS
from ...support.argument_checks import check_not_negative
from ..layers import frame_directions, sequence_directions


@MODELS.register_module()
class FrameReadout(nn.Module):
    """Compute evaluation embeddings from a trained encoder's output.

    The paper evaluates the encoder's output as it is (Sec. 3.2). Losses on
    cosine similarities, as all contrastive ones are, leave its norm free, but
    Euclidean distances and linear probes depend on the norm. The evaluation
    embedding of a frame is ``(u / |u|, clip * m, clock * t / T)``:

    - its L2-normalized embedding;
    - ``clip`` times the L2-normalized mean ``m`` of the sequence's normalized
      embeddings, which separates frames that look the same in many
      activities, such as standing, by the rest of their sequence;
    - ``clock`` times the relative time of the frame, so that distances prefer
      frames at similar times.

    Parts of weight 0 are left out. Nothing is learned, and an embedding
    depends on its own sequence only. ``clip`` and ``clock`` expect a complete
    sequence. In one that is cut off, or still being recorded, both change
    with the frames yet to come, so leave them at 0 there.

    Args:
        clip (float): Weight of the sequence's mean, not negative. Defaults to
            0.0.
        clock (float): Weight of the relative time, not negative. Defaults to
            0.0.

    Raises:
        ValueError: If a weight is negative.

    Example:
        >>> readout = FrameReadout(clock=1.0)
        >>> frames = torch.tensor([[[3.0, 4.0], [0.0, 2.0]]])
        >>> readout(frames, torch.tensor([[True, True]]))
        tensor([[[0.6000, 0.8000, 0.0000],
                 [0.0000, 1.0000, 0.5000]]])
    """

    def __init__(self, clip: float = 0.0, clock: float = 0.0):
        super().__init__()
        check_not_negative(clip=clip, clock=clock)
        self.clip = clip
        self.clock = clock

    def width(self, embed_dims: int) -> int:
        """Return the width of the evaluation embedding.

        Args:
            embed_dims (int): Width of the encoder's output.

        Returns:
            int: Width D' of a frame.
        """
        return embed_dims * (1 + (self.clip > 0)) + (self.clock > 0)

    def forward(self, embedding: Tensor, mask: Tensor) -> Tensor:
        """Compute the evaluation embeddings of a batch.

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
