import math

import pytest
import torch

from masa.models.losses import CycleConsistencyLoss
from masa.models.losses.cycle_consistency import (
    SIMILARITIES,
    similarity_logits,
    soft_nearest_neighbor,
)
from masa.models.losses.tcc_loss import (
    LOSS_TYPES,
    cycle_back,
    cycle_classification,
    gaussian_regression,
    returned_time,
)
from masa.structures import length_mask

TOTALS1, TOTALS2 = (20, 15, 12, 9, 3), (25, 8, 9, 30, 4)
LENGTHS1, LENGTHS2 = (7, 8, 1, 4, 1), (9, 3, 6, 1, 1)
WIDTH = 4
SETTINGS = dict(
    temperature=0.3,
    variance_lambda=0.02,
    huber_delta=0.05,
    label_smoothing=0.2,
)


def make_pairs(make_view, padding=math.nan, dtype=torch.float64):
    views = (
        make_view(LENGTHS1, TOTALS1, WIDTH, 1, 0, padding, dtype),
        make_view(LENGTHS2, TOTALS2, WIDTH, 2, 2, padding, dtype),
    )
    for view in views:
        view.frame_index[~view.mask] = 10**6
    return views


@pytest.fixture
def pairs(make_view):
    """Pairs whose padding is zero, as the functions of one view want it."""
    return make_pairs(make_view, padding=0.0)


def zero_padded(views):
    """Views with gradients that the padding takes no part in."""
    return [
        view._replace(values=view.values * view.mask[..., None])
        for view in views
    ]


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


def loop_direction(u, v, index, total, loss_type, kind):
    """One pair, one direction, from the equations."""
    temperature, losses = SETTINGS['temperature'], []
    times = [k.item() / total for k in index]
    for i, u_i in enumerate(u):
        alpha = softmax([similarity(u_i, v_j, kind, temperature) for v_j in v])
        neighbor = sum(a * v_j for a, v_j in zip(alpha, v, strict=True))
        beta = softmax(
            [similarity(neighbor, u_k, kind, temperature) for u_k in u]
        )
        if loss_type == 'classification':
            target = [0.8 * (k == i) + 0.2 / len(u) for k in range(len(u))]
            losses.append(
                -sum(t * b.log() for t, b in zip(target, beta, strict=True))
            )
            continue
        mu = sum(b * t for b, t in zip(beta, times, strict=True))
        error = abs(times[i] - mu)
        if loss_type == 'regression_mse':
            losses.append(error**2)
        elif loss_type == 'regression_huber':
            losses.append(
                error**2 / 2 if error < 0.05 else 0.05 * (error - 0.05 / 2)
            )
        else:
            variance = sum(
                b * (t - mu) ** 2 for b, t in zip(beta, times, strict=True)
            )
            least = 1 / (12 * total**2)
            if variance < least:
                variance = torch.tensor(least, dtype=torch.float64)
            losses.append(error**2 / variance + 0.02 * variance.log())
    return sum(losses) / len(losses)


@pytest.mark.parametrize(
    ('loss_type', 'kind'),
    [
        *((loss_type, 'l2') for loss_type in LOSS_TYPES),
        *((LOSS_TYPES[0], kind) for kind in SIMILARITIES[1:]),
    ],
)
def test_loss_and_gradient_equal_loops(make_view, loss_type, kind):
    view1, view2 = make_pairs(make_view)
    inputs = (view1.values.requires_grad_(), view2.values.requires_grad_())
    losses = CycleConsistencyLoss(loss_type, kind, **SETTINGS)(view1, view2)
    expected = []
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        u, v = view1.values[row, :m], view2.values[row, :n]
        forth = loop_direction(
            u, v, view1.frame_index[row, :m], TOTALS1[row], loss_type, kind
        )
        back = loop_direction(
            v, u, view2.frame_index[row, :n], TOTALS2[row], loss_type, kind
        )
        expected.append((forth + back) / 2)
    expected = torch.stack(expected)
    torch.testing.assert_close(losses, expected)
    gradient = torch.autograd.grad(losses.sum(), inputs)
    wanted = torch.autograd.grad(expected.sum(), inputs)
    for got, want in zip(gradient, wanted, strict=True):
        assert want.abs().max() > 1e-4
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize('loss_type', LOSS_TYPES)
def test_sequences_may_be_swapped(make_view, loss_type):
    loss = CycleConsistencyLoss(loss_type)
    view1, view2 = make_pairs(make_view)
    losses, logged = loss(view1, view2), loss.logged
    torch.testing.assert_close(loss(view2, view1), losses)
    torch.testing.assert_close(loss.logged, logged)


