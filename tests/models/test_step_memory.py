from contextlib import nullcontext

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from masa.models import SequenceAligner

LENGTH1, LENGTH2 = 37, 41


class ShapeRecorder(TorchDispatchMode):
    """Notes the shape of every tensor that any operation gives."""

    def __init__(self):
        super().__init__()
        self.shapes = set()
        self.fused_widths = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.shapes |= {
            (str(func), tuple(x.shape))
            for x in tree_iter(result)
            if isinstance(x, torch.Tensor)
        }
        if 'scaled_dot_product_flash_attention_for_cpu' in str(func):
            self.fused_widths.append([x.shape[-1] for x in args[:3]])
        return result

    def matrices(self):
        """Shapes with the lengths of both views among their dimensions."""
        return [
            (name, shape)
            for name, shape in self.shapes
            if sum(n in (LENGTH1, LENGTH2) for n in shape) > 1
        ]


def aligner(width, heads, attention):
    torch.manual_seed(0)
    return SequenceAligner(
        backbone=dict(
            type='ContextAwareEncoder',
            in_channels=5,
            embed_dims=width,
            num_heads=heads,
            attention=attention,
        ),
        neck=dict(type='ProjectionNeck', in_channels=width),
        head=dict(
            type='MASAHead',
            predictor=dict(
                type='ClusterPredictor', embed_dims=width, num_heads=heads
            ),
        ),
    )


def record_step(make_view, width=12, heads=3, attention='softmax'):
    model = aligner(width, heads, attention)
    totals = (60, 60, 60)
    views = [
        make_view((LENGTH1, 20, 1), totals, 5, seed=1),
        make_view((30, LENGTH2, 2), totals, 5, seed=2),
    ]
    optimizer = torch.optim.Adam(model.parameters())
    with ShapeRecorder() as recorder:
        model.loss(views)['loss'].backward()
        optimizer.step()
    assert all(p.grad is not None for p in model.parameters())
    return recorder


@pytest.mark.parametrize('attention', ['softmax', 'linear'])
# The last is the paper's for skeletons: heads as narrow as 5.
@pytest.mark.parametrize(('width', 'heads'), [(12, 3), (16, 2), (75, 15)])
def test_no_matrix_between_frames_in_a_training_step(
    make_view, width, heads, attention
):
    recorder = record_step(make_view, width, heads, attention)
    assert len(recorder.shapes) > 50
    assert recorder.matrices() == []


@pytest.mark.parametrize(('width', 'heads'), [(12, 3), (75, 15)])
def test_widths_suit_every_fused_kernel(make_view, width, heads):
    # CUDA's kernels want multiples of 8, and fall back silently.
    recorder = record_step(make_view, width, heads)
    # 4 layers, 2 x 2 of the predictor, both directions of the matching;
    # forward and, with the gradient before them, backward.
    assert len(recorder.fused_widths) >= 10
    for widths in recorder.fused_widths:
        assert len(set(widths)) == 1
        assert widths[0] % 8 == 0


@pytest.mark.parametrize('fused', [True, False])
def test_the_recorder_sees_matrices(make_view, fused):
    with nullcontext() if fused else sdpa_kernel(SDPBackend.MATH):
        recorder = record_step(make_view)
    assert bool(recorder.matrices()) != fused
