from collections.abc import Sequence

from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero
from ..losses.casa_matching import SIMILARITIES, casa_matching_loss
from .alignment_head import AlignmentHead


@MODELS.register_module()
class CASAHead(AlignmentHead):
    """CASA: context-aware sequence alignment (Kwon et al., CVPR 2022).

    The first batch holds the sequences as they are and the second an
    augmented view of each (``DualAugmentation(dual=False)``). Every augmented
    frame predicts its original index from the frames of the sequence,
    ``j_hat = sum_i gamma_ji * i``, and pays the squared error, in this
    direction only (:func:`casa_matching_loss`).

    ``similarity='distance'`` is what CASA's configs for Penn Action and H2O
    do, ``gamma_ji = softmax_i(-|z_j - z_i| / (D^1.5 * temperature))``, on a
    ``(B, N, M)`` tensor; ``'cosine'`` is that for IKEA ASM,
    ``softmax_i(cos(z_j, z_i) / temperature)``, by a fused kernel.

    What had to be decided, or differs from the published code:

    - Padding is masked. There no mask is passed on, so that the softmax, and
      the attention before it, run over zero-padded frames too.
    - The error is averaged over the frames of a sequence, then over the
      batch; there over the frames of all.
    - Should the first view lack frames, then only those augmented ones count
      whose original frame it has.
    - The code's cross layers are sequential: the second view attends to the
      updated first one. The encoder's are symmetric.
    - The code has losses of class cross-entropy and of variance beside this
      one, which no config uses.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1 (code).
        similarity (str): ``'distance'`` or ``'cosine'``. Defaults to
            ``'distance'``.
        normalize_index (bool): Whether the error is divided by the length of
            the sequence. Defaults to False: squared frames, as in the code.
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If ``temperature`` is not above 0, or ``similarity`` is
            unknown.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        similarity: str = 'distance',
        normalize_index: bool = False,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_above_zero(temperature=temperature)
        if similarity not in SIMILARITIES:
            raise ValueError(
                f'similarity is expected to be one of {SIMILARITIES}, but '
                f'got {similarity!r}'
            )
        self.temperature = temperature
        self.similarity = similarity
        self.normalize_index = normalize_index

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every sequence and its augmented view.

        Args:
            z1 (Tensor): Embeddings of the sequences, ``(B, M, D)``.
            z2 (Tensor): Of the augmented views, ``(B, N, D)``.
            view1 (SequenceBatch): The sequences as they are.
            view2 (SequenceBatch): The augmented views.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged is
            ``match_frames``, the root mean square error in frames.
        """
        losses = casa_matching_loss(
            z1,
            z2,
            view1.frame_index,
            view2.frame_index,
            view1.mask,
            view2.mask,
            self.temperature,
            self.similarity,
        )
        logged = dict(match_frames=losses.detach().sqrt())
        if self.normalize_index:
            losses = losses / view1.num_frames.square()
        return losses, logged
