from collections.abc import Sequence

from ...registry import MODELS
from ...support.argument_checks import check_not_negative
from ..losses.clip_contrast import ClipContrastiveLoss
from ..losses.neighbor_cycle_loss import NeighborCycleLoss
from ..losses.sequence_contrastive import SequenceContrastiveLoss
from .alignment_head import AlignmentHead


@MODELS.register_module()
class CLANHead(AlignmentHead):
    """Head of CLAN: clip-aware alignment through neighbor cycles.

    Our own recipe (docs/clan.md). Three self-supervised losses are added
    up::

        L = L_sequence + clip_weight * L_clip + cycle_weight * L_cycle

    ``L_sequence`` is CARL's :class:`SequenceContrastiveLoss` with a sharp
    target: which frame of the other view is this one? ``L_clip``, a
    :class:`ClipContrastiveLoss`, classifies which sequence of the batch a
    frame is of, without which frames that look alike in all activities lie
    together. ``L_cycle``, a :class:`NeighborCycleLoss`, asks every frame to
    find its time again by way of the nearest other sequence, in the batch or
    in a memory bank.

    A batch that holds fewer than about four sequences of each activity needs
    the bank, whose neighbors count only if they are mutual; with more, the
    batch alone is as good or better (docs/clan.md).

    Args:
        temperature (float): Of all softmaxes, above 0. Defaults to 0.1.
        variance (float): Of the Gaussian targets in time, in squared frames,
            above 0. Defaults to 1.0, sharper than CARL's 10: a time code
            alone satisfies a wide one.
        clip_weight (float): Not negative. Defaults to 0.1.
        cycle_weight (float): Not negative; with 0 there is no cycle and no
            memory bank. Defaults to 1.0.
        memory (int): Sequences in the memory bank, 0 or more: 0, or four
            times the batch size. Defaults to 0, all neighbors are in the
            batch and need not be mutual.
        extra_losses (Sequence[dict]): See :class:`AlignmentHead`. Defaults
            to none.
        in_channels (int, optional): See :class:`AlignmentHead`. A memory
            bank needs it. Defaults to None.
        init_cfg (dict, optional): How to initialize. Defaults to None.

    Raises:
        ValueError: If an argument is outside its range, or a memory bank
            has no width.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        variance: float = 1.0,
        clip_weight: float = 0.1,
        cycle_weight: float = 1.0,
        memory: int = 0,
        extra_losses: Sequence[dict] = (),
        in_channels: int | None = None,
        init_cfg: dict | None = None,
    ):
        check_not_negative(clip_weight=clip_weight, cycle_weight=cycle_weight)
        parts = [
            dict(
                type=ClipContrastiveLoss,
                temperature=temperature,
                weight=clip_weight,
            )
        ]
        if cycle_weight:
            parts.append(
                dict(
                    type=NeighborCycleLoss,
                    temperature=temperature,
                    variance=variance,
                    weight=cycle_weight,
                    mutual=memory > 0,
                    memory=memory,
                )
            )
        super().__init__(
            dict(
                type=SequenceContrastiveLoss,
                temperature=temperature,
                variance=variance,
            ),
            [*parts, *extra_losses],
            in_channels,
            init_cfg,
        )
