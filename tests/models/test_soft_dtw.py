import itertools
import math

import pytest
import torch

from masa.models.losses.soft_dtw import soft_dtw
from masa.structures import length_mask

LENGTHS1, LENGTHS2 = (6, 1, 4, 1, 7), (5, 6, 1, 1, 7)


def random_cost(extra=(0, 0), padding=math.nan, dtype=torch.float64):
    """Costs in [-1, 3]; what is not of a pair is ``padding``."""
    generator = torch.Generator().manual_seed(0)
    mask1 = length_mask(torch.tensor(LENGTHS1), max(LENGTHS1) + extra[0])
    mask2 = length_mask(torch.tensor(LENGTHS2), max(LENGTHS2) + extra[1])
    cost = torch.full(
        (len(LENGTHS1), mask1.shape[1], mask2.shape[1]), padding, dtype=dtype
    )
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        values = torch.rand(m, n, generator=generator, dtype=torch.float64)
        cost[row, :m, :n] = 4 * values - 1
    return cost, mask1, mask2


def loop_soft_dtw(cost, gamma):
    """Algorithm 1 for one pair of sequences without padding."""
    m, n = cost.shape
    r = {}
    for i, j in itertools.product(range(m), range(n)):
        before = [
            r[cell]
            for cell in ((i - 1, j), (i, j - 1), (i - 1, j - 1))
            if cell in r
        ]
        r[i, j] = cost[i, j]
        if before:
            weights = -torch.stack(before) / gamma
            r[i, j] = r[i, j] - gamma * weights.exp().sum().log()
    return r[m - 1, n - 1]


def paths(m, n):
    """Yield all monotone alignments of m and n frames."""
    if m == n == 1:
        yield [(0, 0)]
        return
    for i, j in ((m - 1, n), (m, n - 1), (m - 1, n - 1)):
        if i > 0 and j > 0:
            for path in paths(i, j):
                yield [*path, (m - 1, n - 1)]


@pytest.mark.parametrize('extra', [(0, 0), (4, 0), (0, 3)])
@pytest.mark.parametrize('gamma', [0.1, 2.0])
def test_value_and_gradient_equal_loops(gamma, extra):
    cost, mask1, mask2 = random_cost(extra)
    cost.requires_grad_()
    weights = torch.arange(1, len(cost) + 1)
    result = soft_dtw(cost, mask1, mask2, gamma)
    expected = torch.stack(
        [
            loop_soft_dtw(cost[row, :m, :n], gamma)
            for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True))
        ]
    )
    torch.testing.assert_close(result, expected)
    (gradient,) = torch.autograd.grad((weights * result).sum(), cost)
    (wanted,) = torch.autograd.grad((weights * expected).sum(), cost)
    torch.testing.assert_close(gradient, wanted)
    exists = mask1[:, :, None] & mask2[:, None]
    assert (gradient[~exists] == 0).all()


def test_value_and_gradient_equal_a_sum_over_all_alignments():
    cost = random_cost()[0][:1, :4, :5].clone().requires_grad_()
    gamma = 0.7
    scores = torch.stack(
        [-sum(cost[0, i, j] for i, j in path) / gamma for path in paths(4, 5)]
    )
    # Delannoy's number: none is missing, none is twice.
    assert len(scores) == 129
    expected = -gamma * scores.exp().sum().log()
    full1, full2 = torch.ones(1, 4).bool(), torch.ones(1, 5).bool()
    result = soft_dtw(cost, full1, full2, gamma)
    assert result.item() == pytest.approx(expected.item())
    torch.testing.assert_close(
        torch.autograd.grad(result.sum(), cost),
        torch.autograd.grad(expected, cost),
    )


@pytest.mark.parametrize(('m', 'n'), [(8, 8), (5, 11), (12, 4), (1, 6)])
@pytest.mark.parametrize('gamma', [0.1, 1.0])
def test_equals_tslearn(gamma, m, n):
    metrics = pytest.importorskip('tslearn.metrics')
    generator = torch.Generator().manual_seed(m)
    x, y = (
        torch.randn(3, t, 4, generator=generator, dtype=torch.float64)
        for t in (m, n)
    )

    cost = torch.cdist(x, y).square().requires_grad_()
    mask1, mask2 = torch.ones(3, m).bool(), torch.ones(3, n).bool()
    result = soft_dtw(cost, mask1, mask2, gamma)
    result.sum().backward()
    for row in range(3):
        first, second = x[row].numpy(), y[row].numpy()
        value = metrics.soft_dtw(first, second, gamma=gamma)
        # The gradient of its SoftDTWLossPyTorch (0.8.1) disagrees with its
        # own finite differences; this one does not.
        alignment, _ = metrics.soft_dtw_alignment(first, second, gamma=gamma)
        assert result[row].item() == pytest.approx(value)
        torch.testing.assert_close(cost.grad[row], torch.from_numpy(alignment))


