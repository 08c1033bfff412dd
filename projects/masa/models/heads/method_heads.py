"""Heads of the compared methods: each trains on one loss."""

from ...registry import MODELS
from ..losses.casa_loss import CASALoss
from ..losses.gtcc_loss import GTCCLoss
from ..losses.lav_loss import LAVLoss
from ..losses.sal_loss import SaLLoss
from ..losses.sequence_contrastive import SequenceContrastiveLoss
from ..losses.tcc_loss import CycleConsistencyLoss
from ..losses.tcn_loss import TCNLoss
from ..losses.vaot_loss import VAOTLoss
from ..losses.vava_loss import VAVALoss
from ..losses.vsp_loss import VSPLoss
from .alignment_head import MethodHead


@MODELS.register_module()
class CARLHead(MethodHead):
    """Head of CARL; the arguments are those of its loss."""

    loss_class = SequenceContrastiveLoss


@MODELS.register_module()
class CASAHead(MethodHead):
    """Head of CASA; the arguments are those of its loss."""

    loss_class = CASALoss


@MODELS.register_module()
class TCCHead(MethodHead):
    """Head of TCC; the arguments are those of its loss."""

    loss_class = CycleConsistencyLoss


@MODELS.register_module()
class LAVHead(MethodHead):
    """Head of LAV; the arguments are those of its loss."""

    loss_class = LAVLoss


@MODELS.register_module()
class GTCCHead(MethodHead):
    """Head of GTCC; the arguments are those of its loss."""

    loss_class = GTCCLoss


@MODELS.register_module()
class TCNHead(MethodHead):
    """Head of single-view TCN; the arguments are those of its loss."""

    loss_class = TCNLoss


@MODELS.register_module()
class SaLHead(MethodHead):
    """Head of Shuffle and Learn; the arguments are those of its loss."""

    loss_class = SaLLoss


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
