"""torch.compile, and half precision, give what the plain model gives."""

import copy

import pytest
import torch
from mmaction.registry import MODELS
from torch._dynamo.utils import counters
from training_batches import collated_batch

from masa.engine import DeferredNormOptimWrapper

GPU = pytest.param(
    'cuda',
    marks=pytest.mark.skipif(
        not torch.cuda.is_available(), reason='needs a GPU'
    ),
)
CONFIG = dict(
    type='SequenceAligner',
    backbone=dict(
        type='ContextAwareEncoder',
        in_channels=6,
        embed_dims=8,
        num_heads=2,
        layers=('cross',),
    ),
    neck=dict(type='ProjectionNeck', in_channels=8, num_layers=1),
    head=dict(
        type='MASAHead',
        predictor=dict(
            type='ClusterPredictor', embed_dims=8, num_heads=2, num_layers=1
        ),
    ),
)
# Of other lengths, and so in other groups, every time.
BATCHES = ((14, 9, 11), (30, 8, 17), (12, 40, 6), (25, 22, 9))


def aligner(device):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(CONFIG))
    model.init_weights()
    return model.train().to(device)


def losses_and_gradients(model, loss_of):
    results = []
    for seed, totals in enumerate(BATCHES):
        inputs = model.data_preprocessor(collated_batch(totals, 6, seed), True)
        model.zero_grad()
        logged = loss_of(**inputs)
        logged['loss'].backward()
        gradients = [p.grad.clone() for p in model.parameters()]
        results.append((logged['loss'].detach(), gradients))
    return results


@pytest.fixture
def _fresh_compiler():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def train(model, step, after_step=lambda: None):
    """The losses, and the weights at the end."""
    # With Adam, rounding would decide the sign of a step.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = DeferredNormOptimWrapper(optimizer, clip_grad=dict(max_norm=0.5))
    losses = []
    for seed, totals in enumerate(BATCHES):
        logged = step(collated_batch(totals, 6, seed), wrapper)
        losses.append(logged['loss'].detach())
        after_step()
    return losses, model.state_dict()


@pytest.mark.usefixtures('_fresh_compiler')
@pytest.mark.parametrize(
    ('device', 'backend'),
    # On a CPU, inductor builds C++ for minutes, and aot_eager takes
    # twice as long as this.
    [('cpu', 'eager'), pytest.param('cuda', 'inductor', marks=GPU.marks)],
)
def test_a_compiled_training_step_is_the_plain_one(device, backend):
    plain, compiled = aligner(device), aligner(device)
    graphs = []
    actual = train(
        compiled,
        # As MMEngine's runner does for compile=dict(dynamic=True).
        torch.compile(compiled.train_step, backend=backend, dynamic=True),
        lambda: graphs.append(counters['stats']['unique_graphs']),
    )
    expected = train(plain, plain.train_step)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    # Other lengths, in other groups, compile nothing anew.
    assert graphs == [graphs[0]] * len(BATCHES)
    assert graphs[0] > 0


@pytest.mark.parametrize('device', ['cpu', GPU])
def test_bfloat16_is_close(device):
    model = aligner(device)

    def half(**inputs):
        with torch.autocast(device, torch.bfloat16):
            return model.loss(**inputs)

    actual = losses_and_gradients(model, half)
    plain = aligner(device)
    expected = losses_and_gradients(plain, plain.loss)
    for (loss, gradients), (exact, exact_gradients) in zip(
        actual, expected, strict=True
    ):
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, exact, rtol=0.02, atol=0)
        ours = torch.cat([g.flatten() for g in gradients])
        theirs = torch.cat([g.flatten() for g in exact_gradients])
        assert torch.cosine_similarity(ours, theirs, dim=0) > 0.95
