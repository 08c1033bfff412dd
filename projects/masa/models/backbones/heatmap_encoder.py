from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ...support.argument_checks import (
    check_above_zero,
    check_not_negative,
    check_one_or_more,
)
from ..layers import SelfAttentionBlock
from .context_aware_encoder import ContextAwareEncoder


def joint_heatmaps(
    points: Tensor, resolution: int, window: float, sigma: float
) -> Tensor:
    """Render every joint as a Gaussian on a grid of its own.

    ``h[r, c] = exp(-((x - x_c)^2 + (y - y_r)^2) / (2 sigma^2))`` at the
    centers ``(x_c, y_r)`` of the grid's cells, as the product of a column
    and a row.

    Args:
        points (Tensor): Coordinates x and y, ``(..., 2)``, finite.
        resolution (int): Cells along each axis, R.
        window (float): The grid covers ``[-window, window]`` along each
            axis, in the units of the points.
        sigma (float): Standard deviation, in the same units.

    Returns:
        Tensor: ``(..., R, R)``, in [0, 1]; all 0 for a joint far outside.

    Example:
        >>> joint_heatmaps(torch.zeros(2), 3, window=1.5, sigma=1.0)
        tensor([[0.3679, 0.6065, 0.3679],
                [0.6065, 1.0000, 0.6065],
                [0.3679, 0.6065, 0.3679]])
    """
    cell = 2 * window / resolution
    steps = torch.arange(resolution, device=points.device, dtype=points.dtype)
    centers = cell * (steps + 0.5) - window
    offset = (points[..., None] - centers) / sigma
    along_x, along_y = (-0.5 * offset.square()).exp().unbind(-2)
    return along_y[..., None] * along_x[..., None, :]


class HeatmapEmbedding(nn.Module):
    """Embed the joints of every frame by their heatmaps.

    Args:
        num_joints (int): Joints V of a frame, of all persons.
        coordinates (int): Coordinates of a joint.
        embed_dims (int): Width D of a frame's embedding.
        joint_dims (int): Width of a joint's embedding.
        num_heads (int): Heads of the attention over joints.
        num_layers (int): Self-attention blocks over joints.
        resolution (int): See :func:`joint_heatmaps`.
        window (float): Likewise.
        sigma (float): Likewise.
    """

    def __init__(
        self,
        num_joints: int,
        coordinates: int,
        embed_dims: int,
        joint_dims: int,
        num_heads: int,
        num_layers: int,
        resolution: int,
        window: float,
        sigma: float,
    ):
        super().__init__()
        self.shape = num_joints, coordinates
        self.grid = resolution, window, sigma
        self.heatmap_embedding = nn.Linear(resolution**2, joint_dims)
        self.joint_embedding = nn.Parameter(
            # The standard deviation of a heatmap's embedding under Xavier's
            # weights.
            0.1 * torch.randn(num_joints, joint_dims)
        )
        self.layers = nn.ModuleList(
            SelfAttentionBlock(joint_dims, num_heads)
            for _ in range(num_layers)
        )
        self.output = nn.Linear(num_joints * joint_dims, embed_dims)

    def forward(self, frames: Tensor) -> Tensor:
        """Embed frames.

        Args:
            frames (Tensor): ``(..., T, V * coordinates)``.

        Returns:
            Tensor: ``(..., T, D)``.
        """
        points = frames.unflatten(-1, self.shape)[..., :2]
        heatmaps = joint_heatmaps(points, *self.grid).flatten(-2)
        joints = self.heatmap_embedding(heatmaps) + self.joint_embedding
        for block in self.layers:
            joints = block(joints)
        return self.output(joints.flatten(-2))


