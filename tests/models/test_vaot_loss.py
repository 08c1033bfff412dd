import math

import pytest
import torch
import torch.nn.functional as F
from view_leaves import with_leaves

from masa.models.losses.vaot_loss import (
    VAOTLoss,
    near_frames,
    vaot_structures,
)
from masa.structures import SequenceBatch

TOTALS1, TOTALS2 = (40, 15, 12, 9), (8, 62, 9, 15)
LENGTHS1, LENGTHS2 = (5, 6, 1, 4), (7, 3, 4, 1)
DEFAULTS = dict(
    temperature=0.1,
    time_weight=0.35,
    virtual_cost=0.5,
    alpha=0.3,
    radius=0.02,
    eps=0.07,
    num_iterations=25,
    sinkhorn_iterations=1,
    step_size=1.0,
)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS1, 3, 1, 2, math.nan, torch.float64),
        make_view(LENGTHS2, TOTALS2, 3, 2, 1, math.nan, torch.float64),
    )


def is_near(index, total, i, k, radius):
    gap = abs(index[i] - index[k])
    return i != k and (gap <= radius * total or abs(i - k) == 1)


def loop_plan(cosine, index1, index2, total1, total2, p):
    """The plan of one pair, the virtual frame last, in plain numbers."""
    m, n = len(index1), len(index2)
    rows, columns = range(m + 1), range(n + 1)

    def cost(i, j):
        if i == m or j == n:
            return p['virtual_cost']
        gap = abs(index1[i] / total1 - index2[j] / total2)
        return 1 - cosine[i][j] + p['time_weight'] * gap

    def structure1(i, k):
        near = m not in (i, k) and is_near(index1, total1, i, k, p['radius'])
        return 1 / p['radius'] if near else 0.0

    def structure2(j, l):  # noqa: E741
        near = n not in (j, l) and is_near(index2, total2, j, l, p['radius'])
        return 0.0 if near else 1.0

    plan = [[1 / (m + 1) / (n + 1)] * (n + 1) for _ in rows]
    u, gradient = [1.0] * (m + 1), None
    for _ in range(p['num_iterations']):
        target = [
            [
                (1 - p['alpha']) * cost(i, j)
                + p['alpha']
                * sum(
                    structure1(i, k) * structure2(j, l) * plan[k][l]
                    for k in rows
                    for l in columns  # noqa: E741
                )
                for j in columns
            ]
            for i in rows
        ]
        gradient = gradient or target
        gradient = [
            [
                gradient[i][j]
                + p['step_size'] * (target[i][j] - gradient[i][j])
                for j in columns
            ]
            for i in rows
        ]
        kernel = [
            [math.exp(-gradient[i][j] / p['eps']) for j in columns]
            for i in rows
        ]
        for _ in range(p['sinkhorn_iterations']):
            v = [
                1 / (n + 1) / sum(u[i] * kernel[i][j] for i in rows)
                for j in columns
            ]
            u = [
                1 / (m + 1) / sum(kernel[i][j] * v[j] for j in columns)
                for i in rows
            ]
        plan = [[u[i] * kernel[i][j] * v[j] for j in columns] for i in rows]
    return plan


def loop_losses(views, p):
    losses = []
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        x = F.normalize(views[0].values[row, :m], dim=1)
        y = F.normalize(views[1].values[row, :n], dim=1)
        cosine = x @ y.T
        plan = loop_plan(
            cosine.tolist(),
            views[0].frame_index[row, :m].tolist(),
            views[1].frame_index[row, :n].tolist(),
            TOTALS1[row],
            TOTALS2[row],
            p,
        )
        match = (cosine / p['temperature']).softmax(1)
        terms = [
            -(m + 1) * plan[i][j] * match[i, j].log()
            for i in range(m)
            for j in range(n)
        ]
        losses.append(sum(terms) / m)
    return torch.stack(losses)


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(
            temperature=0.5,
            time_weight=2.0,
            virtual_cost=0.1,
            alpha=0.6,
            radius=0.3,
            eps=0.3,
            num_iterations=3,
            sinkhorn_iterations=4,
            step_size=0.5,
        ),
    ],
)
def test_loss_and_gradient_equal_loops(views, options):
    own, plain = with_leaves(views), with_leaves(views)
    losses = VAOTLoss(**options)(*own)
    losses.sum().backward()
    expected = loop_losses(plain, DEFAULTS | options)
    expected.sum().backward()
    torch.testing.assert_close(losses, expected, rtol=1e-8, atol=1e-10)
    for view, other in zip(own, plain, strict=True):
        torch.testing.assert_close(
            view.values.grad[view.mask],
            other.values.grad[view.mask],
            rtol=1e-7,
            atol=1e-10,
        )


