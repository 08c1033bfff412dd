import math
from itertools import pairwise

import pytest
import torch
from view_leaves import with_leaves

from masa.models.losses import CorrespondenceLoss

WIDTH = 5


@pytest.fixture
def pairs(make_view):
    """Three pairs of views; the last has no moment in common."""
    first = make_view((6, 1, 4), (9, 9, 9), WIDTH, 1, 1, float('nan'))
    second = make_view((3, 5, 4), (9, 9, 9), WIDTH, 2, 2, float('nan'))
    views = []
    for shift, view in ((0.0, first), (3.0, second)):
        time = view.frame_index / view.num_frames[:, None]
        time[2] += shift
        places = torch.stack([time, torch.zeros_like(time)], -1).double()
        places = places.masked_fill(~view.mask[..., None], float('nan'))
        views.append(view._replace(timeline=places))
    return with_leaves(views)


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def mean_step(places, steps):
    moved = [
        math.dist(a, b) for a, b in pairwise(places) if math.dist(a, b) > 1e-4
    ]
    mean = sum(moved) / max(len(moved), 1)
    return mean * max(len(places) / steps, 1)


def reference(views, temperature, deviation, steps, weight):
    """Equations of the docstring; every frame of others is a negative."""
    one, two = (
        [view.values[i][view.mask[i]].detach() for i in range(3)]
        for view in views
    )
    places = [
        [view.timeline[i][view.mask[i]].tolist() for i in range(3)]
        for view in views
    ]
    results = []
    for i in range(3):
        spread = max(
            deviation * max(mean_step(p[i], steps) for p in places), 1e-3
        )
        foreign = [
            frame
            for part in (one, two)
            for j in range(3)
            if j != i
            for frame in part[j]
        ]
        sums = []
        for a, b, at, bt in (
            (one[i], two[i], places[0][i], places[1][i]),
            (two[i], one[i], places[1][i], places[0][i]),
        ):
            within, among = [], []
            for query, here in zip(a, at, strict=True):
                q = [
                    math.exp(-(math.dist(here, there) ** 2) / 2 / spread**2)
                    for there in bt
                ]
                if sum(q) <= 0.3:
                    continue
                q = [value / sum(q) for value in q]
                own = [math.exp(cosine(query, k) / temperature) for k in b]
                rest = sum(
                    math.exp(cosine(query, k) / temperature) for k in foreign
                )
                kl = sum(
                    value * math.log(value * sum(own) / score)
                    for value, score in zip(q, own, strict=True)
                    if value > 0
                )
                within.append(kl)
                share = (sum(own) + rest) / sum(own)
                among.append(kl + math.log(share))
            count = max(len(within), 1)
            sums.append((sum(within) + weight * sum(among)) / count)
        results.append(sum(sums) / 2)
    return torch.tensor(results, dtype=torch.float64)


@pytest.mark.parametrize('weight', [0.0, 0.7])
def test_equals_the_equations(pairs, weight):
    loss = CorrespondenceLoss(
        temperature=0.3,
        deviation=0.8,
        steps=4,
        negatives=1000,
        batch_weight=weight,
    )
    found = loss(*pairs)
    expected = reference(pairs, 0.3, 0.8, 4, weight)
    torch.testing.assert_close(found, expected)
    # Nothing that corresponds, nothing to learn.
    assert found[2] == 0
    assert found[:2].gt(0).all()


def test_gradient(pairs):
    loss = CorrespondenceLoss(temperature=0.5, steps=4, negatives=1000)

    def total(first, second):
        views = (
            view._replace(values=values)
            for view, values in zip(pairs, (first, second), strict=True)
        )
        return loss(*views).sum()

    values = [
        view.values.detach()
        .masked_fill(~view.mask[..., None], 0)
        .requires_grad_()
        for view in pairs
    ]
    # The order of the pool is drawn, and does not matter.
    assert torch.autograd.gradcheck(total, values)


def test_embedding_of_the_timeline_is_best(pairs):
    loss = CorrespondenceLoss(temperature=0.02, steps=4, negatives=0)

    def on_circle(view):
        angle = 2 * view.timeline[..., 0]
        values = torch.stack([angle.cos(), angle.sin()], -1)
        return view._replace(values=values.nan_to_num())

    random = loss(*pairs)[:2]
    assert (loss(*map(on_circle, pairs))[:2] < random).all()


def test_views_without_ground_truth(pairs):
    with pytest.raises(ValueError, match='timeline'):
        CorrespondenceLoss()(pairs[0]._replace(timeline=None), pairs[1])


@pytest.mark.parametrize(
    'argument',
    [
        dict(temperature=0),
        dict(deviation=0),
        dict(steps=0),
        dict(negatives=-1),
        dict(batch_weight=-1),
    ],
)
def test_ranges(argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        CorrespondenceLoss(**argument)
