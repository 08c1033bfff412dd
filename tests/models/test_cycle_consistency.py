import math

import pytest
import torch

from masa.models.losses.cycle_consistency import (
    SIMILARITIES,
    cycle_back,
    cycle_classification,
    gaussian_regression,
    returned_time,
    similarity_logits,
    soft_nearest_neighbor,
)
from masa.structures import length_mask

LENGTHS1, LENGTHS2 = (5, 1, 4, 1), (3, 6, 1, 1)
WIDTH = 3


@pytest.fixture
def pairs():
    """Pairs with zeros in the padding, masks, and times with garbage."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for lengths in (LENGTHS1, LENGTHS2):
        mask = length_mask(torch.tensor(lengths), max(lengths) + 2)
        z = torch.randn(
            *mask.shape, WIDTH, generator=generator, dtype=torch.float64
        )
        time = torch.rand(mask.shape, generator=generator).double()
        time = time.sort(1).values.masked_fill(~mask, 1e6)
        result.append((z * mask[..., None], mask, time))
    return result


def similarity(a, b, kind, temperature):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    if kind == 'dot':
        return dot / (len(a) * temperature)
    if kind == 'cosine':
        norm_a = sum(x * x for x in a) ** 0.5
        norm_b = sum(y * y for y in b) ** 0.5
        return dot / (norm_a * norm_b) / temperature
    distance = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
    return -distance / (len(a) * temperature)


def softmax(logits):
    weights = [torch.exp(x) for x in logits]
    return [w / sum(weights) for w in weights]


def loop_cycle(u, v, kind, temperature):
    """Beta of every frame of ``u``, frames without any padding."""
    result = []
    for u_i in u:
        alpha = softmax([similarity(u_i, v_j, kind, temperature) for v_j in v])
        neighbor = sum(a * v_j for a, v_j in zip(alpha, v, strict=True))
        result.append(
            softmax(
                [similarity(neighbor, u_k, kind, temperature) for u_k in u]
            )
        )
    return result


@pytest.mark.parametrize('temperature', [0.1, 1.0])
@pytest.mark.parametrize('kind', SIMILARITIES)
def test_cycle_equals_loops(pairs, kind, temperature):
    (z1, mask1, time), (z2, mask2, _) = pairs
    z1.requires_grad_()
    z2.requires_grad_()
    logits = cycle_back(z1, z2, mask1, mask2, kind, temperature)
    mean, variance = returned_time(logits, time)
    crossentropy = cycle_classification(logits, mask1, 0.3)
    total = 0
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        betas = loop_cycle(z1[row, :m], z2[row, :n], kind, temperature)
        entropies = []
        for i, beta in enumerate(betas):
            mu = sum(b * t for b, t in zip(beta, time[row], strict=False))
            sigma2 = sum(
                b * (t - mu) ** 2
                for b, t in zip(beta, time[row], strict=False)
            )
            target = [0.7 * (k == i) + 0.3 / m for k in range(m)]
            entropies.append(
                -sum(t * b.log() for t, b in zip(target, beta, strict=True))
            )
            torch.testing.assert_close(mean[row, i], mu)
            torch.testing.assert_close(variance[row, i], sigma2)
            total = total + 3 * mu + sigma2 * 5
        torch.testing.assert_close(crossentropy[row], sum(entropies) / m)
        total = total + sum(entropies) / m
    ours = (torch.where(mask1, 3 * mean + 5 * variance, 0)).sum()
    gradient = torch.autograd.grad(ours + crossentropy.sum(), (z1, z2))
    expected = torch.autograd.grad(total, (z1, z2))
    for got, want in zip(gradient, expected, strict=True):
        assert want.abs().max() > 0.01
        torch.testing.assert_close(got, want)


def test_neighbor_is_among_the_keys(pairs):
    (z1, _, _), (z2, mask2, _) = pairs
    neighbor = soft_nearest_neighbor(z1, z2, mask2, 'l2', 1e-4)
    nearest = torch.cdist(z1, z2)
    nearest = nearest.masked_fill(~mask2[:, None], torch.inf).argmin(-1)
    expected = z2.gather(1, nearest[..., None].expand(-1, -1, WIDTH))
    torch.testing.assert_close(neighbor, expected)


@pytest.mark.parametrize('kind', SIMILARITIES)
def test_keys_that_do_not_exist_have_no_weight(pairs, kind):
    (z1, _, _), (z2, mask2, _) = pairs
    logits = similarity_logits(z1, z2, mask2, kind)
    assert (logits.isneginf() == ~mask2[:, None].expand_as(logits)).all()


def test_time_does_not_depend_on_where_embeddings_lie(pairs):
    (z1, mask1, time), (z2, mask2, _) = pairs
    far = 7 * torch.ones(WIDTH, dtype=torch.float64)
    result = returned_time(cycle_back(z1, z2, mask1, mask2), time)
    moved = returned_time(
        cycle_back(
            (z1 + far) * mask1[..., None],
            (z2 + far) * mask2[..., None],
            mask1,
            mask2,
        ),
        time,
    )
    for a, b in zip(result, moved, strict=True):
        torch.testing.assert_close(a[mask1], b[mask1])


def test_sharp_cycles_return_to_themselves(pairs):
    (z1, mask1, time), _ = pairs
    logits = cycle_back(z1, z1, mask1, mask1, 'l2', 1e-4)
    mean, variance = returned_time(logits, time)
    torch.testing.assert_close(mean[mask1], time[mask1])
    assert variance[mask1].max() < 1e-12
    assert cycle_classification(logits, mask1, 0.0).max() < 1e-12


def test_variance_of_a_sharp_peak_survives_float32():
    time = torch.arange(600)[None] / 600
    # Two neighbours share the weight: half a frame's variance.
    logits = torch.full((1, 600, 600), -torch.inf)
    logits[0, :, 500:502] = 0
    _, variance = returned_time(logits, time)
    torch.testing.assert_close(
        variance, torch.full((1, 600), (0.5 / 600) ** 2), rtol=1e-3, atol=0
    )


def test_uniform_returns_cost_the_entropy():
    mask = length_mask(torch.tensor([4]), 6)
    logits = torch.zeros(1, 6, 6).masked_fill(~mask[:, None], -torch.inf)
    for smoothing in (0.0, 0.1, 0.9):
        loss = cycle_classification(logits, mask, smoothing)
        assert loss.item() == pytest.approx(math.log(4))


def test_gaussian_regression_is_least_where_the_variance_is_right():
    error = torch.tensor(0.2, dtype=torch.float64)
    variance = torch.linspace(0.01, 1, 991, dtype=torch.float64)
    loss = gaussian_regression(error.expand_as(variance), variance, 0.5)
    assert variance[loss.argmin()].item() == pytest.approx(
        0.04 / 0.5, abs=1e-3
    )
    assert loss[40].item() == pytest.approx(
        0.04 / variance[40].item() + 0.5 * math.log(variance[40].item())
    )


@pytest.mark.parametrize('kind', SIMILARITIES)
def test_gradient(pairs, kind):
    (z1, mask1, time), (z2, mask2, _) = pairs

    def outputs(x, y):
        x = x * mask1[..., None]
        y = y * mask2[..., None]
        logits = cycle_back(x, y, mask1, mask2, kind, 0.5)
        mean, variance = returned_time(logits, time)
        return (
            mean[mask1],
            variance[mask1],
            cycle_classification(logits, mask1),
        )

    start = [
        torch.where(mask[..., None], z, 1.0).requires_grad_()
        for z, mask in ((z1, mask1), (z2, mask2))
    ]
    assert torch.autograd.gradcheck(outputs, start)