def test_gradient():
    cost, mask1, mask2 = random_cost((1, 2), 1.0)
    assert torch.autograd.gradcheck(
        lambda x: soft_dtw(x, mask1, mask2, 0.5), cost.requires_grad_()
    )


@pytest.mark.parametrize('extra', [(6, 0), (0, 6), (3, 9)])
def test_padding_changes_nothing(extra):
    plain, *masks = random_cost((0, 0), 0.0)
    padded, *more = random_cost(extra)
    torch.testing.assert_close(
        soft_dtw(padded, *more), soft_dtw(plain, *masks), rtol=0, atol=0
    )


def test_sequences_may_be_swapped():
    cost, mask1, mask2 = random_cost()
    torch.testing.assert_close(
        soft_dtw(cost.mT, mask2, mask1), soft_dtw(cost, mask1, mask2)
    )


def test_time_may_run_backward():
    cost = random_cost()[0][4:]
    mask = torch.ones(1, 7).bool()
    torch.testing.assert_close(
        soft_dtw(cost.flip(1, 2), mask, mask), soft_dtw(cost, mask, mask)
    )


def test_the_limit_is_dynamic_time_warping():
    cost, mask1, mask2 = random_cost()
    result = soft_dtw(cost, mask1, mask2, 1e-4)
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        r = {(-1, -1): 0.0}
        for i, j in itertools.product(range(m), range(n)):
            r[i, j] = cost[row, i, j].item() + min(
                r.get(cell, math.inf)
                for cell in ((i - 1, j), (i, j - 1), (i - 1, j - 1))
            )
        assert result[row].item() == pytest.approx(r[m - 1, n - 1], abs=1e-3)
        # Softer is lower.
        assert soft_dtw(cost, mask1, mask2, 0.5)[row] <= result[row] + 1e-9


def test_a_constant_more_costs_the_expected_path_more():
    cost, mask1, mask2 = random_cost()
    cost.requires_grad_()
    (alignment,) = torch.autograd.grad(
        soft_dtw(cost, mask1, mask2, 0.5).sum(), cost
    )
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        own = alignment[row, :m, :n]
        ends = torch.stack((own[0, 0], own[-1, -1]))
        torch.testing.assert_close(ends, torch.ones_like(ends))
        # Every frame is matched, and no alignment takes more steps.
        assert (own.sum(0) > 1 - 1e-9).all()
        assert (own.sum(1) > 1 - 1e-9).all()
        assert own.sum() < m + n - 1 + 1e-9


def test_long_sequences_in_float32():
    generator = torch.Generator().manual_seed(0)
    cost = 4 * torch.rand(2, 200, 150, generator=generator)
    mask1 = length_mask(torch.tensor([200, 170]), 200)
    mask2 = length_mask(torch.tensor([150, 150]), 150)
    results = []
    for dtype in (torch.float32, torch.float64):
        x = cost.to(dtype, copy=True).requires_grad_()
        value = soft_dtw(x, mask1, mask2, 0.1)
        value.sum().backward()
        results.append((value, x.grad))
    (value, gradient), (exact, exact_gradient) = results
    assert value.dtype == gradient.dtype == torch.float32
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=0)
    torch.testing.assert_close(
        gradient.double(), exact_gradient, rtol=0, atol=2e-4
    )


@pytest.mark.parametrize('scale', [0.0, 1e4])
def test_finite_for_costs_of_any_size(scale):
    cost, mask1, mask2 = random_cost(dtype=torch.float32)
    cost = (scale * cost).requires_grad_()
    value = soft_dtw(cost, mask1, mask2, 0.1)
    value.sum().backward()
    assert value.isfinite().all()
    assert cost.grad.isfinite().all()