def test_near_frames():
    index = torch.tensor([[0, 3, 5, 29, 58, 7]])
    view = SequenceBatch(
        torch.zeros(1, 6, 2), index >= 0, index, torch.tensor([100])
    )
    view.mask[0, 5] = False
    near = near_frames(view, 0.05)
    pairs = {(0, 1), (1, 2), (0, 2), (2, 3), (3, 4)}
    assert {tuple(sorted(p)) for p in near[0].nonzero().tolist()} == pairs
    assert near.equal(near.mT)
    # 0.53 * 100 is less than 53 in single precision.
    assert near_frames(view, 0.53)[0, 2, 4]


def test_structures(make_view):
    view = make_view((2,), (2,), 4, extra=1)
    first, second = vaot_structures(view, view, 0.25, torch.float32)
    assert first.tolist() == [
        [[0, 0, 0, 0], [0, 0, 4, 0], [0, 4, 0, 0], [0, 0, 0, 0]]
    ]
    assert second.tolist() == [
        [[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]]
    ]


def planned_shares(loss, cosine, make_view):
    """What every frame of one pair, without dropped frames, is matched to."""
    views = [make_view((length,), (length,), 2) for length in cosine.shape[1:]]
    plan, _ = loss.plan(cosine, *views)
    return plan[:, 1:, 1:] * plan.shape[1]


def test_a_frame_without_a_match_goes_to_the_virtual_one(make_view):
    cosine = 2 * torch.eye(8)[None] - 1
    cosine[0, 3] = -1
    shares = planned_shares(VAOTLoss(alpha=0.0), cosine, make_view)
    assert shares.sum(2)[0].argmin() == 3
    assert shares.sum(2)[0, 3] < 0.4
    assert shares.sum(2)[0, [0, 1, 6, 7]].min() > 0.9


def test_structure_tells_repetitions_apart(make_view):
    cosine = 2 * torch.eye(14)[None] - 1
    repeated = torch.tensor([4, 11])
    cosine[0, repeated[:, None], repeated] = 1.0
    without, with_structure = (
        planned_shares(
            VAOTLoss(alpha=alpha, time_weight=0.0), cosine, make_view
        )
        for alpha in (0.0, 0.3)
    )
    assert without[0, 4, 11].item() == pytest.approx(0.5, abs=0.02)
    assert with_structure[0, 4, 4] > 0.9


def test_plan_follows_reversed_actions(make_view):
    cosine = 2 * torch.eye(10).flip(1)[None] - 1
    shares = planned_shares(VAOTLoss(), cosine, make_view)
    assert shares[0].argmax(1).tolist() == list(range(9, -1, -1))


def test_going_on_loses_less_mass_than_starting_again(make_view):
    """The published solver starts Sinkhorn again in every step."""
    view1, view2 = (
        make_view((length,), (length,), 16, seed)
        for length, seed in ((60, 1), (50, 2))
    )
    z = [F.normalize(v.values.cumsum(1), dim=2) for v in (view1, view2)]
    _, error = VAOTLoss().plan(z[0] @ z[1].mT, view1, view2)
    time1, time2 = torch.arange(60) / 60, torch.arange(50) / 50
    cost = 1 - z[0] @ z[1].mT + 0.35 * (time1[:, None] - time2).abs()
    cost = F.pad(cost[0], (1, 0, 1, 0), value=0.5)
    structure1, structure2 = vaot_structures(view1, view2, 0.02, cost.dtype)
    plan = torch.full((61, 51), 1 / 61 / 51)
    for _ in range(25):
        kernel = 0.7 * cost + 0.3 * structure1[0] @ plan @ structure2[0]
        kernel = (-kernel / 0.07).exp()
        rows = 1 / 61 / kernel.sum(1)
        columns = 1 / 51 / (rows @ kernel)
        plan = rows[:, None] * kernel * columns
    published = (plan.sum(1) - 1 / 61).abs().sum()
    assert published > 0.1
    assert error < published / 3


def test_rows_have_their_mass_and_columns_nearly(make_view):
    views = (
        make_view((60, 30), (60, 40), 16, 1),
        make_view((40, 60), (70, 60), 16, 2),
    )
    views = [view._replace(values=view.values.cumsum(1)) for view in views]
    for options, bound in (
        ({}, 0.1),
        (dict(sinkhorn_iterations=200, step_size=0.5), 1e-3),
    ):
        loss = VAOTLoss(**options)
        loss(*views)
        assert loss.logged['mass_error'].max() < bound


def test_divergence_vanishes_where_the_matching_is_the_plan():
    view = SequenceBatch.from_sequences([torch.eye(6, 16)])
    loss = VAOTLoss(virtual_cost=100.0, temperature=0.01, eps=0.01)
    assert loss(view, view).item() == pytest.approx(0, abs=1e-3)
    divergence = loss.logged['plan_divergence'].item()
    assert divergence == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('temperature', 0.0),
        ('time_weight', -1.0),
        ('virtual_cost', -1.0),
        ('alpha', 1.5),
        ('radius', 0.0),
        ('eps', math.nan),
        ('num_iterations', 0),
        ('sinkhorn_iterations', 0),
        ('step_size', 0.0),
    ],
)
def test_arguments_have_ranges(name, value):
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        VAOTLoss(**{name: value})
