from collections.abc import Sequence

from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_not_negative
from ..losses.clip_contrast import clip_contrast
from .carl_head import CARLHead


@MODELS.register_module()
class ClipAwareHead(CARLHead):
    """Frames that know their moment, and what clip they are of.

    Of no paper, but what docs/findings.md came to. To CARL's contrast within
    a sequence, which asks *when*, it adds one among the sequences of a batch,
    which asks *of what*
    (:func:`~masa.models.losses.clip_contrast.clip_contrast`). Without it
    frames that are much the same in all activities lie together. No label is
    used.

    In training with several processes the sequences are those of a process.

    Args:
        temperature (float): Of CARL's softmax, above 0. Defaults to 0.1.
        variance (float): Of CARL's Gaussian, in squared frames, above 0.
            Defaults to 1.0, sharper than CARL's 10: a wide one is satisfied
            by a clock.
        clip_weight (float): Of the contrast among sequences, not negative.
            Defaults to 0.1.
        clip_temperature (float): Of its softmax, above 0. Defaults to 0.1.
        extra_losses (Sequence[dict]): Configs of losses to add, each an
            :class:`~masa.models.losses.ExtraLoss`: what it gives is added
            times its ``weight`` and logged as its ``log_name``. Defaults to
            none.
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If an argument is outside its range, or two losses
            would be logged under one name.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        variance: float = 1.0,
        clip_weight: float = 0.1,
        clip_temperature: float = 0.1,
        extra_losses: Sequence[dict] = (),
        init_cfg: dict | None = None,
    ):
        super().__init__(temperature, variance, init_cfg)
        check_not_negative(clip_weight=clip_weight)
        check_above_zero(clip_temperature=clip_temperature)
        self.clip_weight = clip_weight
        self.clip_temperature = clip_temperature
        self.extra_losses = nn.ModuleList(
            MODELS.build(loss) for loss in extra_losses
        )
        names = [
            'moment_kl',
            'clip_entropy',
            *(loss.log_name for loss in self.extra_losses),
        ]
        if len(set(names)) < len(names):
            raise ValueError(
                'the losses are expected to have different log_names, but '
                f'got {names}'
            )

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair of views.

        Args:
            z1 (Tensor): Projections of the first view, ``(B, M, D)``.
            z2 (Tensor): Of the second, ``(B, N, D)``.
            view1 (SequenceBatch): The first view.
            view2 (SequenceBatch): The second view of the same sequences.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, and their
            parts without weights, to log: ``moment_kl``, ``clip_entropy``
            and the ``extra_losses``.
        """
        moments, _ = super().compute_losses(z1, z2, view1, view2, data_samples)
        clips = clip_contrast(
            z1, z2, view1.mask, view2.mask, self.clip_temperature
        )
        losses = moments + self.clip_weight * clips
        logged = dict(moment_kl=moments, clip_entropy=clips)
        for extra in self.extra_losses:
            values = extra(z1, z2, view1, view2)
            losses = losses + extra.weight * values
            logged[extra.log_name] = values
        return losses, logged
