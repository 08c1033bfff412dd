from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import FramePacking, SelfAttentionBlock


@MODELS.register_module()
class ClusterPredictor(BaseModule):
    """Cluster predictor H of MASA, Sec. 3.4 and 4.2.

    Self-attention blocks over the frames of one view: the prediction for a
    frame draws on the whole view.

    Args:
        embed_dims (int): Width of Z.
        num_heads (int): Number of heads; must divide ``embed_dims``.
        num_layers (int): Number of blocks. Defaults to 2 (Sec. 4.2).
        attention (str): ``'softmax'`` or ``'linear'``. Defaults to
            ``'softmax'``.
        init_cfg (dict, optional): How to initialize. Defaults to Xavier
            uniform for every linear layer, as in the encoder.

    Raises:
        ValueError: If ``num_layers`` is below 1.

    Example:
        >>> import torch
        >>> predictor = ClusterPredictor(embed_dims=16, num_heads=2)
        >>> mask = torch.ones(2, 5, dtype=torch.bool)
        >>> predictor(torch.zeros(2, 5, 16), mask).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        num_layers: int = 2,
        attention: str = 'softmax',
        init_cfg: dict | None = dict(  # noqa: B006
            type='Xavier', layer='Linear', distribution='uniform'
        ),
    ):
        super().__init__(init_cfg)
        if num_layers < 1:
            raise ValueError(
                f'num_layers is expected to be 1 or more, but got '
                f'{num_layers}; predictor=None in the head turns the '
                'clustering off'
            )
        self.embed_dims = embed_dims
        self.layers = nn.ModuleList(
            SelfAttentionBlock(embed_dims, num_heads, attention)
            for _ in range(num_layers)
        )

    def forward(
        self, z: Tensor, mask: Tensor, lengths: Sequence[int] | None = None
    ) -> Tensor:
        """Predict the other view's embedding of every frame.

        Args:
            z (Tensor): Z of one view, ``(B, T, D)``.
            mask (Tensor): Existing frames, ``(B, T)``, bool.
            lengths (Sequence[int], optional): Numbers of frames. Without
                them the mask is copied to the host, which synchronizes GPU
                and CPU.

        Returns:
            Tensor: H(Z), ``(B, T, D)``, zero in the padding.
        """
        packing = FramePacking(mask, lengths)
        frames = packing.pack(z)
        for block in self.layers:
            frames = block(frames, packing)
        return packing.unpack(frames)
