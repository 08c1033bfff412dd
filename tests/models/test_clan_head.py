import contextlib

import pytest
import torch
from mmaction.registry import MODELS
from no_host_waits import NoHostWaits, training_step
from training_batches import collated_batch

from masa.models import CLANHead
from masa.models.losses import (
    ClipContrastiveLoss,
    NeighborCycleLoss,
    SequenceContrastiveLoss,
)


def test_it_adds_three_losses_up(views):
    head = CLANHead(
        temperature=0.3,
        variance=4.0,
        clip_weight=0.7,
        cycle_weight=0.5,
        memory=3,
        in_channels=6,
    ).double()
    moments = SequenceContrastiveLoss(0.3, 4.0)(*views)
    clips = ClipContrastiveLoss(0.3)(*views)
    cycle = NeighborCycleLoss(
        0.3, 4.0, mutual=True, memory=3, embed_dims=6
    ).double()
    for _ in range(2):
        # The second time, there is a memory.
        cycles = cycle(*views)
        losses, logged = head.compute_losses(*views)
        torch.testing.assert_close(
            losses, moments + 0.7 * clips + 0.5 * cycles
        )
        assert logged.keys() == {'moment_kl', 'clip_entropy', 'cycle_kl'}
        torch.testing.assert_close(logged['cycle_kl'], cycles)
    assert head.extra_losses[1].memory.any()


def test_without_memory_neighbors_need_not_be_mutual(views):
    cycle = NeighborCycleLoss()(*views)
    _, logged = CLANHead().compute_losses(*views)
    torch.testing.assert_close(logged['cycle_kl'], cycle)
    assert not torch.allclose(cycle, NeighborCycleLoss(mutual=True)(*views))


def test_without_a_cycle_nothing_is_remembered(views):
    head = CLANHead(cycle_weight=0, memory=3)
    assert head.state_dict() == {}
    assert 'cycle_kl' not in head.loss(*views)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('clip_weight', -0.1),
        ('cycle_weight', float('nan')),
        ('temperature', 0.0),
        ('variance', 0.0),
        ('memory', -1),
    ],
)
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'^{name} '):
        CLANHead(in_channels=6, **{name: value})


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
            neck=dict(type='ProjectionNeck', num_layers=1),
            head=dict(
                type='CLANHead',
                extra_losses=[
                    dict(type='VarianceCovarianceLoss'),
                    dict(type='SwappedPredictionLoss'),
                ],
            ),
        )
    )
    model.train().to('meta')
    with NoHostWaits():
        training_step(model, collated_batch((14, 9, 11)[:batch], 5))
    unused = [k for k, p in model.named_parameters() if p.grad is None]
    assert unused == []
