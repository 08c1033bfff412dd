import loop_reference
import pytest
import torch

from masa.models import ClusterPredictor, MASAHead
from masa.models.heads import combine_losses, embedding_std
from masa.models.heads.masa_head import add_losses

TOTALS = (20, 15, 12, 9)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7), (17, 5, 8, 1)
FIELDS = ('values', 'mask', 'frame_index', 'num_frames')
PREDICTOR = dict(type='ClusterPredictor', embed_dims=6, num_heads=2)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS, 6, 1, dtype=torch.float64),
        make_view(LENGTHS2, TOTALS, 6, 2, dtype=torch.float64),
    )


def head(**kwargs):
    torch.manual_seed(0)
    model = MASAHead(**(dict(predictor=PREDICTOR) | kwargs))
    model.init_weights()
    return model.double()


def losses(model, view1, view2):
    return model.loss(view1, view2)


def test_eq9_falls_as_the_views_agree():
    similarity = torch.linspace(-1, 1, 201, dtype=torch.float64)
    total = combine_losses(torch.ones_like(similarity), similarity)
    assert (total.diff() < 0).all()
    assert total[-1].item() == pytest.approx(1, abs=1e-6)
    assert total[100].item() == pytest.approx(2, abs=1e-6)
    assert total[0].isfinite()
    assert total[0] > 1e6
    expected = [
        loop_reference.total_loss(1.0, s) for s in similarity[1:].tolist()
    ]
    assert total[1:].tolist() == pytest.approx(expected)


def test_eq9_is_finite_where_a_rounded_cosine_is_below_minus_one():
    similarity = torch.tensor([-1 - 1e-6, -1.0], requires_grad=True)
    total = combine_losses(torch.ones(2), similarity)
    total.sum().backward()
    assert (total > 0).all()
    assert total.isfinite().all()
    assert similarity.grad.isfinite().all()


def test_the_sum_does_not_vanish_with_the_matching():
    similarity = torch.tensor([-1.0, 0.0, 0.4, 1.0], requires_grad=True)
    matching = torch.tensor([0.0, 0.0, 0.5, 0.5])
    total = add_losses(matching, similarity, 0.3)
    assert total.tolist() == pytest.approx([0.6, 0.3, 0.68, 0.5])
    total.sum().backward()
    assert similarity.grad.tolist() == pytest.approx([-0.3] * 4)
    quotient = combine_losses(matching[:2], similarity[:2])
    (gradient,) = torch.autograd.grad(quotient.sum(), similarity)
    assert (gradient == 0).all()


@pytest.mark.parametrize('combination', ['quotient', 'sum'])
def test_head_combines_as_it_is_told(views, combination):
    model = head(combination=combination, sum_weight=0.7)
    # One sequence, of which the parts that are logged are no average.
    alone = [
        view._replace(**{k: getattr(view, k)[:1] for k in FIELDS})
        for view in views
    ]
    result = losses(model, *alone)
    matching, similarity = result['match_mse'], result['cluster_cos']
    expected = (
        matching + 0.7 * (1 - similarity)
        if combination == 'sum'
        else matching * 2 / (1 + 1e-7 + similarity)
    )
    torch.testing.assert_close(result['loss'], expected)


def test_head_combines_by_quotient_unless_told(views):
    torch.testing.assert_close(
        losses(head(), *views), losses(head(combination='quotient'), *views)
    )


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('combination', 'product'),
        ('sum_weight', -0.1),
        ('sum_weight', float('nan')),
    ],
)
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        head(**{name: value})


def test_exactly_one_key_is_added_up(views):
    result = losses(head(), *views)
    assert [key for key in result if 'loss' in key] == ['loss']
    assert set(result) == {
        'loss',
        'match_mse',
        'match_frames',
        'cluster_cos',
        'embedding_std',
    }
    assert all(value.ndim == 0 for value in result.values())
    assert [key for key, v in result.items() if v.requires_grad] == ['loss']


