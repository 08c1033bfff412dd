import loop_reference
import pytest
import torch

from masa.models import MatchingLoss
from masa.models.losses import masked_mean, predict_frame_index

TOTALS = (20, 15, 12, 9)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7), (17, 5, 8, 1)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS, 6, seed=1, dtype=torch.float64),
        make_view(LENGTHS2, TOTALS, 6, seed=2, dtype=torch.float64),
    )


def rows(view):
    for values, index, length in zip(
        view.values, view.frame_index, view.lengths, strict=True
    ):
        yield values[:length].numpy(), index[:length].numpy()


def test_prediction_equals_loops(views):
    view1, view2 = views
    predicted = predict_frame_index(
        view1.values,
        view2.values,
        view2.frame_index.double(),
        view2.mask,
        temperature=0.2,
    )
    for row, (query, _), (key, index) in zip(
        predicted, rows(view1), rows(view2), strict=True
    ):
        expected = loop_reference.predicted_index(query, key, index, 0.2)
        assert row[: len(query)].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('normalize', [True, False])
@pytest.mark.parametrize('temperature', [0.1, 1.0])
def test_loss_equals_loops(views, normalize, temperature):
    result = MatchingLoss(temperature, normalize)(*views)
    expected = [
        loop_reference.matching_loss(
            z1, z2, index1, index2, total, temperature, normalize
        )
        for (z1, index1), (z2, index2), total in zip(
            rows(views[0]), rows(views[1]), TOTALS, strict=True
        )
    ]
    assert result.dtype == torch.float64
    assert result.tolist() == pytest.approx(expected, rel=1e-9)


def test_views_may_be_swapped(views):
    loss = MatchingLoss()
    torch.testing.assert_close(loss(*views), loss(*reversed(views)))


def test_identical_views_cost_nothing_at_low_temperature(make_view):
    view = make_view(LENGTHS1, TOTALS, 16, dtype=torch.float64)
    assert MatchingLoss(0.005, False)(view, view).max() < 1e-6


def test_single_frames_cost_their_squared_distance(make_view):
    view1 = make_view([1], [10], 4, seed=1)
    view2 = make_view([1], [10], 4, seed=2)
    distance = (view1.frame_index - view2.frame_index).item()
    assert MatchingLoss(0.1, False)(view1, view2).item() == (
        pytest.approx(distance**2)
    )


def test_padding_changes_nothing(make_view):
    def result(extra, padding):
        view1, view2 = (
            make_view(lengths, TOTALS, 6, seed, extra + seed, padding)
            for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
        )
        z = [view.values.requires_grad_() for view in (view1, view2)]
        loss = MatchingLoss()(view1, view2)
        loss.sum().backward()
        grads = [
            g.grad[view.mask]
            for g, view in zip(z, (view1, view2), strict=True)
        ]
        outside = [
            g.grad[~view.mask]
            for g, view in zip(z, (view1, view2), strict=True)
        ]
        return loss.detach(), grads, outside

    loss, grads, _ = result(0, 0.0)
    padded, padded_grads, outside = result(9, 1e4)
    torch.testing.assert_close(padded, loss)
    torch.testing.assert_close(padded_grads, grads)
    assert all((g == 0).all() for g in outside)


@pytest.mark.parametrize('normalize', [True, False])
def test_gradient(make_view, normalize):
    view1 = make_view((4, 1, 3), (6, 6, 6), 3, 1, 1, 1.0, torch.float64)
    view2 = make_view((2, 5, 3), (6, 6, 6), 3, 2, 0, 1.0, torch.float64)
    loss = MatchingLoss(0.3, normalize)

    def of_embeddings(z1, z2):
        return loss(view1._replace(values=z1), view2._replace(values=z2))

    assert torch.autograd.gradcheck(
        of_embeddings,
        (view1.values.requires_grad_(), view2.values.requires_grad_()),
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(make_view, dtype):
    # Frames above 2048 cannot be told apart in float16.
    view1 = make_view((40, 60), (4000, 3000), 8, seed=1)
    view2 = make_view((70, 30), (4000, 3000), 8, seed=2)
    loss = MatchingLoss(0.05, normalize_index=False)
    half1, half2 = (
        view._replace(values=view.values.to(dtype)) for view in (view1, view2)
    )
    for first, second in ((half1, half2), (view1, view2)):
        with torch.autocast('cpu', torch.bfloat16):
            result = loss(first, second)
        expected = loss(
            first._replace(values=first.values.double()),
            second._replace(values=second.values.double()),
        )
        assert result.dtype == torch.float32
        torch.testing.assert_close(
            result.double(), expected, rtol=1e-5, atol=0
        )


def test_what_is_logged_is_in_frames(views):
    frames, shares = MatchingLoss(0.1, False), MatchingLoss(0.1, True)
    expected = frames(*views).sqrt()
    shares(*views)
    for loss in (frames, shares):
        torch.testing.assert_close(loss.logged['match_frames'], expected)


@pytest.mark.parametrize('temperature', [0, -0.1, float('nan')])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=f'temperature.*{temperature}'):
        MatchingLoss(temperature)


def test_masked_mean_ignores_what_is_masked():
    values = torch.tensor([[1.0, 3.0, float('nan')], [5.0, 6.0, 7.0]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(values, mask).tolist() == [2.0, 0.0]
