import itertools
import math

import pytest
import torch

from masa.models.losses import LAVLoss
from masa.models.losses.lav_loss import (
    WEIGHTINGS,
    contrastive_idm,
    squared_distance,
)

TOTALS1, TOTALS2 = (40, 30, 12, 9, 3), (50, 16, 9, 30, 4)
LENGTHS1, LENGTHS2 = (7, 8, 1, 4, 1), (9, 3, 6, 1, 1)
SETTINGS = dict(gamma=0.3, alpha=0.7, sigma=6, margin=1.5, clip_frames=8)


def make_pairs(make_view, dtype=torch.float64):
    views = (
        make_view(LENGTHS1, TOTALS1, 4, 1, 0, math.nan, dtype),
        make_view(LENGTHS2, TOTALS2, 4, 2, 2, math.nan, dtype),
    )
    for view in views:
        view.frame_index[~view.mask] = 10**6
    return views


def loop_soft_dtw(x, y, gamma):
    """Soft-DTW of one pair without padding, cell by cell."""
    r = {}
    for i, j in itertools.product(range(len(x)), range(len(y))):
        before = [
            r[cell]
            for cell in ((i - 1, j), (i, j - 1), (i - 1, j - 1))
            if cell in r
        ]
        r[i, j] = distance(x[i], y[j])
        if before:
            total = sum((-b / gamma).exp() for b in before)
            r[i, j] = r[i, j] - gamma * total.log()
    return r[len(x) - 1, len(y) - 1]


def distance(a, b):
    a, b = a / (a * a).sum().sqrt(), b / (b * b).sum().sqrt()
    return ((a - b) ** 2).sum()


def loop_moment(distances, index, total, sigma, margin, weighting):
    """Contrastive-IDM of one sequence, pair by pair."""
    terms = []
    for i, j in itertools.product(range(len(index)), repeat=2):
        apart = abs(index[i] - index[j])
        d = distances[i][j]
        if apart > sigma:
            unit = 1 if weighting == 'paper' else total
            hinge = margin - d if margin > d else 0 * d
            terms.append(((apart / unit) ** 2 + 1) * hinge)
        elif weighting == 'paper':
            terms.append(d / (apart**2 + 1))
        else:
            terms.append(d)
    return sum(terms) / len(terms)


def loop_loss(view1, view2, row, weighting):
    """The loss of one pair, from the equations."""
    frames = [
        view.values[row, : int(view.lengths[row])] for view in (view1, view2)
    ]
    loss = loop_soft_dtw(*frames, 0.3) * 2 / sum(map(len, frames))
    for view, z in zip((view1, view2), frames, strict=True):
        # That of a frame from itself has no gradient.
        distances = [
            [distance(a, b) if a is not b else a.sum() * 0 for b in z]
            for a in z
        ]
        loss = loss + 0.7 * 8 * loop_moment(
            distances,
            view.frame_index[row, : len(z)].tolist(),
            int(view.num_frames[row]),
            6,
            1.5,
            weighting,
        )
    return loss


@pytest.mark.parametrize('weighting', WEIGHTINGS)
def test_loss_and_gradient_equal_loops(make_view, weighting):
    view1, view2 = make_pairs(make_view)
    inputs = (view1.values.requires_grad_(), view2.values.requires_grad_())
    loss = LAVLoss(weighting=weighting, **SETTINGS)
    losses = loss(view1, view2)
    expected = torch.stack(
        [
            loop_loss(view1, view2, row, weighting)
            for row in range(len(TOTALS1))
        ]
    )
    torch.testing.assert_close(losses, expected)
    gradient = torch.autograd.grad(losses.sum(), inputs)
    wanted = torch.autograd.grad(expected.sum(), inputs)
    for got, want in zip(gradient, wanted, strict=True):
        assert want.abs().max() > 1e-3
        torch.testing.assert_close(got, want)
    logged = loss.logged
    torch.testing.assert_close(
        logged['soft_dtw'] + 0.7 * 8 * logged['contrastive_idm'],
        losses.detach(),
    )


def test_twenty_frames_give_the_published_loss(make_view):
    view1 = make_view((20,), (90,), 6, 1, dtype=torch.float64)
    view2 = make_view((20,), (70,), 6, 2, dtype=torch.float64)
    loss = LAVLoss()
    losses = loss(view1, view2)
    sums = loss.logged['contrastive_idm'] * 20**2
    expected = (loss.logged['soft_dtw'] * 20 + 0.5 * sums) / 20
    torch.testing.assert_close(losses, expected)