def test_loss_equals_loops(views):
    model = head()
    result = losses(model, *views)
    expected, matchings, similarities = [], [], []
    predictions = [model.predictor(view.values, view.mask) for view in views]
    for row, total in enumerate(TOTALS):
        z1, z2, h1, h2 = (
            x[row, : length[row]].detach().numpy()
            for x, length in (
                (views[0].values, LENGTHS1),
                (views[1].values, LENGTHS2),
                (predictions[0], LENGTHS1),
                (predictions[1], LENGTHS2),
            )
        )
        index1, index2 = (
            view.frame_index[row, : length[row]].tolist()
            for view, length in zip(views, (LENGTHS1, LENGTHS2), strict=True)
        )
        matching = loop_reference.matching_loss(
            z1, z2, index1, index2, total, 0.1, True
        )
        similarity = (
            loop_reference.matched_similarity(z1, h2, index1, index2)
            + loop_reference.matched_similarity(h1, z2, index1, index2)
        ) / 2
        matchings.append(matching)
        similarities.append(similarity)
        expected.append(loop_reference.total_loss(matching, similarity))

    def mean(numbers):
        return pytest.approx(sum(numbers) / len(numbers))

    assert result['loss'].item() == mean(expected)
    assert result['match_mse'].item() == mean(matchings)
    assert result['cluster_cos'].item() == mean(similarities)
    assert result['match_frames'].item() == mean(
        [m**0.5 * t for m, t in zip(matchings, TOTALS, strict=True)]
    )


def test_views_may_be_swapped(views):
    model = head()
    torch.testing.assert_close(
        losses(model, *views), losses(model, *reversed(views))
    )


def gradients(model, views, loss):
    inputs = [view.values for view in views]
    return torch.autograd.grad(loss, [*inputs, *model.parameters()])


def detached_loss(model, view1, view2):
    """The loss with the targets cut off by hand."""
    c1, c2 = (
        model.clustering_loss(
            target._replace(values=target.values.detach()),
            other._replace(values=model.predictor(other.values, other.mask)),
        )
        for target, other in ((view1, view2), (view2, view1))
    )
    matching = model.method_loss(view1, view2)
    return combine_losses(matching, (c1 + c2) / 2).mean()


@pytest.mark.parametrize('stop_gradient', [True, False])
def test_targets_get_no_gradient_if_it_is_stopped(views, stop_gradient):
    model = head(
        clustering_loss=dict(
            type='ImplicitClusteringLoss', stop_gradient=stop_gradient
        )
    )
    for view in views:
        view.values.requires_grad_()
    result = gradients(model, views, losses(model, *views)['loss'])
    cut = gradients(model, views, detached_loss(model, *views))
    same = [torch.allclose(a, b) for a, b in zip(result, cut, strict=True)]
    if stop_gradient:
        assert all(same)
    else:
        assert not any(same[:2])


def test_without_predictor_only_matching_is_left(views):
    model = head(predictor=None)
    result = losses(model, *views)
    assert set(result) == {
        'loss',
        'match_mse',
        'match_frames',
        'embedding_std',
    }
    assert result['loss'].item() == pytest.approx(
        2 * result['match_mse'].item(), rel=1e-6
    )


def test_predictor_ignores_padding_and_other_rows(make_view):
    torch.manual_seed(0)
    predictor = ClusterPredictor(6, 3).double()
    view = make_view(LENGTHS1, TOTALS, 6, dtype=torch.float64)
    padded = make_view(LENGTHS1, TOTALS, 6, 0, 8, float('nan'), torch.float64)
    result = predictor(view.values, view.mask)
    more = predictor(padded.values, padded.mask)
    assert (more[~padded.mask] == 0).all()
    torch.testing.assert_close(more[padded.mask], result[view.mask])
    alone = predictor(view.values[3:, :7], view.mask[3:, :7])
    torch.testing.assert_close(alone[0], result[3, :7])


def test_predictor_draws_on_the_whole_clip(make_view):
    torch.manual_seed(0)
    predictor = ClusterPredictor(6, 3, num_layers=1).double()
    assert len(predictor.layers) == 1
    view = make_view((5,), (9,), 6, dtype=torch.float64)
    other = view.values.clone()
    other[0, -1] += 1
    difference = predictor(other, view.mask) - predictor(
        view.values, view.mask
    )
    assert (difference.abs().sum(-1) > 0).all()


def test_predictor_needs_a_layer():
    with pytest.raises(ValueError, match=r'num_layers.*0.*predictor=None'):
        ClusterPredictor(6, 3, num_layers=0)


def test_embedding_std_tells_collapse():
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(5000, 32, generator=generator)
    assert embedding_std(spread).item() == pytest.approx(1, abs=0.02)
    assert embedding_std(10 * spread).item() == pytest.approx(
        embedding_std(spread).item()
    )
    assert embedding_std(spread[:1].expand(50, -1)).item() == pytest.approx(
        0, abs=1e-6
    )
