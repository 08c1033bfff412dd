from collections.abc import Sequence

import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_one_or_more
from ..losses.brownian_bridge import process_contrast, sample_bridges
from ..losses.precision import full_precision
from .alignment_head import AlignmentHead


@MODELS.register_module()
class VSPHead(AlignmentHead):
    """Process contrastive loss of VSP (Zhang et al., CVPR 2023).

    *Modeling Video as Stochastic Processes for Fine-grained Video
    Representation Learning*, H. Zhang, D. Liu, Q. Zheng, B. Su. Between two
    frames of a sequence the embeddings are to follow a Brownian bridge: a
    frame from within is to fit it better than the frames of other bridges do
    (:func:`~masa.models.losses.brownian_bridge.process_contrast`). Each of
    the two batches is contrasted by itself, and the two losses of a row are
    averaged.

    Decided here, or other than in the published code:

    - The score is the paper's, divided by twice the bridge's variance. The
      code squares the variance once more, as if it were a standard
      deviation. Neither has a temperature: the code configures one and uses
      it only in its supervised term.
    - No labels. The code's default (``ANNOTATION='frame'``) lays bridges
      within labelled phases and adds a supervised term, which even lacks its
      logarithm. Its way without labels (``'raw'``) lays one bridge in each
      of ``num_segments`` overlapping parts of the sequence, and is what is
      done here (:func:`~masa.models.losses.brownian_bridge.sample_bridges`);
      there it stops with an error at its own defaults. Parts matter: were
      frames contrasted only with those of other sequences, a sequence might
      collapse to a point.
    - Bridges are drawn from the frames of the view. The code first thins the
      video to ``num_steps`` random frames and counts time in these; here
      time is ``frame_index / num_frames * num_steps``, so that bridges have
      the code's variances whatever the length.
    - Embeddings are L2-normalised, as by the code's network.

    Args:
        num_segments (int): Bridges laid in a sequence, 1 or more; short
            sequences hold fewer. Defaults to 5 (the code's).
        overlap (float): Greatest share that neighbouring parts have in
            common, in [0, 0.5]. Defaults to 0.2 (the code's).
        num_steps (float): Length of a sequence in units of the variance,
            above 0. Defaults to 12 (frames of a clip in the code).
        normalize (bool): Whether embeddings are L2-normalised. Defaults to
            True (the code's).
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        num_segments: int = 5,
        overlap: float = 0.2,
        num_steps: float = 12,
        normalize: bool = True,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(num_segments=num_segments)
        if not 0 <= overlap <= 0.5:
            raise ValueError(
                f'overlap is expected to be in [0, 0.5], but got {overlap}'
            )
        check_above_zero(num_steps=num_steps)
        self.num_segments = num_segments
        self.overlap = overlap
        self.num_steps = num_steps
        self.normalize = normalize

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every row.

        Args:
            z1 (Tensor): Embeddings of the first batch, ``(B, M, D)``.
            z2 (Tensor): Of the second, ``(B, N, D)``.
            view1 (SequenceBatch): The first batch.
            view2 (SequenceBatch): The second batch.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, and
            nothing to log.
        """
        with full_precision(z1, z2) as (z1, z2):
            first = self._contrast(z1, view1)
            second = self._contrast(z2, view2)
            return (first + second) / 2, {}

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
