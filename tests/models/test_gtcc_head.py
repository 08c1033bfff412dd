import pytest
import torch

from masa.models import DropContext, GTCCHead
from masa.models.heads.drop_context import keep_probability
from masa.models.losses.gaussian_mixture_cycle import (
    gaussian_mixture_cycle,
    sample_frames,
)

NAN = float('nan')
TOTALS1, TOTALS2 = (20, 15, 12, 9), (22, 11, 30, 5)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7), (17, 5, 8, 1)
DROP = dict(
    type='DropContext', embed_dims=6, hidden_channels=(5, 4), gamma=0.3
)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS1, 6, 1, 2, NAN, torch.float64),
        make_view(LENGTHS2, TOTALS2, 6, 2, 1, NAN, torch.float64),
    )


def build(**kwargs):
    torch.manual_seed(0)
    return GTCCHead(**kwargs).double()


def losses(head, view1, view2):
    torch.manual_seed(1)
    return head.compute_losses(view1.values, view2.values, view1, view2, None)


def loop_probability(x, y, mlp, least):
    """p of the frames of one pair of sequences."""
    context = sum(mlp(frame) for frame in y) / len(y)
    affinity = [(frame * context).sum() for frame in x]
    mean = sum(affinity) / len(x)
    if len(x) == 1:
        return [torch.tensor((1 + least) / 2)]
    variance = sum((a - mean) ** 2 for a in affinity) / (len(x) - 1)
    return [
        least + (1 - least) / (1 + torch.exp(-(a - mean) / variance.sqrt()))
        for a in affinity
    ]


@pytest.mark.parametrize('drop', [None, DROP])
def test_loss_equals_loops(views, drop):
    options = dict(num_components=3, temperature=0.4, window=0.6)
    head = build(drop=drop, num_queries=4, **options)
    inputs = [view.values.requires_grad_() for view in views]
    inputs += head.parameters()
    result, logged = losses(head, *views)
    torch.manual_seed(1)
    expected, frames, kept = [0.0] * 4, [0.0] * 4, [0.0] * 4
    for x, y in (views, reversed(views)):
        query, valid = sample_frames(x.mask, 4)
        to_left = torch.rand(4) < 0.5
        errors = gaussian_mixture_cycle(
            x.values,
            y.values,
            x.frame_index,
            x.mask,
            y.mask,
            query,
            to_left,
            **options,
        )
        for row in range(4):
            p = [1.0] * int(x.lengths[row])
            if drop:
                p = loop_probability(
                    x.values[row, : x.lengths[row]],
                    y.values[row, : y.lengths[row]],
                    head.drop.mlp,
                    0.3,
                )
            drawn = query[row][valid[row]].tolist()
            costs = [
                p[i] * c + (1 - p[i]) / (c + 0.1)
                for i, c in zip(drawn, errors[row], strict=False)
            ]
            square = int(x.num_frames[row]) ** 2
            n = len(drawn)
            expected[row] += sum(costs) / n / square / 2
            frames[row] += errors[row][valid[row]].mean().item() / 2
            kept[row] += sum(float(p[i]) for i in drawn) / n / 2
    expected = torch.stack(expected)
    torch.testing.assert_close(result, expected)
    for own, other in zip(
        torch.autograd.grad(result.sum(), inputs, retain_graph=True),
        torch.autograd.grad(expected.sum(), inputs),
        strict=True,
    ):
        assert (own != 0).any()
        torch.testing.assert_close(own, other)
    assert logged['cycle_frames'].square().tolist() == pytest.approx(frames)
    assert set(logged) == {'cycle_frames', *(['keep_share'] if drop else [])}
    if drop:
        assert logged['keep_share'].tolist() == pytest.approx(kept)


@pytest.mark.parametrize('drop', [None, DROP])
def test_gradient_is_finite_and_not_of_the_padding(views, drop):
    head = build(drop=drop)
    z = [view.values.requires_grad_() for view in views]
    losses(head, *views)[0].sum().backward()
    for frames, view in zip(z, views, strict=True):
        assert frames.grad.isfinite().all()
        assert (frames.grad[~view.mask] == 0).all()
        assert (frames.grad[view.mask] != 0).any()
    for parameter in head.parameters():
        assert parameter.grad.isfinite().all()
        assert (parameter.grad != 0).any()


