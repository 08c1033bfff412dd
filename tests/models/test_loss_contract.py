"""What every loss promises, whatever it computes."""

import pytest
import torch
from mmaction.registry import MODELS
from view_leaves import with_leaves

from masa.models.losses import AlignmentLoss

WIDTH = 6
# Arguments that a loss cannot do without, by its registered name.
LOSSES = {
    'CASALoss': {},
    'ClipContrastiveLoss': {},
    'CorrespondenceLoss': {},
    'MatchingLoss': {},
    'CycleConsistencyLoss': {},
    'GTCCLoss': dict(drop=dict(type='DropContext'), embed_dims=WIDTH),
    'LAVLoss': {},
    'NeighborCycleLoss': {},
    'SaLLoss': dict(embed_dims=WIDTH),
    'SequenceContrastiveLoss': {},
    'SupervisedLoss': dict(num_classes=3, embed_dims=WIDTH),
    'SwappedPredictionLoss': dict(embed_dims=WIDTH),
    'TCNLoss': {},
    'VAOTLoss': {},
    'VAVALoss': {},
    'VSPLoss': {},
    'VarianceCovarianceLoss': {},
}


def build(name):
    torch.manual_seed(0)
    return MODELS.build(dict(type=name, **LOSSES[name]))


def compute(loss, views):
    """The losses of a fresh seed, as some draw frames.

    One reads labels, another the ground truth.
    """
    torch.manual_seed(1)
    return loss(*map(with_truth, views))


def with_truth(view):
    time = view.relative_time(torch.float64)
    return view._replace(
        labels=view.frame_index % 3,
        timeline=torch.stack([time, torch.zeros_like(time)], -1),
    )


def test_every_loss_is_here():
    found = {
        name
        for name, kind in MODELS.module_dict.items()
        if isinstance(kind, type)
        and issubclass(kind, AlignmentLoss)
        and kind.__module__.startswith('masa.')
    }
    assert found == set(LOSSES)


@pytest.mark.parametrize('name', LOSSES)
def test_one_finite_number_for_every_sequence(views, name):
    loss = build(name).double()
    views = with_leaves(views)
    values = compute(loss, views)
    assert values.shape == (4,)
    assert values.isfinite().all()
    for logged in loss.logged.values():
        assert not logged.requires_grad
        assert logged.isfinite().all()
    assert not any('loss' in key for key in (loss.log_name, *loss.logged))


@pytest.mark.parametrize('name', LOSSES)
def test_gradients_are_finite_and_never_of_the_padding(views, name):
    loss = build(name).double()
    views = with_leaves(views)
    compute(loss, views).sum().backward()
    for view in views:
        assert view.values.grad.isfinite().all()
        assert (view.values.grad[~view.mask] == 0).all()
        assert (view.values.grad[view.mask] != 0).any()


@pytest.mark.parametrize('name', LOSSES)
def test_nothing_reads_the_padding(views, name):
    results = []
    for value, index in ((0.0, 0), (float('nan'), 10**6)):
        padded = with_leaves(
            view._replace(
                values=view.values.where(view.mask[..., None], value),
                frame_index=view.frame_index.where(view.mask, index),
            )
            for view in views
        )
        values = compute(build(name).double(), padded)
        values.sum().backward()
        results.append([values, *(view.values.grad for view in padded)])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize('name', LOSSES)
def test_half_precision_is_computed_in_float32(views, name):
    loss = build(name)
    half = [v._replace(values=v.values.bfloat16()) for v in views]
    with torch.autocast('cpu', torch.bfloat16):
        values = compute(loss, half)
    assert values.dtype == torch.float32
    exact = compute(build(name).double(), with_leaves(half))
    torch.testing.assert_close(values.double(), exact, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('name', LOSSES)
def test_single_frames_and_a_batch_of_one(make_view, name):
    views = with_leaves(
        make_view((1,), (1,), WIDTH, seed, 2, float('nan')) for seed in (1, 2)
    )
    values = compute(build(name).double(), views)
    values.sum().backward()
    assert values.isfinite().all()
    for view in views:
        assert view.values.grad.isfinite().all()


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize(
    'change',
    [torch.zeros_like, torch.ones_like, lambda z: 1e3 * z],
    ids=['zero', 'equal', 'large'],
)
def test_degenerate_embeddings_are_safe(views, name, change):
    views = with_leaves(
        (view._replace(values=change(view.values)) for view in views),
        torch.float32,
    )
    values = compute(build(name), views)
    values.sum().backward()
    assert values.isfinite().all()
    for view in views:
        assert view.values.grad.isfinite().all()


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('weight', [-0.1, float('nan')])
def test_a_weight_is_not_negative(name, weight):
    with pytest.raises(ValueError, match='weight'):
        MODELS.build(dict(type=name, **LOSSES[name], weight=weight))


@pytest.mark.parametrize('name', [None, '', 'my_loss'])
def test_a_log_name_is_needed(name):
    class Nameless(AlignmentLoss):
        if name is not None:
            log_name = name

        def forward(self, view1, view2):
            return view1.values.sum((1, 2))

    with pytest.raises(TypeError, match=r'Nameless\.log_name'):
        Nameless()


def test_the_base_computes_nothing():
    with pytest.raises(TypeError, match=r'abstract.*forward'):
        AlignmentLoss()
