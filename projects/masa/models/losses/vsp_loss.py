import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_one_or_more,
    check_range,
)
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .precision import full_precision


def sample_bridges(
    mask: Tensor, num_segments: int = 5, overlap: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Sample the frames of Brownian bridges: a head, a middle and a tail.

    A sequence is divided into ``num_segments`` equal parts, or into fewer
    that hold three frames each, with one bridge in each part. Head and tail
    lie at the two ends of the part, moved by a random share of the overlap:
    outward, but inward at the ends of the sequence. The middle is any frame
    between the two.

    Args:
        mask (Tensor): Existing frames, ``(B, T)``, bool; padding last.
        num_segments (int): S. Defaults to 5.
        overlap (float): Largest share that a part has in common with the
            next, in [0, 0.5]. Defaults to 0.2.

    Returns:
        tuple[Tensor, Tensor]: Positions of head, middle and tail, increasing,
        ``(B, S, 3)``, int64, and which bridges exist, ``(B, S)``, bool: none
        of a sequence of fewer than three frames. Where there is none, the
        positions are arbitrary but within the sequence.
    """
    last = (mask.sum(1) - 1)[:, None]
    parts = torch.arange(num_segments, device=mask.device)
    count = (last // 2).clamp(1, num_segments)
    valid = (parts < count) & (last >= 2)
    start, end = parts * last / count, (parts + 1) * last / count
    draws = torch.rand(3, *valid.shape, device=mask.device)
    margin = last / count * overlap / (2 - overlap)
    # Mirrored at the sequence's two ends; rounded away from the middle, so
    # that a frame is left between head and tail.
    head = (start - margin * draws[0]).abs().floor().long()
    tail = (last - (last - end - margin * draws[1]).abs()).ceil().long()
    between = (tail - head - 1).clamp_min(1)
    # The product may round up to what it is below.
    step = (draws[2] * between).long().minimum(between - 1)
    bridges = torch.stack((head, head + 1 + step, tail), -1)
    return torch.where(valid[..., None], bridges, 0), valid


def process_contrast(points: Tensor, times: Tensor, valid: Tensor) -> Tensor:
    """Compute the process contrastive loss of Brownian bridges.

    Between head h and tail t, ``a = (p - h) / (t - h)`` of the way, a
    Brownian bridge has the mean ``(1 - a) z_h + a z_t`` and the variance
    ``s = a (t - p)``. A frame z in the place of the middle p scores::

        d(z) = -||z - (1 - a) z_h - a z_t||^2 / (2 s)
        L    = -log(exp d(z_p) / (exp d(z_p) + sum_n exp d(z_n)))

    The negatives n are the heads, middles and tails of all other bridges of
    the batch. The frame p itself is not among them, though another bridge of
    its sequence may hold it.

    Args:
        points (Tensor): Embeddings of head, middle and tail,
            ``(B, S, 3, D)``, float32 or float64.
        times (Tensor): Theirs, ``(B, S, 3)``, increasing, of the same type.
        valid (Tensor): Which bridges exist, ``(B, S)``, bool.

    Returns:
        Tensor: The mean of L over the bridges of each sequence, ``(B,)``,
        not negative; 0 for a sequence without any.
    """
    exists = valid[..., None]
    points = torch.where(exists[..., None], points, 0)
    regular = torch.arange(3, device=times.device, dtype=times.dtype)
    times = torch.where(exists, times, regular)
    h, p, t = times.flatten(0, 1).unbind(-1)
    head, middle, tail = points.flatten(0, 1).unbind(-2)
    way = (p - h) / (t - h)
    sharpness = 1 / (2 * way * (t - p))
    mean = torch.lerp(head, tail, way[:, None])
    positive = -(middle - mean).square().sum(-1) * sharpness
    others = points.flatten(0, 2)
    # Not by differences, which would be a tensor of (BS, 3BS, D).
    distance = mean.square().sum(-1)[:, None] + others.square().sum(-1)
    distance = distance - 2 * mean @ others.T
    negative = (-distance * sharpness[:, None]).masked_fill(
        ~_is_negative(times, valid), -torch.inf
    )
    logits = torch.cat((positive[:, None], negative), 1)
    losses = logits.logsumexp(1) - positive
    return masked_mean(losses.view(valid.shape), valid)


def _is_negative(times: Tensor, valid: Tensor) -> Tensor:
    """Find the negatives of every bridge.

    Args:
        times (Tensor): ``(B, S, 3)``.
        valid (Tensor): ``(B, S)``, bool.

    Returns:
        Tensor: ``(B * S, B * S * 3)``, bool.
    """
    batch, segments = valid.shape
    bridge = torch.arange(batch * segments, device=valid.device)
    owner = bridge.repeat_interleave(3)
    same_frame = (bridge[:, None] // segments == owner // segments) & (
        times[..., 1].flatten()[:, None] == times.flatten()
    )
    exists = valid.flatten().repeat_interleave(3)
    return exists & (bridge[:, None] != owner) & ~same_frame


@MODELS.register_module()
class VSPLoss(AlignmentLoss):
    """Process contrastive loss: VSP (Zhang et al., CVPR 2023).

    *Modeling Video as Stochastic Processes for Fine-grained Video
    Representation Learning*, H. Zhang, D. Liu, Q. Zheng, B. Su. Between two
    frames of a sequence the embeddings should follow a Brownian bridge: a
    frame in between should fit it better than the frames of other bridges
    (:func:`process_contrast`). Each view is contrasted on its own, and the
    two losses of a sequence are averaged.

    Decided here, or other than in the published code:

    - The score is the paper's, divided by twice the variance of the bridge.
      The code squares the variance once more, as if it were a standard
      deviation. Neither has a temperature: the code configures one and uses
      it only in its supervised term.
    - There are no labels. The code's default (``ANNOTATION='frame'``) puts
      bridges within labeled phases and adds a supervised term, which lacks
      its logarithm. Its self-supervised mode (``'raw'``), which stops with an
      error at its own defaults, puts one bridge in each of ``num_segments``
      overlapping parts of the sequence, and so do we
      (:func:`sample_bridges`). The parts matter: if frames were contrasted
      only with those of other sequences, a sequence might collapse to a
      point.
    - Bridges are drawn from the frames of the view. The code first samples
      ``num_steps`` random frames of the video and counts time in these. Our
      time is ``frame_index / num_frames * num_steps``, so that bridges have
      the code's variances at any length.
    - Embeddings are L2-normalized, as by the code's network.

    Args:
        num_segments (int): Bridges in a sequence, 1 or more; short sequences
            hold fewer. Defaults to 5 (the code's).
        overlap (float): Largest share that neighboring parts have in common,
            in [0, 0.5]. Defaults to 0.2 (the code's).
        num_steps (float): Length of a sequence in units of the variance,
            above 0. Defaults to 12 (frames of a clip in the code).
        normalize (bool): Whether embeddings are L2-normalized. Defaults to
            True (the code's).
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3), -torch.eye(3)])
        >>> print(VSPLoss()(view, view))
        tensor([1.2691, 1.2691])
    """

    log_name = 'bridge_entropy'

    def __init__(
        self,
        num_segments: int = 5,
        overlap: float = 0.2,
        num_steps: float = 12,
        normalize: bool = True,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_one_or_more(num_segments=num_segments)
        check_range('overlap', overlap, 0, 0.5)
        check_above_zero(num_steps=num_steps)
        self.num_segments = num_segments
        self.overlap = overlap
        self.num_steps = num_steps
        self.normalize = normalize

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence, ``(B,)``, not negative."""
        with full_precision(view1.values, view2.values) as (z1, z2):
            first = self._contrast(z1, view1)
            second = self._contrast(z2, view2)
            return (first + second) / 2

    def _contrast(self, z: Tensor, view: SequenceBatch) -> Tensor:
        bridges, valid = sample_bridges(
            view.mask, self.num_segments, self.overlap
        )
        places = bridges.flatten(1)
        points = z.gather(1, places[..., None].expand(-1, -1, z.shape[-1]))
        if self.normalize:
            points = F.normalize(points, dim=-1)
        times = view.frame_index.gather(1, places).to(z.dtype)
        times = times * (self.num_steps / view.num_frames[:, None])
        return process_contrast(
            points.unflatten(1, bridges.shape[1:]),
            times.unflatten(1, bridges.shape[1:]),
            valid,
        )