@pytest.mark.parametrize('drop', [None, DROP])
def test_padding_changes_nothing(make_view, drop):
    head = build(drop=drop, num_queries=None)
    # Not the sides of the windows, whose draws follow those of the frames.
    head.options['window'] = 1.0

    def result(extra, padding):
        views = [
            make_view(
                lengths, totals, 6, seed, extra + seed, padding, torch.float64
            )
            for seed, lengths, totals in (
                (1, LENGTHS1, TOTALS1),
                (2, LENGTHS2, TOTALS2),
            )
        ]
        for view in views:
            view.frame_index[~view.mask] = extra * 1000
        return losses(head.eval(), *views)[0]

    torch.testing.assert_close(result(9, NAN), result(0, 0.0))


@pytest.mark.parametrize('drop', [None, DROP])
def test_sequences_may_be_swapped(views, drop):
    head = build(drop=drop, num_queries=None, window=1.0).eval()
    torch.testing.assert_close(
        losses(head, *views)[0], losses(head, *reversed(views))[0]
    )


def test_keep_probability_is_safe_and_in_range():
    affinity = torch.tensor(
        [[3.0, -1.0, 0.5, NAN], [7.0] * 4, [1e-8, 0, 0, 0], [5, NAN, NAN, NAN]]
    ).requires_grad_()
    mask = torch.tensor(
        [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]],
        dtype=torch.bool,
    )
    p = keep_probability(affinity, mask, 0.4)
    p.sum().backward()
    assert affinity.grad.isfinite().all()
    assert (p >= 0.4).all()
    assert (p <= 1).all()
    assert p[1].tolist() == pytest.approx([0.7] * 4)
    assert p[3].tolist() == pytest.approx([0.7] * 4)
    # The size of the affinities does not matter.
    torch.testing.assert_close(
        p[2], keep_probability(1e8 * affinity, mask, 0.4)[2]
    )
    assert p[2, 0] > 0.8


def test_schedule_follows_the_steps_of_training(views):
    head = build(drop=dict(DROP, gamma=0.9, steps=4))
    assert 'drop.step' in head.state_dict()

    def least():
        affinity = torch.tensor([[-1e9, *[1.0] * 999_999]])
        # A thousand standard deviations below the mean.
        p = keep_probability(
            affinity,
            torch.ones_like(affinity, dtype=torch.bool),
            head.drop.least(),
        )
        return p.min().item()

    assert least() == pytest.approx(0.9)
    for _ in range(4):
        losses(head, *views)
    assert head.drop.step.item() == 4
    assert least() == pytest.approx(0.81)
    losses(head.eval(), *views)
    assert head.drop.step.item() == 4
    again = build(drop=dict(DROP, gamma=0.9, steps=4))
    again.load_state_dict(head.state_dict())
    assert again.drop.least().item() == pytest.approx(0.81)


def test_nothing_is_dropped_with_gamma_1(views):
    plain, dropping = build(), build(drop=dict(DROP, gamma=1.0))
    result, logged = losses(dropping, *views)
    torch.testing.assert_close(result, losses(plain, *views)[0])
    assert (logged['keep_share'] == 1).all()


def test_half_precision_gives_a_full_loss(views):
    head = GTCCHead(drop=DROP)
    half = [view._replace(values=view.values.bfloat16()) for view in views]
    with torch.autocast('cpu', torch.bfloat16):
        result, _ = losses(head, *half)
    assert result.dtype == torch.float32
    head.drop.step.zero_()
    expected, _ = losses(
        head.double(),
        *(v._replace(values=v.values.double()) for v in half),
    )
    torch.testing.assert_close(result.double(), expected, rtol=1e-3, atol=1e-6)


def test_exactly_one_key_is_added_up(views):
    view1, view2 = views
    result = build(drop=DROP).loss(view1.values, view2.values, view1, view2)
    assert [key for key in result if 'loss' in key] == ['loss']
    assert [key for key, v in result.items() if v.requires_grad] == ['loss']
    assert result['loss'].isfinite()


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('num_components', 0),
        ('num_queries', 0),
        ('num_iterations', 0),
        ('temperature', 0.0),
        ('temperature', NAN),
        ('min_variance', 0),
        ('window', 0.0),
        ('window', 1.1),
    ],
)
def test_arguments_have_ranges(name, value):
    with pytest.raises(ValueError, match=f'{name} is expected.*{value}'):
        GTCCHead(**{name: value})


@pytest.mark.parametrize(
    ('name', 'value'), [('gamma', 0.0), ('gamma', 1.1), ('steps', 0)]
)
def test_drop_arguments_have_ranges(name, value):
    with pytest.raises(ValueError, match=f'{name} is expected.*{value}'):
        DropContext(6, **{name: value})
