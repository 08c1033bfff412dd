import pytest
import torch
import torch.nn.functional as F

from masa.models import VSPHead
from masa.models.losses.brownian_bridge import process_contrast, sample_bridges

TOTALS = (20, 15, 9, 30, 9)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7, 2), (17, 5, 8, 25, 1)
NAN = float('nan')


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS, 6, 1, 2, NAN, torch.float64),
        make_view(LENGTHS2, TOTALS, 6, 2, 1, NAN, torch.float64),
    )


def losses(head, view1, view2):
    torch.manual_seed(0)
    return head.compute_losses(view1.values, view2.values, view1, view2, None)[
        0
    ]


@pytest.mark.parametrize('normalize', [True, False])
def test_batches_are_contrasted_by_themselves(views, normalize):
    head = VSPHead(3, 0.4, 7, normalize)
    result = losses(head, *views)
    torch.manual_seed(0)
    expected = 0
    for view in views:
        bridges, valid = sample_bridges(view.mask, 3, 0.4)
        points = torch.zeros(*bridges.shape, 6, dtype=torch.float64)
        times = torch.zeros(bridges.shape, dtype=torch.float64)
        for row, part, place in valid[..., None].expand_as(bridges).nonzero():
            frame = bridges[row, part, place]
            z = view.values[row, frame]
            points[row, part, place] = (
                F.normalize(z, dim=0) if normalize else z
            )
            times[row, part, place] = (
                7
                * view.frame_index[row, frame].double()
                / view.num_frames[row]
            )
        expected = expected + process_contrast(points, times, valid) / 2
    torch.testing.assert_close(result, expected)
    assert result.shape == (5,)


def test_short_sequences_cost_nothing(views):
    result = losses(VSPHead(), *views)
    assert result[4] == 0
    assert (result[:4] > 0).all()


def test_gradient_is_finite_and_not_of_the_padding(views):
    z = [view.values.requires_grad_() for view in views]
    losses(VSPHead(), *views).sum().backward()
    for frames, view in zip(z, views, strict=True):
        assert frames.grad.isfinite().all()
        assert (frames.grad[~view.mask] == 0).all()
        assert (frames.grad[4] == 0).all()
        assert (frames.grad[3] != 0).any()


def test_padding_changes_nothing(make_view):
    def result(extra, padding):
        # As wide for both, since the draws do not depend on the width.
        views = [
            make_view(lengths, TOTALS, 6, seed, extra, padding)
            for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
        ]
        for view in views:
            view.frame_index[~view.mask] = extra * 1000
        return losses(VSPHead(), *views)

    torch.testing.assert_close(result(9, NAN), result(0, 0.0))


def test_equal_embeddings_are_safe(views):
    z = torch.ones_like(views[0].values).requires_grad_()
    result = losses(VSPHead(), *(v._replace(values=z) for v in views[:1] * 2))
    result.sum().backward()
    assert result.isfinite().all()
    assert z.grad.isfinite().all()


def test_a_collapsed_sequence_is_punished(make_view):
    # Frames of other parts of the sequence count, too: a sequence that is
    # one point costs more than one on a line.
    view = make_view((31, 31), (31, 31), 8, dtype=torch.float64)
    base = 10 * torch.eye(8, dtype=torch.float64)[:2, None].expand(2, 31, 8)
    line = base.clone()
    line[..., 4] = torch.arange(31.0)
    head = VSPHead(normalize=False)
    collapsed = view._replace(values=base)
    moving = view._replace(values=line)
    assert losses(head, collapsed, collapsed).min() > 2
    assert losses(head, moving, moving).max() < 0.3


def test_draws_follow_the_global_generator(views):
    head = VSPHead()
    first = losses(head, *views)
    torch.testing.assert_close(losses(head, *views), first)
    view1, view2 = views
    others = head.compute_losses(
        view1.values, view2.values, view1, view2, None
    )[0]
    assert not torch.equal(others, first)


def test_half_precision_gives_a_full_loss(views):
    half = [view._replace(values=view.values.bfloat16()) for view in views]
    with torch.autocast('cpu', torch.bfloat16):
        result = losses(VSPHead(), *half)
    expected = losses(
        VSPHead(), *(v._replace(values=v.values.double()) for v in half)
    )
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), expected, rtol=1e-4, atol=0)


def test_exactly_one_key_is_added_up(views):
    view1, view2 = views
    result = VSPHead().loss(view1.values, view2.values, view1, view2)
    assert [key for key in result if 'loss' in key] == ['loss']


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('num_segments', 0),
        ('overlap', -0.1),
        ('overlap', 0.6),
        ('overlap', NAN),
        ('num_steps', 0),
        ('num_steps', NAN),
    ],
)
def test_arguments_have_ranges(name, value):
    with pytest.raises(ValueError, match=f'{name} is expected.*{value}'):
        VSPHead(**{name: value})
