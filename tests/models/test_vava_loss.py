import math

import pytest
import torch
from view_leaves import with_leaves

from masa.models.losses.optimal_transport import (
    add_virtual_frame,
    sinkhorn_log_plan,
    uniform_log_mass,
)
from masa.models.losses.vava_loss import (
    VAVALoss,
    consistency_share,
    inter_contrast,
    intra_contrast,
    squared_distance,
    vava_log_kernel,
)
from masa.structures import SequenceBatch

TOTALS1, TOTALS2 = (30, 15, 12, 9), (8, 22, 9, 15)
LENGTHS1, LENGTHS2 = (5, 6, 1, 4), (7, 3, 4, 1)
DEFAULTS = dict(
    num_iterations=20,
    similarity_weight=1.0,
    prior_weight=0.1,
    virtual_cost=0.5,
    virtual_distance=7.5,
    prior_std=2.0,
    length_power=1,
    intra_weight=0.5,
    intra_window=15.0,
    margin=2.0,
    inter_weight=1e-4,
    inter_temperature=0.5,
)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS1, 3, 1, 2, math.nan, torch.float64),
        make_view(LENGTHS2, TOTALS2, 3, 2, 1, math.nan, torch.float64),
    )


def loop_plan(x, y, time1, time2, phi, p):
    """T and D of one pair with the virtual frame first; D has a gradient."""
    m, n = len(x), len(y)
    cost = {
        (i, j): ((x[i - 1] - y[j - 1]) ** 2).sum()
        if i and j
        else x.new_tensor(p['virtual_cost'])
        for i in range(m + 1)
        for j in range(n + 1)
    }
    match = [
        min(range(1, n + 1), key=lambda j: cost[i, j].item())
        for i in range(1, m + 1)
    ]
    width = math.sqrt(1 / m**2 + 1 / n**2)
    kernel = {}
    for i in range(m + 1):
        for j in range(n + 1):
            if i and j:
                c = abs(time1[i - 1] - time2[j - 1])
                o = abs(time2[match[i - 1] - 1] - time2[j - 1])
            elif i or j:
                c = o = p['virtual_distance'] * 2 / (m + n)
            else:
                c = o = 0.0

            def bell(gap):
                return math.exp(-((gap / width / p['prior_std']) ** 2) / 2)

            prior = phi * bell(c) + (1 - phi) * bell(o)
            moment = phi / (c * c + 1) + (1 - phi) / (o * o + 1)
            moment *= p['similarity_weight'] * (m + n)
            kernel[i, j] = prior * torch.exp(
                (moment - cost[i, j]) / (p['prior_weight'] * m * n / 4)
            )
    u = [1.0] * (m + 1)
    for _ in range(p['num_iterations']):
        v = [
            1 / (n + 1) / sum(u[i] * kernel[i, j] for i in range(m + 1))
            for j in range(n + 1)
        ]
        u = [
            1 / (m + 1) / sum(kernel[i, j] * v[j] for j in range(n + 1))
            for i in range(m + 1)
        ]
    plan = {(i, j): u[i] * kernel[i, j] * v[j] for i, j in kernel}
    return plan, cost


def loop_intra(x, index, p):
    terms = []
    for i in range(len(x)):
        for j in range(len(x)):
            gap = abs(index[i] - index[j])
            d = ((x[i] - x[j]) ** 2).mean()
            terms.append(
                (p['margin'] - d).clamp_min(0)
                if gap > p['intra_window']
                else d / (gap * gap + 1)
            )
    return sum(terms) / len(terms)


def loop_inter(x, y, plan, p):
    m, n = range(1, len(x) + 1), range(1, len(y) + 1)

    def mean_distance(choose):
        rows = [choose(n, key=lambda j: plan[i, j].item()) for i in m]
        columns = [choose(m, key=lambda i: plan[i, j].item()) for j in n]
        forth = [
            ((x[i - 1] - y[j - 1]) ** 2).mean()
            for i, j in zip(m, rows, strict=True)
        ]
        back = [
            ((x[i - 1] - y[j - 1]) ** 2).mean()
            for i, j in zip(columns, n, strict=True)
        ]
        return sum(forth) / len(forth) + sum(back) / len(back)

    best, worst = mean_distance(max), mean_distance(min)
    logits = torch.stack([best, worst]) / p['inter_temperature']
    return -logits.log_softmax(0)[1]


