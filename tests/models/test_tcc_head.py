import math

import pytest
import torch

from masa.models import TCCHead
from masa.models.heads.tcc_head import LOSS_TYPES

TOTALS1, TOTALS2 = (20, 15, 12, 9, 3), (25, 8, 9, 30, 4)
LENGTHS1, LENGTHS2 = (7, 8, 1, 4, 1), (9, 3, 6, 1, 1)
SETTINGS = dict(
    temperature=0.3,
    variance_lambda=0.02,
    huber_delta=0.05,
    label_smoothing=0.2,
)


def make_pairs(make_view, extra=(0, 2), padding=math.nan, dtype=torch.float64):
    return (
        make_view(LENGTHS1, TOTALS1, 4, 1, extra[0], padding, dtype),
        make_view(LENGTHS2, TOTALS2, 4, 2, extra[1], padding, dtype),
    )


def loss_of(head, view1, view2):
    return head.loss(view1.values, view2.values, view1, view2)['loss']


def losses_of(head, view1, view2):
    return head.compute_losses(view1.values, view2.values, view1, view2, None)


def loop_direction(u, v, index, total, loss_type):
    """One pair, one direction, from the equations."""

    def softmax(logits):
        weights = [x.exp() for x in logits]
        return [w / sum(weights) for w in weights]

    def similarity(a, b):
        return -((a - b) ** 2).sum() / (4 * 0.3)

    losses = []
    for i, u_i in enumerate(u):
        alpha = softmax([similarity(u_i, v_j) for v_j in v])
        neighbor = sum(a * v_j for a, v_j in zip(alpha, v, strict=True))
        beta = softmax([similarity(neighbor, u_k) for u_k in u])
        if loss_type == 'classification':
            target = [0.8 * (k == i) + 0.2 / len(u) for k in range(len(u))]
            losses.append(
                -sum(t * b.log() for t, b in zip(target, beta, strict=True))
            )
            continue
        times = [k.item() / total for k in index]
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


@pytest.mark.parametrize('loss_type', LOSS_TYPES)
def test_loss_and_gradient_equal_loops(make_view, loss_type):
    view1, view2 = make_pairs(make_view)
    head = TCCHead(loss_type, **SETTINGS)
    for view in (view1, view2):
        view.values.requires_grad_()
    losses, _ = losses_of(head, view1, view2)
    expected = []
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        u, v = view1.values[row, :m], view2.values[row, :n]
        forth = loop_direction(
            u, v, view1.frame_index[row, :m], TOTALS1[row], loss_type
        )
        back = loop_direction(
            v, u, view2.frame_index[row, :n], TOTALS2[row], loss_type
        )
        expected.append((forth + back) / 2)
    expected = torch.stack(expected)
    torch.testing.assert_close(losses, expected)
    inputs = (view1.values, view2.values)
    gradient = torch.autograd.grad(losses.sum(), inputs)
    wanted = torch.autograd.grad(expected.sum(), inputs)
    for got, want in zip(gradient, wanted, strict=True):
        assert want.abs().max() > 1e-4
        torch.testing.assert_close(got, want)
    assert head.loss(*inputs, view1, view2)['loss'].item() == pytest.approx(
        losses.mean().item()
    )


@pytest.mark.parametrize('similarity', ['l2', 'dot', 'cosine'])
@pytest.mark.parametrize('loss_type', LOSS_TYPES)
def test_padding_changes_nothing(make_view, loss_type, similarity):
    head = TCCHead(loss_type, similarity)
    results = []
    for extra, padding in (((0, 0), 0.0), ((5, 3), math.nan)):
        views = make_pairs(make_view, extra, padding)
        for view in views:
            view.values.requires_grad_()
        losses, logged = losses_of(head, *views)
        losses.sum().backward()
        grads = [view.values.grad[view.mask] for view in views]
        assert all((v.values.grad[~v.mask] == 0).all() for v in views)
        results.append((losses, *logged.values(), *grads))
    for plain, padded in zip(*results, strict=True):
        assert padded.isfinite().all()
        torch.testing.assert_close(padded, plain)


@pytest.mark.parametrize('loss_type', LOSS_TYPES)
def test_sequences_may_be_swapped(make_view, loss_type):
    head = TCCHead(loss_type)
    view1, view2 = make_pairs(make_view)
    torch.testing.assert_close(
        losses_of(head, view1, view2), losses_of(head, view2, view1)
    )


def test_sequences_of_one_frame_are_at_their_bound(make_view):
    view = make_view((1,), (10,), 4)
    other = make_view((1,), (5,), 4, seed=1)
    losses, logged = losses_of(TCCHead(variance_lambda=0.5), view, other)
    bounds = (1 / (12 * 100), 1 / (12 * 25))
    expected = sum(0.5 * math.log(bound) for bound in bounds) / 2
    assert losses.item() == pytest.approx(expected, rel=1e-5)
    assert logged['cycle_frames'].item() == 0
    for loss_type in LOSS_TYPES[1:]:
        assert loss_of(TCCHead(loss_type), view, other).item() == 0


@pytest.mark.parametrize('loss_type', LOSS_TYPES)
@pytest.mark.parametrize('scale', [0.0, 1e-12, 1e3])
def test_finite_for_embeddings_of_any_size(make_view, loss_type, scale):
    views = make_pairs(make_view, dtype=torch.float32)
    views = [v._replace(values=(scale * v.values).detach()) for v in views]
    for view in views:
        view.values.requires_grad_()
    loss = loss_of(TCCHead(loss_type), *views)
    loss.backward()
    assert loss.isfinite()
    assert all(v.values.grad.isfinite().all() for v in views)


def test_logged_error_is_in_frames(make_view):
    view1, view2 = make_pairs(make_view)
    mse, logged = losses_of(TCCHead('regression_mse'), view1, view2)
    swapped = []
    for first, second, totals in (
        (view1, view2, view1.num_frames),
        (view2, view1, view2.num_frames),
    ):
        one_way, _ = TCCHead('regression_mse')._cycle(
            first.values.nan_to_num(),
            second.values.nan_to_num(),
            first,
            second,
        )
        swapped.append(one_way.sqrt() * totals)
    torch.testing.assert_close(logged['cycle_frames'], sum(swapped) / 2)
    assert (mse >= 0).all()


def test_aligned_sequences_have_accuracy_one(make_view):
    view = make_view((9, 4), (12, 12), 16)
    head = TCCHead('classification', temperature=0.001)
    result = head.loss(view.values, view.values, view, view)
    assert result['cycle_accuracy'].item() == 1
    assert not any('loss' in key for key in result if key != 'loss')


@pytest.mark.parametrize('loss_type', LOSS_TYPES)
def test_half_precision_gives_a_float32_loss(make_view, loss_type):
    views = make_pairs(make_view, dtype=torch.float32)
    half = [v._replace(values=v.values.bfloat16()) for v in views]
    head = TCCHead(loss_type)
    with torch.autocast('cpu', torch.bfloat16):
        loss = loss_of(head, *half)
    expected = loss_of(
        head, *(v._replace(values=v.values.double()) for v in half)
    )
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(loss_type='mse'), "loss_type .* 'mse'"),
        (dict(similarity='l1'), "similarity .* 'l1'"),
        (dict(temperature=0), 'temperature .* 0'),
        (dict(temperature=math.nan), 'temperature .* nan'),
        (dict(variance_lambda=-1), 'variance_lambda .* -1'),
        (dict(huber_delta=0), 'huber_delta .* 0'),
        (dict(label_smoothing=1), 'label_smoothing .* 1'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        TCCHead(**arguments)
