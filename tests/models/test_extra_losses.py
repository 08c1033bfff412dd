"""The losses that ClipAwareHead adds to its own."""

import contextlib

import pytest
import torch
from mmaction.registry import MODELS
from no_host_waits import NoHostWaits, training_step
from training_batches import collated_batch

from masa.models import ClipAwareHead
from masa.models.losses import ExtraLoss

EXTRAS = {
    'variance_covariance': dict(type='VarianceCovarianceLoss', weight=0.3),
    'swapped_entropy': dict(
        type='SwappedPredictionLoss', embed_dims=6, weight=0.5
    ),
    'cycle_kl': dict(type='NeighborCycleLoss', weight=0.7),
}


@pytest.fixture
def views(views):
    return [view._replace(values=view.values.float()) for view in views]


def losses(head, views):
    return head.loss(*(view.values for view in views), *views)


def test_head_adds_and_logs_them(views):
    head = ClipAwareHead(extra_losses=list(EXTRAS.values()))
    head.init_weights()
    result = losses(head, views)
    plain = losses(ClipAwareHead(), views)
    assert set(result) == set(plain) | set(EXTRAS)
    expected = plain['loss']
    for extra, (name, config) in zip(
        head.extra_losses, EXTRAS.items(), strict=True
    ):
        values = extra(*(view.values for view in views), *views)
        assert values.shape == (4,)
        torch.testing.assert_close(result[name], values.mean())
        assert not result[name].requires_grad
        expected = expected + config['weight'] * values.mean()
    torch.testing.assert_close(result['loss'], expected)
    assert [key for key in result if 'loss' in key] == ['loss']


@pytest.mark.parametrize('name', EXTRAS)
def test_they_share_a_base(name):
    loss = MODELS.build(EXTRAS[name])
    assert isinstance(loss, ExtraLoss)
    assert loss.weight == EXTRAS[name]['weight']
    assert loss.log_name == name


def test_the_base_computes_nothing():
    with pytest.raises(TypeError, match=r'abstract.*forward'):
        ExtraLoss(weight=0.1)


def test_head_has_none_unless_asked():
    assert ClipAwareHead().state_dict() == {}


@pytest.mark.parametrize('name', ['cycle_kl', 'moment_kl'])
def test_names_differ(name, monkeypatch):
    extras = [EXTRAS['cycle_kl']]
    if name == 'moment_kl':
        kind = MODELS.get('NeighborCycleLoss')
        monkeypatch.setattr(kind, 'log_name', name)
    else:
        extras *= 2
    with pytest.raises(ValueError, match=f'different log_names.*{name}'):
        ClipAwareHead(extra_losses=extras)


@pytest.mark.parametrize('name', EXTRAS)
def test_half_precision_gives_a_full_loss(views, name):
    torch.manual_seed(0)
    loss = MODELS.build(EXTRAS[name])
    half = [view.values.bfloat16() for view in views]
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(*half, *views)
    expected = loss.double()(*(z.double() for z in half), *views)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('batch', [1, 3])
def test_the_host_reads_nothing_from_the_device(batch, monkeypatch):
    # As in test_host_waits.py: autocast does not know the device.
    monkeypatch.setattr(
        torch, 'autocast', lambda *args, **kwargs: contextlib.nullcontext()
    )
    model = MODELS.build(
        dict(
            type='SequenceAligner',
            backbone=dict(
                type='ContextAwareEncoder',
                in_channels=5,
                embed_dims=6,
                num_heads=2,
                layers=('self',),
            ),
            neck=dict(type='ProjectionNeck', in_channels=6, num_layers=1),
            head=dict(
                type='ClipAwareHead', extra_losses=list(EXTRAS.values())
            ),
        )
    )
    model.train().to('meta')
    with NoHostWaits():
        training_step(model, collated_batch((14, 9, 11)[:batch], 5))
    unused = [k for k, p in model.named_parameters() if p.grad is None]
    assert unused == []