@MODELS.register_module()
class HeatmapEncoder(ContextAwareEncoder):
    """Encoder of 2D skeleton heatmaps, in the manner of LA2DS.

    This was written from the abstract of *Learning by Aligning 2D Skeleton
    Sequences in Time* (Tran et al., arXiv:2305.19480), without the paper. The
    abstract names self-supervised alignment, a transformer over sequences of
    2D skeleton heatmaps with attention in space and in time, and augmentation
    of the heatmaps. Everything else is decided here: the resolution, the
    layers, how the joints become a frame, which joints :class:`HideJoints`
    hides, and, in the config, :class:`CASAHead` as objective, with which MASA
    groups the method. Its results do not reproduce the paper's.

    Every joint is rendered as a Gaussian on a grid (:func:`joint_heatmaps`),
    the grid is embedded by a linear layer, and a learned embedding of the
    joint is added. Self-attention blocks run over the joints of each frame.
    The embedded joints are concatenated and projected to the frame's
    embedding; their mean would have fewer dimensions than a pose. All this
    replaces the MLP ``f`` of :class:`ContextAwareEncoder`. The rest is that
    encoder: positions and attention blocks in time, within the views and
    between them.

    Args:
        in_channels (int): Width of a frame of the input: all joints' (of all
            persons) times ``coordinates``, as :class:`PackSequenceInputs`
            lays them out.
        embed_dims (int): Width D of the embedding.
        num_heads (int): Number of attention heads in time; must divide
            ``embed_dims``.
        coordinates (int): Coordinates of a joint, 2 or 3; the third is not
            used. Defaults to 2.
        resolution (int): Cells of a heatmap along each axis. Defaults to 16.
        window (float): A heatmap covers ``[-window, window]``, in torso
            lengths, about the skeleton's root. Defaults to 2.5: a raised
            hand is about two above the hips.
        sigma (float): Standard deviation of the Gaussian, in torso lengths.
            Defaults to 0.3, a cell.
        joint_dims (int): Width of a joint's embedding. Defaults to 32.
        joint_heads (int): Number of attention heads over joints; must divide
            ``joint_dims``. Defaults to 4.
        joint_layers (int): Number of self-attention blocks over joints, 0
            or more. Defaults to 2.
        layers (Sequence[str]): Attention blocks in time, see
            :class:`ContextAwareEncoder`.
        attention (str): Attention in time, ``'softmax'`` or ``'linear'``.
            Defaults to ``'softmax'``.
        scale_features (bool): See :class:`ContextAwareEncoder`.
        init_cfg (dict, optional): How to initialize. Defaults to Xavier
            uniform for every linear layer.

    Raises:
        ValueError: If an argument is outside its range, ``in_channels`` is
            not a multiple of ``coordinates``, or heads do not divide a
            width.

    Example:
        >>> encoder = HeatmapEncoder(26, embed_dims=64, num_heads=4)
        >>> mask = torch.ones(2, 30, dtype=torch.bool)
        >>> encoder.encode(torch.zeros(2, 30, 26), mask).shape
        torch.Size([2, 30, 64])
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int,
        num_heads: int,
        coordinates: int = 2,
        resolution: int = 16,
        window: float = 2.5,
        sigma: float = 0.3,
        joint_dims: int = 32,
        joint_heads: int = 4,
        joint_layers: int = 2,
        layers: Sequence[str] = ('self', 'cross', 'self', 'cross'),
        attention: str = 'softmax',
        scale_features: bool = True,
        init_cfg: dict | None = dict(  # noqa: B006
            type='Xavier', layer='Linear', distribution='uniform'
        ),
    ):
        if coordinates not in (2, 3):
            raise ValueError(
                f'coordinates is expected to be 2 or 3, but got {coordinates}'
            )
        if in_channels < coordinates or in_channels % coordinates:
            raise ValueError(
                f'in_channels={in_channels} is expected to be a multiple of '
                f'coordinates={coordinates}'
            )
        check_one_or_more(resolution=resolution)
        check_not_negative(joint_layers=joint_layers)
        check_above_zero(window=window, sigma=sigma)
        super().__init__(
            in_channels,
            embed_dims,
            num_heads,
            layers,
            hidden_channels=(),
            attention=attention,
            scale_features=scale_features,
            init_cfg=init_cfg,
        )
        # f of eq. 1.
        self.frame_mlp = HeatmapEmbedding(
            num_joints=in_channels // coordinates,
            coordinates=coordinates,
            embed_dims=embed_dims,
            joint_dims=joint_dims,
            num_heads=joint_heads,
            num_layers=joint_layers,
            resolution=resolution,
            window=window,
            sigma=sigma,
        )
