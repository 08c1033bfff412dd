"""A training step does not synchronize GPU and CPU."""

import contextlib

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from no_host_waits import NoHostWaits, training_step
from tiny_configs import CONFIGS, DEMOS
from training_batches import collated_batch

from masa.models.layers import to_device

CHANNELS = 75


@pytest.fixture
def _autocast_on_meta(monkeypatch):
    # Tensors without values: whatever would read one on the host fails.
    # Autocast does not know the device, and decides nothing here.
    monkeypatch.setattr(
        torch, 'autocast', lambda *args, **kwargs: contextlib.nullcontext()
    )


def demo_model(path='masa_demo.py', **backbone):
    config = Config.fromfile(CONFIGS / path).model
    config.backbone.update(backbone)
    torch.manual_seed(0)
    return MODELS.build(config).train()


@pytest.mark.usefixtures('_autocast_on_meta')
@pytest.mark.parametrize('path', DEMOS)
def test_the_host_reads_nothing_from_the_device(path):
    model = demo_model(path).to('meta')
    step_on_meta(model)


@pytest.mark.usefixtures('_autocast_on_meta')
@pytest.mark.parametrize('option', [dict(hidden_frames=0.5), dict(tempo=2.0)])
def test_what_is_drawn_is_drawn_on_the_device(option):
    step_on_meta(demo_model(**option).to('meta'))


def step_on_meta(model):
    with NoHostWaits():
        training_step(model, collated_batch((14, 9, 11), CHANNELS))
    # Distributed training waits for the gradients of all parameters.
    unused = [k for k, p in model.named_parameters() if p.grad is None]
    assert unused == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('path', DEMOS)
def test_cuda_sees_no_synchronization(path):
    model = demo_model(path).cuda()
    data = collated_batch((14, 9, 11), CHANNELS)
    # Libraries initialize at first use, which synchronizes.
    training_step(model, data)
    torch.cuda.set_sync_debug_mode('error')
    try:
        training_step(model, data)
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.parametrize(
    'read',
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: bool(x.any()),
        lambda x: x.new_zeros(4).index_put_((x > 0,), x[0]),
        lambda x: torch.zeros(4).to(x.device),
    ],
)
def test_such_reads_are_noticed(read):
    values = torch.ones(4, device='meta')
    with (
        NoHostWaits(),
        pytest.raises((RuntimeError, NotImplementedError)),
    ):
        read(values)


def test_lengths_given_or_counted_are_the_same(make_view):
    model = demo_model().eval()
    views = model.data_preprocessor(collated_batch((14, 9, 11), CHANNELS))[
        'inputs'
    ]
    counted = [view._replace(host_lengths=None) for view in views]
    assert views[0].host_lengths == tuple(views[0].lengths.tolist())
    torch.testing.assert_close(
        model.loss(views), model.loss(counted), rtol=0, atol=0
    )
    torch.testing.assert_close(
        model.embed(views[:1]), model.embed(counted[:1]), rtol=0, atol=0
    )


def test_arrays_arrive_as_they_are():
    array = np.arange(6).reshape(2, 3)
    assert torch.equal(
        to_device(array, torch.device('cpu')), torch.tensor(array)
    )
