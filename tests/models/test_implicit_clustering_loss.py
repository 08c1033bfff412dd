import loop_reference
import pytest
import torch

from masa.models import ImplicitClusteringLoss
from masa.models.losses import match_frames

TOTALS = (20, 15, 12, 9)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7), (17, 5, 8, 1)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS, 6, 1, dtype=torch.float64),
        make_view(LENGTHS2, TOTALS, 6, 2, extra=3, dtype=torch.float64),
    )


@pytest.mark.parametrize('padding', [0, 3, 10**6])
def test_matching_equals_loops(views, padding):
    index1, index2 = (
        view.frame_index.masked_fill(~view.mask, padding) for view in views
    )
    partner, matched = match_frames(
        views[0]._replace(frame_index=index1),
        views[1]._replace(frame_index=index2),
    )
    assert ((partner >= 0) & (partner < index2.shape[1])).all()
    for row in range(len(TOTALS)):
        for j in range(index1.shape[1]):
            expected = [
                k
                for k in range(LENGTHS2[row])
                if j < LENGTHS1[row] and index1[row, j] == index2[row, k]
            ]
            assert matched[row, j].item() == bool(expected)
            if expected:
                assert partner[row, j].item() == expected[0]


def test_similarity_equals_loops(views):
    target, prediction = views
    result = ImplicitClusteringLoss()(target, prediction)
    expected = [
        loop_reference.matched_similarity(
            target.values[row, :length1].numpy(),
            prediction.values[row, :length2].numpy(),
            target.frame_index[row, :length1].tolist(),
            prediction.frame_index[row, :length2].tolist(),
        )
        for row, (length1, length2) in enumerate(
            zip(LENGTHS1, LENGTHS2, strict=True)
        )
    ]
    assert result.dtype == torch.float64
    assert result.tolist() == pytest.approx(expected, abs=1e-12)


def test_views_may_be_swapped(views):
    loss = ImplicitClusteringLoss()
    torch.testing.assert_close(loss(*views), loss(*reversed(views)))


@pytest.mark.parametrize('sign', [1, -1])
def test_the_range_is_reached(views, sign):
    view = views[0]
    other = view._replace(values=sign * 3 * view.values)
    torch.testing.assert_close(
        ImplicitClusteringLoss()(view, other),
        torch.full((len(TOTALS),), float(sign), dtype=torch.float64),
    )


def test_nothing_in_common_contributes_nothing(make_view):
    view1 = make_view((3,), (6,), 4, seed=1)
    view2 = make_view((3,), (6,), 4, seed=2)
    view1 = view1._replace(frame_index=torch.tensor([[0, 2, 4]]))
    view2 = view2._replace(frame_index=torch.tensor([[1, 3, 5]]))
    view2.values.requires_grad_()
    result = ImplicitClusteringLoss()(view1, view2)
    result.sum().backward()
    assert result.item() == 0
    assert (view2.values.grad == 0).all()


def test_padding_changes_nothing(make_view):
    def result(extra, padding):
        target, prediction = (
            make_view(lengths, TOTALS, 6, seed, extra + seed, padding)
            for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
        )
        prediction.values.requires_grad_()
        value = ImplicitClusteringLoss()(target, prediction)
        value.sum().backward()
        grad = prediction.values.grad
        assert (grad[~prediction.mask] == 0).all()
        return value.detach(), grad[prediction.mask]

    torch.testing.assert_close(result(9, 1e4), result(0, 0.0))


@pytest.mark.parametrize('stop_gradient', [True, False])
def test_gradient(make_view, stop_gradient):
    totals = (6, 6, 6)
    target = make_view((4, 1, 3), totals, 3, 1, 1, 1.0, torch.float64)
    prediction = make_view((2, 5, 3), totals, 3, 2, 0, 1.0, torch.float64)
    loss = ImplicitClusteringLoss(stop_gradient)

    def similarity(v, w):
        return loss(target._replace(values=v), prediction._replace(values=w))

    v = target.values.requires_grad_(not stop_gradient)
    w = prediction.values.requires_grad_()
    assert torch.autograd.gradcheck(similarity, (v, w))


def test_no_gradient_reaches_the_target(views):
    target, prediction = views
    target.values.requires_grad_()
    prediction.values.requires_grad_()
    ImplicitClusteringLoss()(target, prediction).sum().backward()
    assert target.values.grad is None
    assert prediction.values.grad.abs().sum() > 0


def test_half_precision_is_computed_in_float32(make_view):
    view1 = make_view((40, 60), (80, 70), 8, seed=1, dtype=torch.bfloat16)
    view2 = make_view((70, 30), (80, 70), 8, seed=2, dtype=torch.bfloat16)
    loss = ImplicitClusteringLoss()
    with torch.autocast('cpu', torch.bfloat16):
        result = loss(view1, view2)
    expected = loss(
        view1._replace(values=view1.values.double()),
        view2._replace(values=view2.values.double()),
    )
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=1e-6)
