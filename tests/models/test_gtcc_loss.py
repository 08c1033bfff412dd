import math

import numpy as np
import pytest
import torch

from masa.models import DropContext
from masa.models.losses import GTCCLoss
from masa.models.losses.drop_context import keep_probability
from masa.models.losses.gtcc_loss import (
    cycle_windows,
    fit_gaussian_mixtures,
    gaussian_mixture_cycle,
    sample_frames,
)
from masa.structures import length_mask

NAN = float('nan')
TOTALS1, TOTALS2 = (20, 15, 12, 9), (22, 11, 30, 5)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7), (17, 5, 8, 1)
DROP = dict(type='DropContext', hidden_channels=(5, 4), gamma=0.3)


@pytest.fixture
def views(make_view):
    views = (
        make_view(LENGTHS1, TOTALS1, 6, 1, 2, NAN, torch.float64),
        make_view(LENGTHS2, TOTALS2, 6, 2, 1, NAN, torch.float64),
    )
    for view in views:
        view.frame_index[~view.mask] = 1000
    return views


def build(**kwargs):
    torch.manual_seed(0)
    return GTCCLoss(embed_dims=6, **kwargs).double()


def compute(loss, view1, view2):
    torch.manual_seed(1)
    return loss(view1, view2)


def loop_probability(x, y, mlp, least):
    """p of the frames of one pair of sequences."""
    context = sum(mlp(frame) for frame in y) / len(y)
    affinity = [(frame * context).sum() for frame in x]
    mean = sum(affinity) / len(x)
    if len(x) == 1:
        return [torch.tensor((1 + least) / 2)]
    variance = sum((a - mean) ** 2 for a in affinity) / (len(x) - 1)
    return [
        least + (1 - least) / (1 + torch.exp(-(a - mean) / variance.sqrt()))
        for a in affinity
    ]


@pytest.mark.parametrize('drop', [None, DROP])
def test_loss_equals_loops(views, drop):
    options = dict(num_components=3, temperature=0.4, window=0.6)
    loss = build(drop=drop, num_queries=4, **options)
    inputs = [view.values.requires_grad_() for view in views]
    inputs += loss.parameters()
    result = compute(loss, *views)
    torch.manual_seed(1)
    expected, frames, kept = [0.0] * 4, [0.0] * 4, [0.0] * 4
    for x, y in (views, reversed(views)):
        query, valid = sample_frames(x.mask, 4)
        to_left = torch.rand(4) < 0.5
        errors = gaussian_mixture_cycle(x, y, query, to_left, **options)
        for row in range(4):
            p = [1.0] * int(x.lengths[row])
            if drop:
                p = loop_probability(
                    x.values[row, : x.lengths[row]],
                    y.values[row, : y.lengths[row]],
                    loss.drop.mlp,
                    0.3,
                )
            drawn = query[row][valid[row]].tolist()
            costs = [
                p[i] * c + (1 - p[i]) / (c + 0.1)
                for i, c in zip(drawn, errors[row], strict=False)
            ]
            square = int(x.num_frames[row]) ** 2
            n = len(drawn)
            expected[row] += sum(costs) / n / square / 2
            frames[row] += errors[row][valid[row]].mean().item() / 2
            kept[row] += sum(float(p[i]) for i in drawn) / n / 2
    expected = torch.stack(expected)
    torch.testing.assert_close(result, expected)
    for own, other in zip(
        torch.autograd.grad(result.sum(), inputs, retain_graph=True),
        torch.autograd.grad(expected.sum(), inputs),
        strict=True,
    ):
        assert (own != 0).any()
        torch.testing.assert_close(own, other)
    logged = loss.logged
    assert logged['cycle_frames'].square().tolist() == pytest.approx(frames)
    assert set(logged) == {'cycle_frames', *(['keep_share'] if drop else [])}
    if drop:
        assert logged['keep_share'].tolist() == pytest.approx(kept)


@pytest.mark.parametrize('drop', [None, DROP])
def test_sequences_may_be_swapped(views, drop):
    loss = build(drop=drop, num_queries=None, window=1.0).eval()
    torch.testing.assert_close(
        compute(loss, *views), compute(loss, *reversed(views))
    )


