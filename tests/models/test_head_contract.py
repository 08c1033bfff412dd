"""What every head promises, whatever it trains on."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from masa.models.heads import AlignmentHead
from masa.models.losses import SequenceContrastiveLoss

WIDTH = 6
EXTRAS = [
    dict(type='VarianceCovarianceLoss', weight=0.3),
    dict(type='SwappedPredictionLoss', weight=0.5),
]
# Arguments that a head cannot do without, by its registered name.
HEADS = {
    'AlignmentHead': dict(loss=dict(type='SequenceContrastiveLoss')),
    'CARLHead': {},
    'CASAHead': {},
    'CLANHead': dict(memory=3),
    'MASAHead': dict(predictor=dict(type='ClusterPredictor', num_heads=2)),
    'GTCCHead': dict(drop=dict(type='DropContext')),
    'LAVHead': {},
    'SaLHead': {},
    'TCCHead': {},
    'TCNHead': {},
    'SupervisedHead': dict(num_activities=1, max_phases=2),
    'VAOTHead': {},
    'VAVAHead': {},
    'VSPHead': {},
}


def build(name, **options):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(type=name, in_channels=WIDTH, **HEADS[name], **options)
    )
    head.init_weights()
    return head


def compute(head, views):
    torch.manual_seed(1)
    samples = [
        ActionDataSample(
            metainfo=dict(label=0), phase=torch.ones(total, dtype=torch.int64)
        )
        for total in views[0].num_frames
    ]
    return head.loss(*views, samples)


@pytest.fixture
def views(views):
    """With the labels that the supervised head makes of the samples."""
    return [
        view._replace(
            values=view.values.float(),
            labels=torch.ones_like(view.frame_index),
        )
        for view in views
    ]


def test_every_head_is_here():
    found = {
        name
        for name, kind in MODELS.module_dict.items()
        if isinstance(kind, type)
        and issubclass(kind, AlignmentHead)
        and kind.__module__.startswith('masa.')
    }
    assert found == set(HEADS)


@pytest.mark.parametrize('name', HEADS)
def test_it_gives_one_loss_and_finite_scalars(views, name):
    result = compute(build(name), views)
    assert [key for key in result if 'loss' in key] == ['loss']
    assert {'loss', 'embedding_std'} <= set(result)
    for key, value in result.items():
        assert value.shape == ()
        assert value.isfinite()
        assert not value.requires_grad or key == 'loss'


@pytest.mark.parametrize('name', HEADS)
def test_it_is_the_mean_over_the_sequences(views, name):
    head = build(name)
    torch.manual_seed(1)
    losses, _ = head.compute_losses(*views)
    assert losses.shape == (4,)
    result = compute(build(name), views)
    torch.testing.assert_close(result['loss'], losses.mean())


@pytest.mark.parametrize('name', HEADS)
def test_it_adds_extra_losses_and_logs_them(views, name):
    head, without = build(name, extra_losses=EXTRAS), build(name)
    head.load_state_dict(without.state_dict(), strict=False)
    result, plain = compute(head, views), compute(without, views)
    expected = plain['loss']
    # A head's own parts may come before those that are asked for.
    for extra in head.extra_losses[-len(EXTRAS) :]:
        values = extra(*views)
        torch.testing.assert_close(
            result[extra.log_name], values.mean().detach()
        )
        expected = expected + extra.weight * values.mean()
    torch.testing.assert_close(result['loss'], expected)
    assert set(result) - set(plain) == {
        'variance_covariance',
        'swapped_entropy',
    }


@pytest.mark.parametrize('name', HEADS)
def test_it_trains_in_half_precision(views, name):
    head = build(name)
    half = [
        v._replace(values=v.values.bfloat16().requires_grad_()) for v in views
    ]
    with torch.autocast('cpu', torch.bfloat16):
        result = compute(head, half)
    assert result['loss'].dtype == torch.float32
    result['loss'].backward()
    for view in half:
        assert view.values.grad.isfinite().all()
    for parameter in head.parameters():
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize(
    ('name', 'extras', 'twice'),
    [
        ('CARLHead', EXTRAS + EXTRAS[1:], 'swapped_entropy'),
        ('CLANHead', [dict(type='ClipContrastiveLoss')], 'clip_entropy'),
        ('CLANHead', [dict(type='NeighborCycleLoss')], 'cycle_kl'),
        ('MASAHead', [dict(type='MatchingLoss')], 'match_mse'),
    ],
)
def test_log_names_differ(name, extras, twice):
    with pytest.raises(ValueError, match=twice):
        build(name, extra_losses=extras)


def test_what_several_losses_measure_is_logged_for_each(views):
    extras = [dict(type=name) for name in ('MatchingLoss', 'VAVALoss')]
    head = AlignmentHead(dict(type='CASALoss'), extras)
    result = compute(head, views)
    matching, vava = head.extra_losses
    for key, values in {
        'match_frames': head.method_loss.logged['match_frames'],
        'match_mse/match_frames': matching.logged['match_frames'],
        'vava/mass_error': vava.logged['mass_error'],
    }.items():
        torch.testing.assert_close(result[key], values.mean())
    assert result['match_frames'] != result['match_mse/match_frames']


def test_a_measure_is_not_logged_over_a_loss(views):
    class Extra(SequenceContrastiveLoss):
        log_name = 'match_frames'

    head = AlignmentHead(dict(type='CASALoss'), [dict(type=Extra)])
    with pytest.raises(ValueError, match=r'match_frames.*CASALoss.*Extra'):
        compute(head, views)


def test_what_is_logged_is_not_added_up(views):
    class Wrong(AlignmentHead):
        def compute_losses(self, view1, view2):
            losses, _ = super().compute_losses(view1, view2)
            return losses, dict(my_loss=losses)

    head = Wrong(dict(type='SequenceContrastiveLoss'))
    with pytest.raises(ValueError, match='my_loss'):
        head.loss(*views)
