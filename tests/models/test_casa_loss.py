import pytest
import torch

from masa.models.losses import CASALoss, MatchingLoss
from masa.models.losses.casa_loss import SIMILARITIES, euclidean_distance

WIDTH = 4
TOTALS = (20, 15, 12, 9, 6)
# Whole sequences but for the last two, which lack frames.
LENGTHS1, LENGTHS2 = (20, 15, 12, 3, 1), (12, 15, 1, 7, 1)


def make_views(make_view, extra=3, padding=float('nan'), dtype=torch.float64):
    view1, view2 = (
        make_view(lengths, TOTALS, WIDTH, seed, extra, padding, dtype)
        for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
    )
    # Of the last pair no frame is in both.
    view1.frame_index[4, 0], view2.frame_index[4, 0] = 2, 3
    for view in (view1, view2):
        view.values.requires_grad_()
    return view1, view2


def loop_losses(view1, view2, temperature, similarity, normalize):
    """CASA's equations by loops over frames and channels."""
    result = []
    for row, total in enumerate(TOTALS):
        original, augmented = (
            [
                (int(view.frame_index[row, t]), list(view.values[row, t]))
                for t in range(int(view.lengths[row]))
            ]
            for view in (view1, view2)
        )
        errors = []
        for index, z in augmented:
            if index not in [i for i, _ in original]:
                continue
            weights = [
                (loop_similarity(z, x, similarity) / temperature).exp()
                for _, x in original
            ]
            guess = sum(
                w * i for w, (i, _) in zip(weights, original, strict=True)
            ) / sum(weights)
            scale = total if normalize else 1
            errors.append(((index - guess) / scale) ** 2)
        result.append(sum(errors) / len(errors) if errors else 0.0)
    return result


def loop_similarity(a, b, similarity):
    pairs = list(zip(a, b, strict=True))
    if similarity == 'distance':
        # Both are divided by the root of the width.
        scaled = [(x - y) / WIDTH**0.5 for x, y in pairs]
        return -(sum(d * d for d in scaled).sqrt()) / WIDTH
    norms = sum(x * x for x in a) * sum(y * y for y in b)
    return sum(x * y for x, y in pairs) / norms.sqrt()


@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('temperature', [0.1, 0.03])
@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_losses_and_gradients_equal_loops(
    make_view, similarity, temperature, normalize
):
    views = make_views(make_view)
    inputs = [view.values for view in views]
    loss = CASALoss(temperature, similarity, normalize)
    losses = loss(*views)
    expected = loop_losses(*views, temperature, similarity, normalize)
    assert losses.tolist() == pytest.approx(list(map(float, expected)))
    assert expected[4] == losses[4] == 0
    scale = torch.tensor(TOTALS) if normalize else 1
    torch.testing.assert_close(
        loss.logged['match_frames'], losses.detach().sqrt() * scale
    )
    grads = torch.autograd.grad(losses.sum(), inputs)
    torch.testing.assert_close(
        grads, torch.autograd.grad(sum(expected), inputs)
    )
    for grad, view in zip(grads, views, strict=True):
        assert (grad[~view.mask] == 0).all()


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_padding_changes_nothing(make_view, similarity):
    loss = CASALoss(similarity=similarity)
    losses = loss(*make_views(make_view, 0, 0.0))
    for extra, padding in ((0, float('nan')), (7, 1e4), (20, float('inf'))):
        padded = loss(*make_views(make_view, extra, padding))
        torch.testing.assert_close(padded, losses)


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_frames_that_are_not_in_the_sequence_do_not_count(
    make_view, similarity
):
    view1 = make_view((4,), (9,), WIDTH, 1, dtype=torch.float64)
    view2 = make_view((9,), (9,), WIDTH, 2, dtype=torch.float64)
    kept = view1.frame_index[0]
    part = view2._replace(
        values=view2.values[:, kept],
        mask=view2.mask[:, kept],
        frame_index=kept[None],
    )
    loss = CASALoss(similarity=similarity)
    whole = loss(view1, view2)
    assert whole > 0
    torch.testing.assert_close(loss(view1, part), whole)


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_it_goes_in_one_direction(make_view, similarity):
    view1 = make_view((9,), (9,), WIDTH, 1, dtype=torch.float64)
    view2 = make_view((5,), (9,), WIDTH, 2, dtype=torch.float64)
    loss = CASALoss(similarity=similarity)
    there = loss(view1, view2)
    back = loss(view2, view1)
    assert not torch.allclose(there, back)


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_a_copy_costs_nothing_at_low_temperature(make_view, similarity):
    view = make_view((9, 1), (9, 4), 8, 1, dtype=torch.float64)
    view.values.requires_grad_()
    losses = CASALoss(1e-4, similarity)(view, view)
    assert losses.max() < 1e-6
    losses.sum().backward()
    assert view.values.grad.isfinite().all()


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_equal_frames_have_finite_gradients(make_view, similarity):
    view1, view2 = (
        make_view((6,), (6,), WIDTH)._replace(
            values=torch.ones(1, 6, WIDTH, requires_grad=True)
        )
        for _ in range(2)
    )
    losses = CASALoss(similarity=similarity)(view1, view2)
    # Every frame is predicted in the middle: (6^2 - 1) / 12.
    assert losses.item() == pytest.approx(35 / 12, rel=1e-5)
    losses.sum().backward()
    for view in (view1, view2):
        assert view.values.grad.isfinite().all()