def test_keep_probability_is_safe_and_in_range():
    affinity = torch.tensor(
        [[3.0, -1.0, 0.5, NAN], [7.0] * 4, [1e-8, 0, 0, 0], [5, NAN, NAN, NAN]]
    ).requires_grad_()
    mask = torch.tensor(
        [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]],
        dtype=torch.bool,
    )
    p = keep_probability(affinity, mask, 0.4)
    p.sum().backward()
    assert affinity.grad.isfinite().all()
    assert (p >= 0.4).all()
    assert (p <= 1).all()
    assert p[1].tolist() == pytest.approx([0.7] * 4)
    assert p[3].tolist() == pytest.approx([0.7] * 4)
    # The size of the affinities does not matter.
    torch.testing.assert_close(
        p[2], keep_probability(1e8 * affinity, mask, 0.4)[2]
    )
    assert p[2, 0] > 0.8


def test_schedule_follows_the_steps_of_training(views):
    loss = build(drop=dict(DROP, gamma=0.9, steps=4))
    assert 'drop.step' in loss.state_dict()

    def least():
        affinity = torch.tensor([[-1e9, *[1.0] * 999_999]])
        # A thousand standard deviations below the mean.
        p = keep_probability(
            affinity,
            torch.ones_like(affinity, dtype=torch.bool),
            loss.drop.least(),
        )
        return p.min().item()

    assert least() == pytest.approx(0.9)
    for _ in range(4):
        compute(loss, *views)
    assert loss.drop.step.item() == 4
    assert least() == pytest.approx(0.81)
    compute(loss.eval(), *views)
    assert loss.drop.step.item() == 4
    again = build(drop=dict(DROP, gamma=0.9, steps=4))
    again.load_state_dict(loss.state_dict())
    assert again.drop.least().item() == pytest.approx(0.81)


def test_nothing_is_dropped_with_gamma_1(views):
    plain, dropping = build(), build(drop=dict(DROP, gamma=1.0))
    torch.testing.assert_close(
        compute(dropping, *views), compute(plain, *views)
    )
    assert (dropping.logged['keep_share'] == 1).all()


@pytest.mark.parametrize(
    ('kind', 'name', 'value'),
    [
        *((GTCCLoss, f'num_{x}', 0) for x in ('components', 'queries')),
        (GTCCLoss, 'num_iterations', 0),
        *((GTCCLoss, 'temperature', value) for value in (0.0, NAN)),
        (GTCCLoss, 'min_variance', 0),
        *((GTCCLoss, 'window', value) for value in (0.0, 1.1)),
        *((DropContext, 'gamma', value) for value in (0.0, 1.1)),
        (DropContext, 'steps', 0),
    ],
)
def test_arguments_have_ranges(kind, name, value):
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        kind(embed_dims=6, **{name: value})


def normal(j, mean, variance):
    return math.exp(-((j - mean) ** 2) / (2 * variance)) / math.sqrt(
        2 * math.pi * variance
    )


def loop_fit(mass, num_components, num_iterations, min_variance):
    """Expectation-maximization for one distribution, number by number."""
    n = len(mass)
    means = [
        (k + 0.5) * n / num_components - 0.5 for k in range(num_components)
    ]
    variances = [max(float(n), min_variance)] * num_components
    weights = [1 / num_components] * num_components
    for _ in range(num_iterations):
        shares = []
        for j, a in enumerate(mass):
            joint = [
                w * normal(j, m, s)
                for m, s, w in zip(means, variances, weights, strict=True)
            ]
            shares.append([a * p / sum(joint) for p in joint])
        totals = [sum(column) for column in zip(*shares, strict=True)]
        for k, total in enumerate(totals):
            if total <= 1e-12:
                continue
            means[k] = sum(r[k] * j for j, r in enumerate(shares)) / total
            variances[k] = max(
                sum(r[k] * (j - means[k]) ** 2 for j, r in enumerate(shares))
                / total,
                min_variance,
            )
        weights = [total / sum(totals) for total in totals]
    return means, variances, weights


