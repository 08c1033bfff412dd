"""Plain implementations of the training loss and two metrics.

The loss pads everything to one length, computes attention as
``softmax(Q K^T) V`` with the whole matrix, and builds the similarity matrices
of both losses. It uses the weights of a :class:`masa.models.SequenceAligner`
and gives its loss. The metrics go pair by pair with SciPy, as the code of TCC,
CASA and CARL does.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau
from torch import Tensor, nn

from masa.models import SequenceAligner
from masa.models.heads import combine_losses
from masa.models.layers import CrossAttentionBlock, position_code
from masa.structures import SequenceBatch


def pad_batch(view: SequenceBatch, length: int) -> SequenceBatch:
    """Pad a batch further.

    Args:
        view (SequenceBatch): The batch.
        length (int): Number of frames to pad to.

    Returns:
        SequenceBatch: The same frames.
    """
    extra = length - view.mask.shape[1]
    return SequenceBatch(
        F.pad(view.values, (0, 0, 0, extra)),
        F.pad(view.mask, (0, extra)),
        F.pad(view.frame_index, (0, extra)),
        view.num_frames,
    )


def plain_loss(
    model: SequenceAligner, views: Sequence[SequenceBatch]
) -> Tensor:
    """Compute the training loss.

    Args:
        model (SequenceAligner): Whose weights to use.
        views (Sequence[SequenceBatch]): Two views, padded alike.

    Returns:
        Tensor: The scalar loss.
    """
    masks = [view.mask for view in views]
    u1, u2 = _encode(model.backbone, views)
    z1, z2 = (
        _project(model.neck, u, m)
        for u, m in zip((u1, u2), masks, strict=True)
    )
    h1, h2 = (
        _predict(model.head, z, m)
        for z, m in zip((z1, z2), masks, strict=True)
    )
    matching = _matching(model.head.method_loss, z1, z2, *views)
    pair = views[0].frame_index[:, :, None] == views[1].frame_index[:, None]
    pair = pair & masks[0][:, :, None] & masks[1][:, None]
    similarity = (
        _similarity(z1.detach(), h2, pair) + _similarity(h1, z2.detach(), pair)
    ) / 2
    return combine_losses(matching, similarity, model.head.eps).mean()


def _encode(
    backbone: nn.Module, views: Sequence[SequenceBatch]
) -> list[Tensor]:
    mask = views[0].mask
    position = torch.arange(
        mask.shape[1], device=mask.device, dtype=torch.float32
    )
    code = position_code(position, backbone.embed_dims)
    sides = [
        backbone.frame_mlp(view.values) * backbone.feature_scale + code
        for view in views
    ]
    masks = [view.mask for view in views]
    for layer in backbone.attention_layers:
        step = -1 if isinstance(layer, CrossAttentionBlock) else 1
        sides = [
            _attention_layer(layer, side, other, mask)
            for side, other, mask in zip(
                sides, sides[::step], masks[::step], strict=True
            )
        ]
    return sides


def _attention_layer(
    layer: nn.Module, frames: Tensor, source: Tensor, mask: Tensor
) -> Tensor:
    def heads(x: Tensor) -> tuple[Tensor, ...]:
        split = layer.query_key_value(x).unflatten(
            -1, (3, layer.num_heads, -1)
        )
        return split.transpose(1, 3).unbind(2)

    query = heads(frames)[0]
    _, key, value = heads(source)
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask[:, None, None], float('-inf'))
    message = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
    message = layer.message_norm(layer.merge(message))
    update = layer.mlp(torch.cat((frames, message), dim=-1))
    return frames + layer.mlp_norm(update)


def _project(neck: nn.Module, frames: Tensor, mask: Tensor) -> Tensor:
    weight = mask[..., None] / mask.sum()
    for layer in neck.projection:
        if isinstance(layer, nn.BatchNorm1d):
            mean = (frames * weight).sum((0, 1))
            variance = ((frames - mean).square() * weight).sum((0, 1))
            frames = (frames - mean) / (variance + layer.eps).sqrt()
            frames = frames * layer.weight + layer.bias
        else:
            frames = layer(frames)
    return frames


def _predict(head: nn.Module, frames: Tensor, mask: Tensor) -> Tensor:
    for layer in head.predictor.layers:
        frames = _attention_layer(layer, frames, frames, mask)
    return frames


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    return a @ b.transpose(-2, -1)


def _matching(
    loss: nn.Module,
    z1: Tensor,
    z2: Tensor,
    view1: SequenceBatch,
    view2: SequenceBatch,
) -> Tensor:
    total = 0
    for query, key, own, other in (
        (z1, z2, view1, view2),
        (z2, z1, view2, view1),
    ):
        logits = _cosines(query, key) / loss.temperature
        logits = logits.masked_fill(~other.mask[:, None], float('-inf'))
        scale = own.num_frames[:, None]
        index = other.frame_index / scale
        predicted = (logits.softmax(-1) @ index[..., None]).squeeze(-1)
        error = (own.frame_index / scale - predicted).square() * own.mask
        total = total + error.sum(1) / own.mask.sum(1)
    return total / 2


def _similarity(target: Tensor, prediction: Tensor, pair: Tensor) -> Tensor:
    cosines = _cosines(target, prediction) * pair
    return cosines.sum((1, 2)) / pair.sum((1, 2)).clamp_min(1)


def loop_tau(embeddings: Sequence[np.ndarray], stride: int) -> float:
    """Compute Kendall's tau as TCC, CASA and CARL do.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, (T, D).
        stride (int): Every how many frames one is taken.

    Returns:
        float: Mean over ordered pairs; a pair without a tau counts 0.
    """
    taus = []
    for i, queries in enumerate(embeddings):
        for j, candidates in enumerate(embeddings):
            if i != j:
                distances = cdist(
                    queries[::stride], candidates[::stride], 'sqeuclidean'
                )
                order = distances.argmin(axis=1)
                taus.append(kendalltau(np.arange(len(order)), order)[0])
    return float(np.mean(np.nan_to_num(taus)))


def loop_retrieval(
    embeddings: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    number: int,
    ks: Sequence[int],
) -> np.ndarray:
    """Compute one sequence's AP@K as CARL does: frame by frame.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, (T, D).
        phases (Sequence[np.ndarray]): Phase of every frame, (T,).
        number (int): Which sequence has the queries.
        ks (Sequence[int]): Numbers of neighbors.

    Returns:
        np.ndarray: Precision by k.
    """
    others = [j for j in range(len(embeddings)) if j != number]
    candidates = np.concatenate([embeddings[j] for j in others])
    labels = np.concatenate([phases[j] for j in others])
    frames = []
    for frame, phase in zip(embeddings[number], phases[number], strict=True):
        distances = cdist(frame[None], candidates, 'sqeuclidean')
        nearest = labels[np.argsort(distances[0], kind='stable')]
        frames.append([np.mean(nearest[:k] == phase) for k in ks])
    return np.mean(frames, axis=0)
