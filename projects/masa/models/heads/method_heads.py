"""Heads of the compared methods: each trains on one loss."""

from ...registry import MODELS
from ..losses.casa_loss import CASALoss
from ..losses.sequence_contrastive import SequenceContrastiveLoss
from .alignment_head import MethodHead


@MODELS.register_module()
class CARLHead(MethodHead):
    """Head of CARL; the arguments are those of its loss."""

    loss_class = SequenceContrastiveLoss


@MODELS.register_module()
class CASAHead(MethodHead):
    """Head of CASA; the arguments are those of its loss."""

    loss_class = CASALoss