def test_distance_equals_cdist():
    generator = torch.Generator().manual_seed(0)
    a, b = (
        torch.randn(3, n, 4, generator=generator, dtype=torch.float64)
        for n in (5, 7)
    )
    b[:, 2] = a[:, 1]
    for x in (a, b):
        x.requires_grad_()
    distance = euclidean_distance(a, b)
    assert (distance[:, 1, 2] == 0).all()
    exact = torch.cdist(a, b, compute_mode='donot_use_mm_for_euclid_dist')
    torch.testing.assert_close(distance, exact)
    weights = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        torch.autograd.grad((distance * weights).sum(), (a, b)),
        torch.autograd.grad((exact * weights).sum(), (a, b)),
    )


def test_distance_far_from_the_origin():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 1, 30, 8, generator=generator) + 1000
    distance = euclidean_distance(a, b)
    torch.testing.assert_close(
        distance.double(),
        torch.cdist(a.double(), b.double()),
        rtol=1e-4,
        atol=0,
    )


def test_distance_of_equal_points_is_zero_in_spite_of_rounding():
    generator = torch.Generator().manual_seed(0)
    a = (10 * torch.randn(3, 50, 33, generator=generator)).requires_grad_()
    own = euclidean_distance(a, a.detach().clone()).diagonal(dim1=1, dim2=2)
    assert (own == 0).all()
    own.sum().backward()
    assert (a.grad == 0).all()


def test_gradient_of_distance():
    generator = torch.Generator().manual_seed(0)
    a, b = (
        torch.randn(2, n, 3, generator=generator, dtype=torch.float64)
        for n in (2, 4)
    )
    assert torch.autograd.gradcheck(
        euclidean_distance, (a.requires_grad_(), b.requires_grad_())
    )


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_half_precision_is_computed_in_float32(make_view, similarity):
    # Frames above 256 cannot be told apart in bfloat16.
    view1 = make_view((4000,), (4000,), 8, 1, dtype=torch.bfloat16)
    view2 = make_view((50,), (4000,), 8, 2, dtype=torch.bfloat16)
    view2.values.requires_grad_()
    loss = CASALoss(0.05, similarity)
    with torch.autocast('cpu', torch.bfloat16):
        losses = loss(view1, view2)
    assert losses.dtype == torch.float32
    exact = loss(
        *(v._replace(values=v.values.double()) for v in (view1, view2))
    )
    torch.testing.assert_close(losses.double(), exact, rtol=1e-4, atol=0)
    losses.sum().backward()
    assert view2.values.grad.isfinite().all()


def test_cosine_of_one_direction_is_masas(make_view):
    view1, view2 = (
        make_view((9, 6), (9, 6), WIDTH, seed, dtype=torch.float64)
        for seed in (1, 2)
    )
    there = CASALoss(similarity='cosine')(view1, view2)
    back = CASALoss(similarity='cosine')(view2, view1)
    both = MatchingLoss(0.1, normalize_index=False)(view1, view2)
    torch.testing.assert_close((there + back) / 2, both)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(temperature=0), 'temperature.*0'),
        (dict(temperature=float('nan')), 'temperature.*nan'),
        (dict(similarity='dot'), "similarity.*'dot'"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        CASALoss(**arguments)