def test_sequences_may_be_swapped(make_view):
    view1, view2 = make_pairs(make_view)
    loss = LAVLoss()
    losses, logged = loss(view1, view2), loss.logged
    torch.testing.assert_close(loss(view2, view1), losses)
    torch.testing.assert_close(loss.logged, logged)


def test_size_of_embeddings_does_not_matter(make_view):
    views = make_pairs(make_view)
    larger = [v._replace(values=3 * v.values) for v in views]
    torch.testing.assert_close(LAVLoss()(*larger), LAVLoss()(*views))


def test_alignment_tells_the_same_motion_from_its_reverse(make_view):
    view = make_view((12,), (12,), 8)
    reverse = view._replace(values=view.values.flip(1))
    loss = LAVLoss(alpha=0)
    assert loss(view, view) < loss(view, reverse) - 0.1


@pytest.mark.parametrize('scale', [0.0, 1e-20, 1e12])
def test_finite_for_embeddings_of_any_size(make_view, scale):
    views = make_pairs(make_view, dtype=torch.float32)
    views = [v._replace(values=scale * v.values) for v in views]
    for view in views:
        view.values.requires_grad_()
    losses = LAVLoss()(*views)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert all(v.values.grad.isfinite().all() for v in views)


def test_squared_distance():
    generator = torch.Generator().manual_seed(0)
    a, b = (
        torch.nn.functional.normalize(
            torch.randn(2, t, 5, generator=generator), dim=-1
        )
        for t in (4, 6)
    )
    torch.testing.assert_close(
        squared_distance(a, b), torch.cdist(a, b).square()
    )


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('gamma', 0),
        ('gamma', math.nan),
        ('alpha', -1),
        ('sigma', -1),
        ('margin', 0),
        ('clip_frames', 0),
        ('weighting', 'log'),
    ],
)
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'{name} .*{value}'):
        LAVLoss(**{name: value})


@pytest.fixture
def moment_inputs(make_view):
    """Distances in [0, 4], NaN in the padding, and their view."""
    view = make_view(
        (9, 1, 6, 2), (40, 30, 25, 60), 3, 0, 2, math.nan, torch.float64
    )
    z = torch.nn.functional.normalize(view.values, dim=-1)
    return (z.unsqueeze(1) - z.unsqueeze(2)).square().sum(-1), view


@pytest.mark.parametrize('weighting', WEIGHTINGS)
@pytest.mark.parametrize(('sigma', 'margin'), [(10, 2.0), (3, 1.0), (0, 5.0)])
def test_moment_and_gradient_equal_loops(
    moment_inputs, weighting, sigma, margin
):
    distances, view = moment_inputs
    distances.requires_grad_()
    settings = (sigma, margin, weighting)
    result = contrastive_idm(distances, view, *settings)
    expected = torch.stack(
        [
            loop_moment(
                distances[row],
                view.frame_index[row, :length].tolist(),
                int(view.num_frames[row]),
                *settings,
            )
            for row, length in enumerate(view.lengths.tolist())
        ]
    )
    torch.testing.assert_close(result, expected)
    (gradient,) = torch.autograd.grad(result.sum(), distances)
    (wanted,) = torch.autograd.grad(expected.sum(), distances)
    torch.testing.assert_close(gradient, wanted)
    exists = view.mask[:, :, None] & view.mask[:, None]
    assert (gradient[~exists] == 0).all()


def test_gradient(moment_inputs):
    distances, view = moment_inputs
    distances = distances.nan_to_num(0.0)
    # Away from the kinks of the hinge, at the margin.
    assert ((distances - 2).abs() > 1e-4).all()
    assert torch.autograd.gradcheck(
        lambda d: contrastive_idm(d, view), distances.requires_grad_()
    )


def test_collapse_costs_the_far_frames_and_spread_the_near_ones(moment_inputs):
    distances, view = moment_inputs
    collapsed = torch.zeros_like(distances)
    spread = torch.full_like(distances, 2)
    # Everything near: collapse is free.
    assert (contrastive_idm(collapsed, view, 100) == 0).all()
    # Everything but a frame itself far: spread costs that, 1 in length.
    result = contrastive_idm(spread, view, 0.5)
    torch.testing.assert_close(result, 2 / view.lengths.double())
    assert (contrastive_idm(collapsed, view, 0.5)[:1] > 1).all()


def test_a_single_frame_costs_nothing(moment_inputs):
    assert contrastive_idm(*moment_inputs)[1] == 0
