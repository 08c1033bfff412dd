import math

import pytest
import torch

from masa.models.losses.sequence_contrastive import sequence_contrast
from masa.structures import SequenceBatch

TOTALS = (20, 15, 12, 9, 5)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7, 1), (17, 5, 8, 1, 1)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS, 6, 1, 2, float('nan'), torch.float64),
        make_view(LENGTHS2, TOTALS, 6, 2, 1, float('nan'), torch.float64),
    )


def softmax(logits):
    weights = [math.exp(x - max(logits)) for x in logits]
    return [w / sum(weights) for w in weights]


def divergences(own, other, own_index, other_index, temperature, variance):
    """The KL divergence of every frame of ``own``."""
    for z, s in zip(own, own_index, strict=True):
        cosines = [float(z @ w / (z.norm() * w.norm())) for w in other]
        predicted = softmax([c / temperature for c in cosines])
        label = softmax(
            [-((s - r) ** 2) / (2 * variance) for r in other_index]
        )
        yield sum(
            q * math.log(q / p) if q else 0.0
            for q, p in zip(label, predicted, strict=True)
        )


def loop_losses(view1, view2, temperature, variance):
    result = []
    for row in range(len(view1.mask)):
        n1, n2 = int(view1.lengths[row]), int(view2.lengths[row])
        z1, z2 = view1.values[row, :n1], view2.values[row, :n2]
        s1 = view1.frame_index[row, :n1].tolist()
        s2 = view2.frame_index[row, :n2].tolist()
        terms = [
            *divergences(z1, z2, s1, s2, temperature, variance),
            *divergences(z2, z1, s2, s1, temperature, variance),
        ]
        result.append(sum(terms) / len(terms))
    return result


@pytest.mark.parametrize('options', [(0.1, 10.0), (0.7, 2.0)])
def test_loss_equals_loops(views, options):
    assert sequence_contrast(*views, *options).tolist() == pytest.approx(
        loop_losses(*views, *options), abs=1e-9
    )


def test_gradient(make_view):
    view1 = make_view((4, 1, 3), (6, 6, 6), 3, 1, 1, 1.0, torch.float64)
    view2 = make_view((2, 5, 3), (6, 6, 6), 3, 2, 0, 1.0, torch.float64)

    def of_embeddings(z1, z2):
        return sequence_contrast(
            view1._replace(values=z1), view2._replace(values=z2), 0.5
        )

    assert torch.autograd.gradcheck(
        of_embeddings,
        (view1.values.requires_grad_(), view2.values.requires_grad_()),
    )


def test_padding_gets_no_gradient_and_gives_none(views):
    z = [view.values.requires_grad_() for view in views]
    sequence_contrast(*views).sum().backward()
    for frames, view in zip(z, views, strict=True):
        assert (frames.grad[~view.mask] == 0).all()
        assert frames.grad.isfinite().all()
        assert (frames.grad[view.mask] != 0).any()


def test_padding_changes_nothing(make_view):
    def result(extra, padding):
        views = [
            make_view(lengths, TOTALS, 6, seed, extra + seed, padding)
            for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
        ]
        for view in views:
            view.frame_index[~view.mask] = extra * 1000
        return sequence_contrast(*views)

    torch.testing.assert_close(result(9, float('nan')), result(0, 0.0))


def test_views_may_be_swapped(views):
    torch.testing.assert_close(
        sequence_contrast(*views), sequence_contrast(*reversed(views))
    )


def test_nothing_is_lost_if_looks_tell_the_time():
    # Points on a circle: cos / temperature is -d^2 / (2 * variance), up to a
    # constant and to the fourth order of the small angle.
    step, variance = 1e-2, 3.0
    angle = torch.arange(9).double() * step
    z = torch.stack((angle.cos(), angle.sin()), -1)
    view, reverse = map(SequenceBatch.from_sequences, ([z], [z.flip(0)]))
    options = variance * step**2, variance
    loss = sequence_contrast(view, view, *options)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert sequence_contrast(view, reverse, *options).item() > 1


def test_single_frames_cost_nothing(views):
    assert sequence_contrast(*views)[4].item() == pytest.approx(0, abs=1e-12)


def test_distant_frames_do_not_underflow(make_view):
    view1 = make_view((3,), (4,), 4, 0)
    view2 = make_view((2,), (4,), 4, 1)
    view2.frame_index[:] = torch.tensor([[3000, 3001]])
    z = view1.values.requires_grad_()
    loss = sequence_contrast(view1, view2)
    loss.sum().backward()
    expected = loop_far(view1, view2)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert z.grad.isfinite().all()


def loop_far(view1, view2):
    """As :func:`loop_losses`: softmax takes the largest logit off first."""
    double = (
        view._replace(values=view.values.detach().double())
        for view in (view1, view2)
    )
    return loop_losses(*double, 0.1, 10.0)[0]


def test_equal_and_zero_embeddings_are_safe(make_view):
    for value in (0.0, 1.0):
        view = make_view((4, 1), (6, 6), 3)
        z = torch.full_like(view.values, value).requires_grad_()
        view = view._replace(values=z)
        loss = sequence_contrast(view, view)
        loss.sum().backward()
        assert loss.isfinite().all()
        assert z.grad.isfinite().all()
