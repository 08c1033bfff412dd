from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from ...registry import MODELS
from ...support.argument_checks import check_one_or_more
from ..layers import FramePacking, build_mlp


@MODELS.register_module()
class ProjectionNeck(BaseModule):
    """Projection head of MASA, Sec. 3.3: ``Z = P(U)``.

    Fully connected layers with batch normalization after each and ReLU
    between them, after SimCLR and SimSiam. CASA's has two layers and no
    batch normalization (``num_layers=2, batch_norm=False``). The batch
    statistics are those of the existing frames of all processes; padding
    does not enter them.

    Args:
        in_channels (int): Width of the embedding U.
        out_channels (int, optional): Width of Z. Defaults to
            ``in_channels``.
        hidden_channels (int, optional): Width of the layers between.
            Defaults to ``in_channels``.
        num_layers (int): Number of layers. Defaults to 4 (Sec. 3.3).
        batch_norm (bool): Whether batch normalization follows each layer;
            without it the layers have biases. Defaults to True.
        init_cfg (dict, optional): How to initialize. Defaults to None,
            PyTorch's own.

    Raises:
        ValueError: If ``num_layers`` is below 1.

    Example:
        >>> import torch
        >>> neck = ProjectionNeck(in_channels=16, out_channels=8)
        >>> mask = torch.ones(2, 5, dtype=torch.bool)
        >>> neck(torch.rand(2, 5, 16), mask).shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        hidden_channels: int | None = None,
        num_layers: int = 4,
        batch_norm: bool = True,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(num_layers=num_layers)
        hidden = hidden_channels or in_channels
        widths = (
            in_channels,
            *[hidden] * (num_layers - 1),
            out_channels or in_channels,
        )
        self.in_channels = in_channels
        self.out_channels = widths[-1]
        self.projection = build_mlp(widths, batch_norm=batch_norm)

    def forward(
        self,
        embedding: Tensor,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
    ) -> Tensor:
        """Project every frame.

        Args:
            embedding (Tensor): U, ``(B, T, in_channels)``.
            mask (Tensor): Existing frames, ``(B, T)``, bool.
            lengths (Sequence[int], optional): Numbers of frames. Without
                them the mask is copied to the host, which synchronizes GPU
                and CPU.

        Returns:
            Tensor: Z, ``(B, T, out_channels)``, zero in the padding.

        Raises:
            ValueError: In training on a single frame, if there is batch
                normalization.
        """
        packing = FramePacking(mask, lengths)
        return packing.unpack(self.projection(packing.pack(embedding)))