def random_mass(lengths, queries, sharpness=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mask = length_mask(torch.tensor(lengths), max(lengths))
    logits = sharpness * torch.randn(
        len(lengths), queries, max(lengths), generator=generator
    )
    logits = logits.double().masked_fill(~mask[:, None], -math.inf)
    return logits.softmax(-1), mask


@pytest.mark.parametrize(
    ('components', 'iterations', 'least'), [(3, 1, 0.5), (4, 9, 2.0)]
)
def test_fit_equals_loops(components, iterations, least):
    lengths = (17, 5, 1)
    mass, mask = random_mass(lengths, 4)
    fitted = fit_gaussian_mixtures(mass, mask, components, iterations, least)
    for row, n in enumerate(lengths):
        for query in range(4):
            expected = loop_fit(
                mass[row, query, :n].tolist(), components, iterations, least
            )
            for result, numbers in zip(fitted, expected, strict=True):
                assert result[row, query].tolist() == pytest.approx(numbers)


def test_fit_equals_scikit_learn():
    mixture = pytest.importorskip('sklearn.mixture')
    length, components, iterations = 40, 3, 7
    counts = np.random.default_rng(0).integers(0, 9, length)
    frames = np.repeat(np.arange(length), counts)[:, None].astype(float)
    means = (np.arange(components) + 0.5) * length / components - 0.5
    reference = mixture.GaussianMixture(
        components,
        covariance_type='spherical',
        tol=0,
        reg_covar=0,
        max_iter=iterations,
        weights_init=np.full(components, 1 / components),
        means_init=means[:, None],
        precisions_init=np.full(components, 1 / length),
    )
    with pytest.warns(UserWarning, match='converge'):
        reference.fit(frames)
    mean, variance, weight = fit_gaussian_mixtures(
        torch.tensor(counts / counts.sum())[None, None],
        torch.ones(1, length, dtype=torch.bool),
        components,
        iterations,
        1e-9,
    )
    for result, expected in (
        (mean, reference.means_[:, 0]),
        (variance, reference.covariances_),
        (weight, reference.weights_),
    ):
        np.testing.assert_allclose(result[0, 0], expected, rtol=1e-6)


def test_fit_gets_better_with_every_iteration():
    mass, mask = random_mass((30, 11), 6, 3.0)
    j = torch.arange(30.0).double()
    likelihoods = []
    for iterations in range(12):
        mean, variance, weight = (
            x[..., None]
            for x in fit_gaussian_mixtures(mass, mask, 5, iterations)
        )
        density = torch.exp(-((j - mean) ** 2) / (2 * variance)) * (
            weight / (2 * math.pi * variance).sqrt()
        )
        likelihoods.append((mass * density.sum(-2).log()).sum(-1))
    steps = torch.stack(likelihoods).diff(dim=0)
    # The variances are held at their floor, which is part of the maximum.
    assert (steps > -1e-9).all()
    assert (steps[0] > 0.01).all()


def test_fit_finds_two_peaks():
    j = torch.arange(60.0)
    peaks = (
        0.7 * torch.exp(-((j - 10) ** 2) / 8) / 2
        + 0.3 * torch.exp(-((j - 45) ** 2) / 18) / 3
    )
    mass = (peaks / peaks.sum())[None, None]
    mask = torch.ones(1, 60, dtype=torch.bool)
    mean, variance, weight = fit_gaussian_mixtures(mass, mask, 2, 10)
    assert mean[0, 0].tolist() == pytest.approx([10, 45], abs=0.05)
    assert variance[0, 0].tolist() == pytest.approx([4, 9], rel=0.02)
    assert weight[0, 0].tolist() == pytest.approx([0.7, 0.3], abs=0.01)


# In 600 frames, the last component gets no mass and keeps its place.
@pytest.mark.parametrize(('length', 'last'), [(50, 8), (600, 539.5)])
def test_fit_to_a_single_frame(length, last):
    mass = torch.zeros(1, 1, length, dtype=torch.float64)
    mass[..., 8] = 1
    mask = torch.ones(1, length, dtype=torch.bool)
    mean, variance, weight = fit_gaussian_mixtures(mass, mask, 5)
    assert mean[0, 0, 0] == pytest.approx(8)
    assert mean[0, 0, 4] == pytest.approx(last)
    assert variance[0, 0, 0] == 0.5
    assert weight.sum() == pytest.approx(1)


def test_fit_has_no_gradient():
    mass, mask = random_mass((6, 3), 2)
    fitted = fit_gaussian_mixtures(mass.requires_grad_(), mask)
    assert not any(x.requires_grad for x in fitted)


def window_of(position, length, left, share):
    width = max(1, round(share * length))
    start = position - width + 1 if left else position
    start = min(max(start, 0), length - width)
    return range(start, start + width)


@pytest.mark.parametrize('share', [0.01, 0.2, 0.5, 1.0])
def test_windows(share):
    lengths, left = (9, 4, 1), (False, True, True)
    mask = length_mask(torch.tensor(lengths), 11)
    query = torch.arange(9).expand(3, -1)
    allowed = cycle_windows(query, mask, torch.tensor(left), share)
    assert allowed.shape == (3, 9, 11)
    for row, (length, side) in enumerate(zip(lengths, left, strict=True)):
        for position in range(length):
            window = window_of(position, length, side, share)
            found = allowed[row, position].nonzero().flatten().tolist()
            assert found == list(window)
            assert position in found


def distance(a, b):
    offset = a - b
    return (offset * offset).sum().sqrt()


def loop_cycle(x, y, index, query, left, components, tau, share, fit):
    """The squared errors of one pair of sequences, frame by frame."""
    errors = []
    for i in query:
        with torch.no_grad():
            mass = torch.softmax(
                torch.stack([-distance(x[i], row) / tau for row in y]), 0
            )
        means, variances, weights = loop_fit(mass.tolist(), components, *fit)
        error = 0
        for mean, variance, weight in zip(
            means, variances, weights, strict=True
        ):
            g = [normal(j, mean, variance) for j in range(len(y))]
            v = sum(p / sum(g) * row for p, row in zip(g, y, strict=True))
            window = window_of(i, len(x), left, share)
            back = torch.softmax(
                torch.stack([-distance(v, x[k]) / tau for k in window]), 0
            )
            returned = sum(
                b * index[k] for b, k in zip(back, window, strict=True)
            )
            error = error + weight * (index[i] - returned) ** 2
        errors.append(error)
    return torch.stack(errors)


LEFT = (True, False, True, False)


@pytest.mark.parametrize(
    ('components', 'tau', 'share'), [(5, 0.1, 0.5), (2, 1.3, 1.0)]
)
def test_cycle_equals_loops(views, components, tau, share):
    view1, view2 = views
    query, valid = sample_frames(view1.mask, 5)
    z = [view.values.requires_grad_() for view in views]
    errors = gaussian_mixture_cycle(
        *views,
        query,
        torch.tensor(LEFT),
        num_components=components,
        temperature=tau,
        window=share,
        num_iterations=6,
    )
    assert errors.isfinite().all()
    errors[valid].sum().backward()
    copies = [values.detach().clone().requires_grad_() for values in z]
    for row in range(4):
        n1, n2 = int(view1.lengths[row]), int(view2.lengths[row])
        expected = loop_cycle(
            copies[0][row, :n1],
            copies[1][row, :n2],
            view1.frame_index[row, :n1].tolist(),
            query[row][valid[row]].tolist(),
            LEFT[row],
            components,
            tau,
            share,
            (6, 0.5),
        )
        torch.testing.assert_close(errors[row][valid[row]], expected)
        expected.sum().backward()
    for result, copy, view in zip(z, copies, views, strict=True):
        torch.testing.assert_close(
            result.grad[view.mask], copy.grad[view.mask]
        )
        assert (result.grad[~view.mask] == 0).all()
    assert z[0].grad[view1.mask].abs().max() > 0


def test_a_sequence_comes_back_from_its_own_frames(make_view):
    view = make_view((20,), (20,), 16)
    view = view._replace(values=100 * view.values)
    query = torch.arange(20)[None]
    # Every frame of the other is far from all frames but one.
    one_way = dict(num_components=1, min_variance=1e-3)
    for values in (view.values, view.values.roll(7, 1), view.values.flip(1)):
        other = view._replace(values=values)
        for left in (True, False):
            errors = gaussian_mixture_cycle(
                view, other, query, torch.tensor([left]), **one_way
            )
            assert errors.max() < 1e-6
    stranger = view._replace(values=view.values.flip(-1))
    errors = gaussian_mixture_cycle(
        view, stranger, query, torch.tensor([True]), **one_way
    )
    assert errors.max() > 1


def test_single_frames_come_back(make_view):
    view1 = make_view((1, 6), (10, 10), 4, 1)
    view2 = make_view((1, 6), (10, 10), 4, 2)
    query = torch.zeros(2, 1, dtype=torch.int64)
    to_left = torch.tensor([True, False])
    errors = gaussian_mixture_cycle(view1, view2, query, to_left)
    assert errors[0].item() == 0


def test_queries_are_different_existing_frames():
    torch.manual_seed(0)
    lengths = (30, 4, 1)
    mask = length_mask(torch.tensor(lengths), 33)
    seen = torch.zeros(33)
    for _ in range(300):
        query, valid = sample_frames(mask, 6)
        assert valid.sum(1).tolist() == [6, 4, 1]
        for row in range(3):
            drawn = query[row][valid[row]].tolist()
            assert len(set(drawn)) == len(drawn)
            assert max(drawn) < lengths[row]
        seen[query[0]] += 1
    # 1800 draws of 30 frames; five standard deviations are 35.
    assert (seen[:30] - 60).abs().max() < 35


def test_all_frames_are_queries_on_demand():
    mask = length_mask(torch.tensor([5, 3]), 5)
    for count in (None, 5, 9):
        query, valid = sample_frames(mask, count)
        assert query.sort(1).values.tolist() == [[0, 1, 2, 3, 4]] * 2
        assert valid.sum(1).tolist() == [5, 3]
