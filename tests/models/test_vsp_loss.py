import math

import pytest
import torch
import torch.nn.functional as F

from masa.models.losses.vsp_loss import (
    VSPLoss,
    process_contrast,
    sample_bridges,
)
from masa.structures import length_mask


def squared_norm(vector):
    return (vector * vector).sum()


def loop_losses(points, times, valid):
    """The equations, bridge by bridge, over the bridges that exist."""
    batch, segments = valid.shape
    bridges = [
        (row, segment)
        for row in range(batch)
        for segment in range(segments)
        if valid[row, segment]
    ]
    losses = []
    for row in range(batch):
        terms = []
        for own_row, segment in bridges:
            if own_row != row:
                continue
            h, p, t = times[row, segment].tolist()
            z_h, z_p, z_t = points[row, segment]
            way = (p - h) / (t - h)
            variance = (p - h) * (t - p) / (t - h)

            def score(z, z_h=z_h, z_t=z_t, way=way, variance=variance):
                offset = z - (1 - way) * z_h - way * z_t
                return torch.exp(-squared_norm(offset) / (2 * variance))

            total = score(z_p)
            for other_row, other in bridges:
                if (other_row, other) == (row, segment):
                    continue
                for place in range(3):
                    same = (
                        other_row == row
                        and times[other_row, other, place].item() == p
                    )
                    if not same:
                        total = total + score(points[other_row, other, place])
            terms.append(torch.log(total) - torch.log(score(z_p)))
        losses.append(
            sum(terms) / len(terms) if terms else points.new_zeros(())
        )
    return torch.stack(losses)


