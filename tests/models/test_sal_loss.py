import math
from collections import Counter
from itertools import combinations

import pytest
import torch

from masa.models.losses import SaLLoss
from masa.models.losses.sal_loss import draw_triplets
from masa.structures import length_mask

WIDTH = 4
TOTALS = (30, 20, 12, 9, 9)
# Five frames are needed; one row has fewer in one batch, one in both.
LENGTHS1, LENGTHS2 = (25, 5, 12, 1, 7), (9, 6, 3, 4, 8)


@pytest.fixture
def views(make_view):
    views = [
        make_view(lengths, TOTALS, WIDTH, seed, 3, math.nan, torch.float64)
        for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
    ]
    for view in views:
        view.values.requires_grad_()
    return views


def build(**kwargs):
    torch.manual_seed(0)
    kwargs = dict(embed_dims=WIDTH, hidden_channels=(6, 5)) | kwargs
    return SaLLoss(**kwargs).double()


def compute(loss, view1, view2, seed=5):
    torch.manual_seed(seed)
    return loss(view1, view2)


def loop_mlp(classifier, x):
    layers = [m for m in classifier if hasattr(m, 'weight')]
    for number, layer in enumerate(layers):
        x = [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(layer.weight, layer.bias, strict=True)
        ]
        if number < len(layers) - 1:
            x = [v * (v > 0) for v in x]
    return x


def loop_losses(loss, view1, view2, seed=5):
    """By loops over triplets and units, from the same draws."""
    torch.manual_seed(seed)
    totals = [0.0] * len(TOTALS)
    for view in (view1, view2):
        triplets, in_order, _ = draw_triplets(
            view.mask, loss.num_triplets, loss.shuffled_share
        )
        for row, length in enumerate(view.lengths.tolist()):
            if length < 5:
                continue
            for triplet, right in zip(
                triplets[row].tolist(), in_order[row].tolist(), strict=True
            ):
                x = [v for t in triplet for v in view.values[row, t]]
                logits = loop_mlp(loss.classifier, x)
                total = sum(logit.exp() for logit in logits)
                entropy = -(logits[int(right)].exp() / total).log()
                totals[row] = totals[row] + entropy / loss.num_triplets / 2
    return totals


def test_losses_and_gradients_equal_loops(views):
    loss = build()
    inputs = [view.values for view in views] + list(loss.parameters())
    losses = compute(loss, *views)
    expected = loop_losses(loss, *views)
    assert losses.tolist() == pytest.approx(list(map(float, expected)))
    assert expected[3] == losses[3] == 0
    grads = torch.autograd.grad(losses.sum(), inputs)
    wanted = torch.autograd.grad(sum(expected), inputs)
    torch.testing.assert_close(grads, wanted)
    for grad, view in zip(grads, views, strict=False):
        assert (grad[~view.mask] == 0).all()


def test_accuracy_is_of_the_sequences_that_count(views):
    loss = build(shuffled_share=1)
    last = loss.classifier[-1]
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([3.0, 0.0], dtype=torch.float64)
    losses = compute(loss, *views)
    assert loss.logged['order_accuracy'].item() == 1
    expected = math.log(1 + math.exp(-3))
    assert losses.tolist() == pytest.approx(
        [expected, expected, expected / 2, 0, expected]
    )
    last.bias.data = -last.bias.data
    compute(loss, *views)
    assert loss.logged['order_accuracy'].item() == 0


@pytest.mark.parametrize('share', [0.0, 0.75, 1.0])
def test_triplets_are_what_they_are_said_to_be(share):
    torch.manual_seed(0)
    lengths = torch.tensor([5, 9, 30])
    triplets, in_order, enough = draw_triplets(
        length_mask(lengths, 34), 3000, share
    )
    assert enough.all()
    assert (triplets >= 0).all()
    assert (triplets < lengths[:, None, None]).all()
    first, middle, last = triplets.unbind(-1)
    low, high = torch.minimum(first, last), torch.maximum(first, last)
    # One frame lies between the ends at least, and one on either side.
    assert (high - low >= 2).all()
    assert (low >= 1).all()
    assert (high < lengths[:, None] - 1).all()
    between = (low < middle) & (middle < high)
    assert torch.equal(between, in_order)
    before, after = middle < low, middle > high
    assert torch.equal(before | after, ~in_order)
    # Four standard errors of 9000 draws.
    assert in_order.float().mean().item() == pytest.approx(
        1 - share, abs=0.019
    )
    for direction in (first < last, first > last):
        if share:
            share_before = before[~in_order & direction].float().mean()
            assert share_before.item() == pytest.approx(0.5, abs=0.036)
    assert (first > last).float().mean().item() == pytest.approx(
        0.5, abs=0.022
    )


def test_all_sets_of_five_frames_are_equally_likely():
    torch.manual_seed(0)
    count = 21000
    triplets, _, _ = draw_triplets(length_mask(torch.tensor([7]), 9), count, 0)
    found = Counter(map(tuple, triplets[0].sort(-1).values.tolist()))
    expected = Counter(five[1:4] for five in combinations(range(7), 5))
    assert set(found) == set(expected)
    for triplet, sets in expected.items():
        # 21 sets; four standard errors.
        p = sets / 21
        assert found[triplet] == pytest.approx(
            count * p, abs=4 * math.sqrt(count * p)
        )


@pytest.mark.parametrize('longest', [1, 4, 5])
def test_short_batches(make_view, longest):
    view = make_view((1, longest), (9, 9), WIDTH, 0, 0, 0.0, torch.float64)
    loss = build()
    losses = compute(loss, view, view)
    assert (losses > 0).tolist() == [False, longest == 5]
    assert loss.logged['order_accuracy'].isfinite()


def test_defaults_are_those_of_tcc():
    loss = SaLLoss(embed_dims=10)
    widths = [m.out_features for m in loss.classifier if hasattr(m, 'weight')]
    assert widths == [128, 64, 2]
    assert (loss.num_triplets, loss.shuffled_share) == (8, 0.75)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_triplets=0), 'num_triplets.*0'),
        (dict(shuffled_share=1.1), r'shuffled_share.*1\.1'),
        (dict(shuffled_share=math.nan), r'shuffled_share.*nan'),
        (dict(hidden_channels=(0,)), 'positive'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        SaLLoss(embed_dims=4, **arguments)
