import math

import pytest
import torch

from masa.models.losses import TCNLoss
from masa.models.losses.tcn_loss import draw_pairs, n_pairs_loss
from masa.structures import SequenceBatch

WIDTH = 4
TOTALS = (30, 20, 12, 9, 40)
LENGTHS1, LENGTHS2 = (25, 2, 12, 1, 7), (9, 6, 3, 1, 3)


@pytest.fixture
def views(make_view):
    views = [
        make_view(lengths, TOTALS, WIDTH, seed, 3, math.nan, torch.float64)
        for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
    ]
    for view in views:
        view.values.requires_grad_()
    return views


def compute(loss, view1, view2, seed=5):
    torch.manual_seed(seed)
    return loss(view1, view2)


def loop_n_pairs(anchors, positives, regularization):
    """Sohn's loss over lists of vectors."""

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    count, total = len(anchors), 0.0
    for i in range(count):
        products = [dot(anchors[i], positives[j]) for j in range(count)]
        weights = sum((p - products[i]).exp() for p in products)
        total = total + weights.log() / count
        norms = dot(anchors[i], anchors[i]) + dot(positives[i], positives[i])
        total = total + 0.25 * regularization * norms / count
    return total


def loop_losses(module, view1, view2, seed=5):
    torch.manual_seed(seed)
    totals = [0.0] * len(TOTALS)
    for view in (view1, view2):
        anchors, positives, exists = draw_pairs(
            view, module.num_pairs, module.window
        )
        for row in range(len(TOTALS)):
            pairs = [
                (a, p)
                for a, p, e in zip(
                    anchors[row].tolist(),
                    positives[row].tolist(),
                    exists[row].tolist(),
                    strict=True,
                )
                if e
            ]
            if len(pairs) < 2:
                continue
            first, second = (
                [list(view.values[row, t]) for t in frames]
                for frames in zip(*pairs, strict=True)
            )
            loss = loop_n_pairs(first, second, module.regularization)
            totals[row] = totals[row] + loss / 2
    return totals


@pytest.mark.parametrize('regularization', [0.002, 0.0, 1.0])
def test_losses_and_gradients_equal_loops(views, regularization):
    loss = TCNLoss(num_pairs=6, window=4, regularization=regularization)
    inputs = [view.values for view in views]
    losses = compute(loss, *views)
    expected = loop_losses(loss, *views)
    assert losses.tolist() == pytest.approx(list(map(float, expected)))
    assert expected[3] == losses[3] == 0
    assert (losses[:3] > 0).all()
    grads = torch.autograd.grad(losses.sum(), inputs)
    torch.testing.assert_close(
        grads, torch.autograd.grad(sum(expected), inputs)
    )
    for grad, view in zip(grads, views, strict=True):
        assert (grad[~view.mask] == 0).all()


def candidates(index, length, window):
    """Every frame's possible positives, by loops."""
    return {
        t: [s for s in range(t) if index[t] - index[s] <= window]
        for t in range(length)
        if any(index[t] - index[s] <= window for s in range(t))
    }


@pytest.mark.parametrize('num_pairs', [2, 6, 50])
@pytest.mark.parametrize('window', [1, 3, 100])
def test_pairs_are_close_in_original_frames(views, num_pairs, window):
    torch.manual_seed(0)
    for view in views:
        length = view.mask.shape[1]
        for _ in range(20):
            anchors, positives, exists = draw_pairs(view, num_pairs, window)
            assert anchors.shape == (5, min(num_pairs, length))
            for drawn in (anchors, positives):
                assert ((drawn >= 0) & (drawn < length)).all()
            for row in range(5):
                possible = candidates(
                    view.frame_index[row].tolist(),
                    int(view.lengths[row]),
                    window,
                )
                found = anchors[row][exists[row]].tolist()
                assert len(set(found)) == len(found)
                assert len(found) == min(num_pairs, len(possible))
                for a, p in zip(
                    found, positives[row][exists[row]].tolist(), strict=True
                ):
                    assert p in possible[a]


def test_draws_are_uniform():
    torch.manual_seed(0)
    rows = 6000
    index = torch.tensor([0, 1, 2, 3, 9])
    view = SequenceBatch.from_sequences(
        [torch.zeros(5, 1)] * rows + [torch.zeros(6, 1)],
        [index] * rows + [torch.arange(6)],
    )
    anchors, positives, exists = (x[:-1] for x in draw_pairs(view, 2, 3))
    assert exists.all()
    # Frames 1, 2 and 3 have another at most 3 before them; 9 has none.
    assert set(anchors.flatten().tolist()) == {1, 2, 3}
    for anchor in (1, 2, 3):
        chosen = anchors == anchor
        # Four standard errors, as below.
        assert chosen.any(1).float().mean().item() == pytest.approx(
            2 / 3, abs=4 * math.sqrt(2 / 9 / rows)
        )
        counts = positives[chosen].bincount(minlength=anchor)
        assert len(counts) == anchor
        shares = counts / counts.sum()
        torch.testing.assert_close(
            shares, torch.full((anchor,), 1 / anchor), atol=0.03, rtol=0
        )


def test_a_draw_that_rounds_up_stays_in_the_window(monkeypatch):
    monkeypatch.setattr(torch, 'rand_like', torch.ones_like)
    view = SequenceBatch.from_sequences([torch.zeros(8, 1)])
    anchors, positives, exists = draw_pairs(view, 7, 3)
    assert exists.all()
    torch.testing.assert_close(anchors - positives, anchors.clamp_max(3))


def test_equal_frames_cost_the_logarithm_of_their_number():
    frames = torch.ones(2, 5, 3, dtype=torch.float64, requires_grad=True)
    exists = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    losses, accuracy = n_pairs_loss(frames, frames, exists, 0)
    assert losses.tolist() == pytest.approx([math.log(5), math.log(3)])
    assert accuracy.item() == 1
    assert torch.autograd.grad(losses.sum(), frames)[0].isfinite().all()


def test_accuracy():
    # Of the second row one pair exists, which does not count.
    anchor = torch.eye(3).repeat(2, 1, 1)
    positive = torch.eye(3)[[1, 0, 2]].repeat(2, 1, 1)
    exists = torch.tensor([[True] * 3, [True, False, False]])
    losses, accuracy = n_pairs_loss(anchor, positive, exists, 0.002)
    assert accuracy.item() == pytest.approx(1 / 3)
    assert losses[1] == 0


def test_without_regularization_only_differences_matter():
    # Adding a vector to all positives adds a constant to an anchor's
    # products.
    generator = torch.Generator().manual_seed(0)
    anchor, positive = torch.randn(
        2, 3, 6, 4, dtype=torch.float64, generator=generator
    )
    exists = torch.ones(3, 6, dtype=torch.bool)
    loss, _ = n_pairs_loss(anchor, positive, exists, 0)
    moved, _ = n_pairs_loss(anchor, positive + 2.5, exists, 0)
    torch.testing.assert_close(loss, moved)


@pytest.mark.parametrize('lengths', [(1, 1), (2, 1)])
def test_nothing_to_tell_apart_costs_nothing(make_view, lengths):
    view = make_view(lengths, (9, 9), WIDTH, 0, 0, 0.0, torch.float64)
    loss = TCNLoss(window=9)
    assert compute(loss, view, view).tolist() == [0, 0]
    assert loss.logged['pair_accuracy'].item() == 0


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('num_pairs', 1),
        ('window', 0),
        ('regularization', -1),
        ('regularization', math.nan),
    ],
)
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        TCNLoss(**{name: value})
