import itertools
import math

import pytest
import torch

from masa.models import LAVHead
from masa.models.heads.lav_head import squared_distance

TOTALS1, TOTALS2 = (40, 30, 12, 9, 3), (50, 16, 9, 30, 4)
LENGTHS1, LENGTHS2 = (7, 8, 1, 4, 1), (9, 3, 6, 1, 1)
SETTINGS = dict(gamma=0.3, alpha=0.7, sigma=6, margin=1.5, clip_frames=8)


def make_pairs(make_view, extra=(0, 2), padding=math.nan, dtype=torch.float64):
    return (
        make_view(LENGTHS1, TOTALS1, 4, 1, extra[0], padding, dtype),
        make_view(LENGTHS2, TOTALS2, 4, 2, extra[1], padding, dtype),
    )


def losses_of(head, view1, view2):
    return head.compute_losses(view1.values, view2.values, view1, view2, None)


def loop_loss(x, y, index_x, index_y, total_x, total_y, weighting):
    """One pair without padding, from the equations."""

    def distance(a, b):
        a, b = a / (a * a).sum().sqrt(), b / (b * b).sum().sqrt()
        return ((a - b) ** 2).sum()

    r = {}
    for i, j in itertools.product(range(len(x)), range(len(y))):
        before = [
            r[cell]
            for cell in ((i - 1, j), (i, j - 1), (i - 1, j - 1))
            if cell in r
        ]
        r[i, j] = distance(x[i], y[j])
        if before:
            total = sum((-b / 0.3).exp() for b in before)
            r[i, j] = r[i, j] - 0.3 * total.log()
    loss = r[len(x) - 1, len(y) - 1] * 2 / (len(x) + len(y))
    for z, index, total in ((x, index_x, total_x), (y, index_y, total_y)):
        moment = 0
        for i, j in itertools.product(range(len(z)), repeat=2):
            if i == j:
                continue
            apart = abs(index[i].item() - index[j].item())
            d = distance(z[i], z[j])
            unit = 1 if weighting == 'paper' else total
            if apart > 6:
                hinge = (1.5 - d) * (d < 1.5)
                moment = moment + ((apart / unit) ** 2 + 1) * hinge
            elif weighting == 'paper':
                moment = moment + d / (apart**2 + 1)
            else:
                moment = moment + d
        loss = loss + 0.7 * 8 * moment / len(z) ** 2
    return loss


@pytest.mark.parametrize('weighting', ['code', 'paper'])
def test_loss_and_gradient_equal_loops(make_view, weighting):
    view1, view2 = make_pairs(make_view)
    head = LAVHead(weighting=weighting, **SETTINGS)
    inputs = (view1.values.requires_grad_(), view2.values.requires_grad_())
    losses, logged = losses_of(head, view1, view2)
    expected = torch.stack(
        [
            loop_loss(
                view1.values[row, :m],
                view2.values[row, :n],
                view1.frame_index[row],
                view2.frame_index[row],
                TOTALS1[row],
                TOTALS2[row],
                weighting,
            )
            for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True))
        ]
    )
    torch.testing.assert_close(losses, expected)
    gradient = torch.autograd.grad(losses.sum(), inputs)
    wanted = torch.autograd.grad(expected.sum(), inputs)
    for got, want in zip(gradient, wanted, strict=True):
        assert want.abs().max() > 1e-3
        torch.testing.assert_close(got, want)
    torch.testing.assert_close(
        logged['soft_dtw'] + 0.7 * 8 * logged['contrastive_idm'], losses
    )


def test_twenty_frames_give_the_published_loss(make_view):
    view1 = make_view((20,), (90,), 6, 1, dtype=torch.float64)
    view2 = make_view((20,), (70,), 6, 2, dtype=torch.float64)
    losses, logged = losses_of(LAVHead(), view1, view2)
    sums = logged['contrastive_idm'] * 20**2
    expected = (logged['soft_dtw'] * 20 + 0.5 * sums) / 20
    torch.testing.assert_close(losses, expected)


def test_padding_changes_nothing(make_view):
    results = []
    for extra, padding in (((0, 0), 0.0), ((5, 3), math.nan)):
        views = make_pairs(make_view, extra, padding)
        for view in views:
            view.values.requires_grad_()
        losses, logged = losses_of(LAVHead(), *views)
        losses.sum().backward()
        grads = [view.values.grad[view.mask] for view in views]
        assert all((v.values.grad[~v.mask] == 0).all() for v in views)
        results.append((losses, *logged.values(), *grads))
    for plain, padded in zip(*results, strict=True):
        assert padded.isfinite().all()
        torch.testing.assert_close(padded, plain)


def test_sequences_may_be_swapped(make_view):
    view1, view2 = make_pairs(make_view)
    head = LAVHead()
    torch.testing.assert_close(
        losses_of(head, view1, view2), losses_of(head, view2, view1)
    )


def test_size_of_embeddings_does_not_matter(make_view):
    views = make_pairs(make_view)
    larger = [v._replace(values=3 * v.values) for v in views]
    torch.testing.assert_close(
        losses_of(LAVHead(), *larger), losses_of(LAVHead(), *views)
    )


def test_alignment_tells_the_same_motion_from_its_reverse(make_view):
    view = make_view((12,), (12,), 8)
    reverse = view._replace(values=view.values.flip(1))
    head = LAVHead(alpha=0)
    same, _ = losses_of(head, view, view)
    other, _ = losses_of(head, view, reverse)
    assert same < other - 0.1


@pytest.mark.parametrize('scale', [0.0, 1e-20, 1e12])
def test_finite_for_embeddings_of_any_size(make_view, scale):
    views = make_pairs(make_view, dtype=torch.float32)
    views = [v._replace(values=scale * v.values) for v in views]
    for view in views:
        view.values.requires_grad_()
    losses, _ = losses_of(LAVHead(), *views)
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


def test_half_precision_gives_a_float32_loss(make_view):
    views = make_pairs(make_view, dtype=torch.float32)
    half = [v._replace(values=v.values.bfloat16()) for v in views]
    head = LAVHead()

    def loss_of(view1, view2):
        return head.loss(view1.values, view2.values, view1, view2)

    with torch.autocast('cpu', torch.bfloat16):
        result = loss_of(*half)
    expected = loss_of(*(v._replace(values=v.values.double()) for v in half))
    assert set(result) == {
        'loss',
        'soft_dtw',
        'contrastive_idm',
        'embedding_std',
    }
    assert result['loss'].dtype == torch.float32
    torch.testing.assert_close(
        result['loss'].double(), expected['loss'], rtol=1e-5, atol=0
    )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(gamma=0), 'gamma .* 0'),
        (dict(gamma=math.nan), 'gamma .* nan'),
        (dict(alpha=-1), 'alpha .* -1'),
        (dict(sigma=-1), 'sigma .* -1'),
        (dict(margin=0), 'margin .* 0'),
        (dict(clip_frames=0), 'clip_frames .* 0'),
        (dict(weighting='log'), "weighting .* 'log'"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        LAVHead(**arguments)