def loop_losses(views, phi, p):
    losses = []
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        x, y = views[0].values[row, :m], views[1].values[row, :n]
        index1, index2 = (
            view.frame_index[row, :length].tolist()
            for view, length in zip(views, (m, n), strict=True)
        )
        plan, cost = loop_plan(
            x,
            y,
            [i / TOTALS1[row] for i in index1],
            [i / TOTALS2[row] for i in index2],
            phi,
            p,
        )
        transport = sum(plan[key] * cost[key] for key in plan)
        intra = loop_intra(x, index1, p) + loop_intra(y, index2, p)
        losses.append(
            transport / (m * n) ** p['length_power']
            + p['intra_weight'] * intra
            + p['inter_weight'] * loop_inter(x, y, plan, p)
        )
    return torch.stack(losses)


@pytest.mark.parametrize('step', [0, 400_000, 10**9])
@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(
            num_iterations=3,
            similarity_weight=2.0,
            prior_weight=0.5,
            virtual_cost=1.5,
            virtual_distance=3.0,
            prior_std=1.0,
            length_power=0,
            intra_weight=0.3,
            intra_window=4.0,
            margin=1.0,
            inter_weight=0.7,
            inter_temperature=0.2,
        ),
    ],
)
def test_loss_and_gradient_equal_loops(views, step, options):
    loss = VAVALoss(**options)
    loss.step += step
    own, plain = with_leaves(views), with_leaves(views)
    losses = loss(*own)
    losses.sum().backward()

    phi = min(max(0.999 ** int(math.sqrt(step + 1)), 0.001), 0.999)
    assert loss.logged['phi'].item() == pytest.approx(phi, rel=1e-4)
    phi = loss.logged['phi'].double().item()
    expected = loop_losses(plain, phi, DEFAULTS | options)
    expected.sum().backward()
    torch.testing.assert_close(losses, expected, rtol=1e-6, atol=1e-9)
    for view, other in zip(own, plain, strict=True):
        torch.testing.assert_close(
            view.values.grad[view.mask],
            other.values.grad[view.mask],
            rtol=1e-5,
            atol=1e-9,
        )


def test_step_counts_training_only(views):
    loss = VAVALoss()
    loss(*views)
    loss(*views)
    loss.eval()
    loss(*views)
    assert loss.state_dict()['step'].item() == 2


def test_consistency_gives_way_to_optimality():
    phi = [consistency_share(torch.tensor(n)).item() for n in range(0, 99, 7)]
    assert phi[0] == pytest.approx(0.999)
    assert phi == sorted(phi, reverse=True)
    late = consistency_share(torch.tensor(10**6))
    assert late.item() == pytest.approx(0.999**1000, rel=1e-3)
    end = consistency_share(torch.tensor(10**12))
    assert end.item() == pytest.approx(0.001)


@pytest.mark.parametrize('phi', [0.999, 0.001])
def test_priors_lead_to_the_diagonal_or_to_the_matches(phi):
    # Far enough to have matches, not to outweigh the priors.
    frames = 0.5 * torch.eye(12)
    views = [
        SequenceBatch.from_sequences([values])
        for values in (frames, frames.flip(0))
    ]
    cost = add_virtual_frame(squared_distance(*views), 0.5)
    kernel = vava_log_kernel(cost, *views, torch.tensor(phi))
    mass = uniform_log_mass(views[0].mask, torch.float32, virtual=True)
    plan = sinkhorn_log_plan(kernel, mass, mass)[0, 1:, 1:]
    order = torch.arange(12) if phi > 0.5 else torch.arange(12).flip(0)
    assert (plan.argmax(1) - order).abs().max() <= 1


def test_collapsed_sequences_pay_the_margin(make_view):
    view = make_view((20,), (20,), 4)
    gap = view.frame_index[0][:, None] - view.frame_index[0]
    expected = 2 * (gap.abs() > 15).double().mean().item()
    cost = intra_contrast(view._replace(values=torch.ones(1, 20, 4)))
    assert cost.item() == pytest.approx(expected)
    assert expected > 0


def test_inter_contrast_tells_best_from_worst():
    distance = torch.tensor([[[0.0, 4.0], [4.0, 0.0]]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    right = inter_contrast(distance, -distance, mask, mask, 1.0)
    wrong = inter_contrast(distance, distance, mask, mask, 1.0)
    assert right.item() == pytest.approx(math.log(1 + math.exp(-8)), rel=1e-4)
    assert wrong.item() == pytest.approx(8 + math.log(1 + math.exp(-8)))


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('num_iterations', 0),
        ('length_power', 3),
        ('prior_weight', 0.0),
        ('prior_std', -1.0),
        ('inter_temperature', 0.0),
        ('similarity_weight', -1.0),
        ('virtual_cost', math.nan),
        ('virtual_distance', -0.5),
        ('intra_weight', -1.0),
        ('intra_window', -1.0),
        ('margin', -1.0),
        ('inter_weight', -1.0),
    ],
)
def test_arguments_have_ranges(name, value):
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        VAVALoss(**{name: value})
