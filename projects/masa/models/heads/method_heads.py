"""Heads of the compared methods: each trains on one loss."""

from ...registry import MODELS
from ..losses.sequence_contrastive import SequenceContrastiveLoss
from ..losses.vaot_loss import VAOTLoss
from ..losses.vava_loss import VAVALoss
from ..losses.vsp_loss import VSPLoss
from .alignment_head import MethodHead


@MODELS.register_module()
class CARLHead(MethodHead):
    """Head of CARL; the arguments are those of its loss."""

    loss_class = SequenceContrastiveLoss


@MODELS.register_module()
class VAVAHead(MethodHead):
    """Head of VAVA; the arguments are those of its loss."""

    loss_class = VAVALoss


@MODELS.register_module()
class VAOTHead(MethodHead):
    """Head of VAOT; the arguments are those of its loss."""

    loss_class = VAOTLoss


@MODELS.register_module()
class VSPHead(MethodHead):
    """Head of VSP; the arguments are those of its loss."""

    loss_class = VSPLoss