def test_sequences_of_one_frame_are_at_their_bound(make_view):
    view = make_view((1,), (10,), WIDTH)
    other = make_view((1,), (5,), WIDTH, seed=1)
    loss = CycleConsistencyLoss(variance_lambda=0.5)
    bounds = (1 / (12 * 100), 1 / (12 * 25))
    expected = sum(0.5 * math.log(bound) for bound in bounds) / 2
    assert loss(view, other).item() == pytest.approx(expected, rel=1e-5)
    assert loss.logged['cycle_frames'].item() == 0
    for loss_type in LOSS_TYPES[1:]:
        assert CycleConsistencyLoss(loss_type)(view, other).item() == 0


@pytest.mark.parametrize('loss_type', LOSS_TYPES)
@pytest.mark.parametrize('scale', [0.0, 1e-12, 1e3])
def test_finite_for_embeddings_of_any_size(make_view, loss_type, scale):
    views = make_pairs(make_view, dtype=torch.float32)
    views = [v._replace(values=scale * v.values) for v in views]
    for view in views:
        view.values.requires_grad_()
    losses = CycleConsistencyLoss(loss_type)(*views)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert all(v.values.grad.isfinite().all() for v in views)


def test_logged_error_is_in_frames(pairs):
    loss = CycleConsistencyLoss('regression_mse')
    loss(*pairs)
    errors = []
    for first, second in (pairs, reversed(pairs)):
        time = first.relative_time(torch.float64)
        mean, _ = returned_time(cycle_back(first, second), time)
        square = torch.where(first.mask, mean - time, 0).square().sum(1)
        errors.append((square / first.lengths).sqrt() * first.num_frames)
    torch.testing.assert_close(loss.logged['cycle_frames'], sum(errors) / 2)


def test_aligned_sequences_have_accuracy_one(make_view):
    view = make_view((9, 4), (12, 12), 16)
    loss = CycleConsistencyLoss('classification', temperature=0.001)
    loss(view, view)
    assert loss.logged['cycle_accuracy'].tolist() == [1, 1]


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('loss_type', 'mse'),
        ('similarity', 'l1'),
        ('temperature', 0),
        ('temperature', math.nan),
        ('variance_lambda', -1),
        ('huber_delta', 0),
        ('label_smoothing', 1),
    ],
)
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'{name} .*{value}'):
        CycleConsistencyLoss(**{name: value})


def test_neighbor_is_among_the_keys(pairs):
    z1, z2 = pairs[0].values, pairs[1].values
    neighbor = soft_nearest_neighbor(z1, z2, pairs[1].mask, 'l2', 1e-4)
    nearest = torch.cdist(z1, z2)
    nearest = nearest.masked_fill(~pairs[1].mask[:, None], torch.inf)
    nearest = nearest.argmin(-1)
    expected = z2.gather(1, nearest[..., None].expand(-1, -1, WIDTH))
    torch.testing.assert_close(neighbor, expected)


@pytest.mark.parametrize('kind', SIMILARITIES)
def test_keys_that_do_not_exist_have_no_weight(pairs, kind):
    mask2 = pairs[1].mask
    logits = similarity_logits(pairs[0].values, pairs[1].values, mask2, kind)
    assert (logits.isneginf() == ~mask2[:, None].expand_as(logits)).all()


def test_time_does_not_depend_on_where_embeddings_lie(pairs):
    mask, time = pairs[0].mask, pairs[0].relative_time(torch.float64)
    result = returned_time(cycle_back(*pairs), time)
    far = zero_padded(v._replace(values=v.values + 7) for v in pairs)
    moved = returned_time(cycle_back(*far), time)
    for a, b in zip(result, moved, strict=True):
        torch.testing.assert_close(a[mask], b[mask])


def test_sharp_cycles_return_to_themselves(pairs):
    view, _ = pairs
    time = view.relative_time(torch.float64)
    logits = cycle_back(view, view, 'l2', 1e-4)
    mean, variance = returned_time(logits, time)
    torch.testing.assert_close(mean[view.mask], time[view.mask])
    assert variance[view.mask].max() < 1e-12
    assert cycle_classification(logits, view.mask, 0.0).max() < 1e-12


def test_variance_of_a_sharp_peak_survives_float32():
    time = torch.arange(600)[None] / 600
    # Two neighbors share the weight: half a frame's variance.
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
def test_gradient(make_view, kind):
    views = [
        make_view(lengths, totals, 3, seed, 1, 1.0, torch.float64)
        for seed, lengths, totals in (
            (1, (5, 1, 4), (20, 9, 7)),
            (2, (3, 6, 1), (9, 8, 30)),
        )
    ]

    def outputs(z1, z2):
        view1, view2 = zero_padded(
            v._replace(values=z) for v, z in zip(views, (z1, z2), strict=True)
        )
        logits = cycle_back(view1, view2, kind, 0.5)
        mean, variance = returned_time(
            logits, view1.relative_time(torch.float64)
        )
        return (
            mean[view1.mask],
            variance[view1.mask],
            cycle_classification(logits, view1.mask),
        )

    start = [view.values.requires_grad_() for view in views]
    assert torch.autograd.gradcheck(outputs, start)
