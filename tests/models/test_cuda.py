"""On a GPU the models compute what they do on a CPU."""

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from tiny_configs import CONFIGS, DEMOS
from training_batches import collated_batch

CHANNELS = 75
DEVICES = [
    'cpu',
    pytest.param(
        'cuda',
        marks=pytest.mark.skipif(
            not torch.cuda.is_available(), reason='needs a GPU'
        ),
    ),
]


@pytest.fixture
def _draws_on_the_host(monkeypatch):
    # A GPU's generator gives other numbers for the same seed.
    for name in ('rand', 'rand_like'):
        monkeypatch.setattr(torch, name, _on_the_host(getattr(torch, name)))


def _on_the_host(draw):
    def wrapper(*args, device=None, **kwargs):
        like = [a for a in args if isinstance(a, torch.Tensor)]
        device = device or (like[0].device if like else 'cpu')
        args = [a.cpu() if isinstance(a, torch.Tensor) else a for a in args]
        return draw(*args, **kwargs).to(device)

    return wrapper


def step(path, device):
    """The loss, the gradients and embeddings, on the host."""
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIGS / path).model)
    model.init_weights()
    # Rounding would hide a small mistake.
    model = model.double().to(device).train()
    batch = collated_batch((14, 40, 11, 14), CHANNELS)
    for view in batch['inputs']:
        view['values'] = [values.double() for values in view['values']]
    inputs = model.data_preprocessor(batch, training=True)
    torch.manual_seed(0)
    loss = model.loss(**inputs)['loss']
    loss.backward()
    gradients = [parameter.grad.cpu() for parameter in model.parameters()]
    embedding = model.eval().embed(inputs['inputs'][:1])
    return [loss.detach().cpu(), embedding.detach().cpu(), *gradients]


@pytest.mark.usefixtures('_draws_on_the_host')
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('path', DEMOS)
def test_a_step_is_the_same_on_every_device(path, device):
    for found, expected in zip(
        step(path, device), step(path, 'cpu'), strict=True
    ):
        assert torch.isfinite(expected).all()
        # A readout is float32 whatever the model is.
        exact = expected.dtype == torch.float64
        tolerance = dict(rtol=1e-7, atol=1e-9) if exact else {}
        torch.testing.assert_close(found, expected, **tolerance)