def bridges(seed=0, fill=float('nan')):
    """Bridges of four sequences, one of them without any."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(4, 3, 3, 5, generator=generator).double()
    steps = 0.2 + torch.rand(4, 3, 3, generator=generator).double()
    times = steps.cumsum(-1)
    # A frame that is the middle of one bridge and the tail of another.
    times[0, 1, 2] = times[0, 0, 1]
    times[0, 1] = times[0, 1].sort().values
    valid = torch.tensor(
        [[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]], dtype=torch.bool
    )
    points[~valid] = fill
    times[~valid] = 0
    return points, times, valid


def test_loss_equals_loops():
    points, times, valid = bridges()
    assert (times[0, 0, 1] == times[0, 1]).sum() == 1
    inputs = [points.clone().requires_grad_() for _ in range(2)]
    loss = process_contrast(inputs[0], times, valid)
    expected = loop_losses(inputs[1], times, valid)
    torch.testing.assert_close(loss, expected)
    for result in (loss, expected):
        (result * torch.arange(1.0, 5)).sum().backward()
    torch.testing.assert_close(inputs[0].grad[valid], inputs[1].grad[valid])
    assert (inputs[0].grad[~valid] == 0).all()


def test_gradient():
    points, times, valid = bridges(fill=1.0)
    assert torch.autograd.gradcheck(
        lambda z: process_contrast(z, times, valid), points.requires_grad_()
    )


def test_sequences_without_bridge_cost_nothing():
    points, times, valid = bridges()
    losses = process_contrast(points, times, valid)
    assert losses[2] == 0
    assert (losses[[0, 1, 3]] > 0).all()
    z = points.requires_grad_()
    nothing = process_contrast(z, times, torch.zeros_like(valid))
    nothing.sum().backward()
    assert (nothing == 0).all()
    assert (z.grad == 0).all()


def test_a_lone_bridge_costs_nothing():
    points, times, valid = bridges()
    alone = torch.zeros_like(valid)
    alone[0, 0] = True
    z = points.requires_grad_()
    loss = process_contrast(z, times, alone)
    loss.sum().backward()
    assert loss.abs().max() < 1e-12
    assert z.grad[alone].abs().max() < 1e-12


def test_order_of_sequences_does_not_matter():
    points, times, valid = bridges()
    order = torch.tensor([3, 0, 2, 1])
    torch.testing.assert_close(
        process_contrast(points[order], times[order], valid[order]),
        process_contrast(points, times, valid)[order],
    )


def test_straight_lines_apart_cost_nothing():
    # Frames at equal speed on lines that lie far from each other.
    times = torch.tensor([0.0, 1.0, 3.0]).expand(4, 1, 3)
    start = 50 * torch.eye(4)[:, None, None]
    points = start + times[..., None] * torch.ones(4)
    valid = torch.ones(4, 1, dtype=torch.bool)
    assert process_contrast(points, times, valid).max() < 1e-6
    bent = points.clone()
    bent[0, 0, 1] += 1
    # The others fit much worse still.
    assert process_contrast(bent, times, valid)[0] < 1e-6
    same = points[:1].expand(4, -1, -1, -1)
    # The others' middles fit as well as the own one does.
    assert process_contrast(same, times, valid).min() > math.log(4)


LENGTHS = (1, 2, 3, 4, 5, 9, 10, 11, 23, 60, 601)


@pytest.mark.parametrize('segments', [1, 5])
@pytest.mark.parametrize('overlap', [0.0, 0.2, 0.5])
def test_bridges_lie_in_their_parts(segments, overlap):
    torch.manual_seed(0)
    mask = length_mask(torch.tensor(LENGTHS), max(LENGTHS) + 2)
    for _ in range(200):
        bridges, valid = sample_bridges(mask, segments, overlap)
        assert bridges.shape == (len(LENGTHS), segments, 3)
        assert valid.sum(1).tolist() == [
            min(segments, (n - 1) // 2) for n in LENGTHS
        ]
        h, p, t = bridges.unbind(-1)
        assert (bridges >= 0).all()
        assert (h < p)[valid].all()
        assert (p < t)[valid].all()
        for row, n in enumerate(LENGTHS):
            count = int(valid[row].sum())
            for part in range(count):
                width = (n - 1) / count
                margin = width * overlap / (2 - overlap)
                start, end = part * width, (part + 1) * width
                head, _, tail = bridges[row, part].tolist()
                assert abs(head - start) <= margin + 1
                assert abs(tail - end) <= margin + 1
                assert tail <= n - 1


def test_every_middle_comes_up_equally_often():
    torch.manual_seed(0)
    mask = torch.ones(6000, 9, dtype=torch.bool)
    bridges, _ = sample_bridges(mask, 1, 0.0)
    assert bridges[..., 0].unique().tolist() == [0]
    assert bridges[..., 2].unique().tolist() == [8]
    counts = bridges[..., 1].flatten().bincount(minlength=9)
    assert counts[[0, 8]].tolist() == [0, 0]
    # Seven frames, 857 each; five standard deviations are 136.
    assert (counts[1:8] - 857).abs().max() < 136


def test_ends_move_by_the_overlap():
    torch.manual_seed(0)
    mask = torch.ones(500, 101, dtype=torch.bool)
    bridges, _ = sample_bridges(mask, 5, 0.5)
    # Parts of 20 frames, moved by 20 / 3: outward, inward at both ends,
    # and rounded away from the middle.
    head, tail = bridges[..., 0], bridges[..., 2]
    assert head.amin(0).tolist() == [0, 13, 33, 53, 73]
    assert head.amax(0).tolist() == [6, 19, 39, 59, 79]
    assert tail.amin(0).tolist() == [21, 41, 61, 81, 94]
    assert tail.amax(0).tolist() == [27, 47, 67, 87, 100]


TOTALS = (20, 15, 9, 30, 9)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7, 2), (17, 5, 8, 25, 1)


@pytest.fixture
def views(make_view):
    padding = float('nan')
    return (
        make_view(LENGTHS1, TOTALS, 6, 1, 2, padding, torch.float64),
        make_view(LENGTHS2, TOTALS, 6, 2, 1, padding, torch.float64),
    )


def compute(loss, *views):
    torch.manual_seed(0)
    return loss(*views)


@pytest.mark.parametrize('normalize', [True, False])
def test_batches_are_contrasted_by_themselves(views, normalize):
    loss = VSPLoss(3, 0.4, 7, normalize)
    result = compute(loss, *views)
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
    result = compute(VSPLoss(), *views)
    assert result[4] == 0
    assert (result[:4] > 0).all()


def test_a_collapsed_sequence_is_punished(make_view):
    # Frames of other parts of the sequence count, too: a sequence that is
    # one point costs more than one on a line.
    view = make_view((31, 31), (31, 31), 8, dtype=torch.float64)
    base = 10 * torch.eye(8, dtype=torch.float64)[:2, None].expand(2, 31, 8)
    line = base.clone()
    line[..., 4] = torch.arange(31.0)
    loss = VSPLoss(normalize=False)
    collapsed = view._replace(values=base)
    moving = view._replace(values=line)
    assert compute(loss, collapsed, collapsed).min() > 2
    assert compute(loss, moving, moving).max() < 0.3


def test_draws_follow_the_global_generator(views):
    loss = VSPLoss()
    first = compute(loss, *views)
    torch.testing.assert_close(compute(loss, *views), first)
    assert not torch.equal(loss(*views), first)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('num_segments', 0),
        ('overlap', -0.1),
        ('overlap', 0.6),
        ('overlap', float('nan')),
        ('num_steps', 0),
        ('num_steps', float('nan')),
    ],
)
def test_arguments_have_ranges(name, value):
    with pytest.raises(ValueError, match=f'{name}.*{value}'):
        VSPLoss(**{name: value})
