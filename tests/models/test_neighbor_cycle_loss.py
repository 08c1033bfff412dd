import math

import loop_reference
import pytest
import torch

from masa.models.losses import NeighborCycleLoss

NAN = float('nan')


def loss_of(views, *options):
    return NeighborCycleLoss(*options)(*views)


def rows_of(view):
    return [
        (values[:length].detach(), index[:length].tolist())
        for values, index, length in zip(
            view.values, view.frame_index, view.lengths.tolist(), strict=True
        )
    ]


def clip_of(frames):
    return sum(f / math.sqrt(sum(f * f)) for f in frames)


def neighbors_of(b, own, other, count=1):
    ranking = sorted(
        (-alike(own[b][0], row[0]), c) for c, row in enumerate(other) if c != b
    )
    return [neighbor for _, neighbor in ranking[:count]]


def alike(frames, others):
    return loop_reference.cosine(clip_of(frames), clip_of(others))


def is_mutual(b, neighbor, own, other):
    """Whether no other sequence is as near to the neighbor as b."""
    frames = other[neighbor][0]
    return all(
        alike(row[0], frames) <= alike(own[b][0], frames)
        for c, row in enumerate(own)
        if c != neighbor
    )


def divergence(frame, s, through, back, temperature, variance):
    """The KL divergence of one frame."""
    weights = loop_reference.softmax(
        [loop_reference.cosine(frame, w) / temperature for w in through]
    )
    soft = sum(
        weight * w / math.sqrt(sum(w * w))
        for weight, w in zip(weights, through, strict=True)
    )
    frames, index = back
    predicted = loop_reference.softmax(
        [loop_reference.cosine(soft, w) / temperature for w in frames]
    )
    label = loop_reference.softmax(
        [-((s - r) ** 2) / (2 * variance) for r in index]
    )
    return sum(
        q * math.log(q / p) if q else 0.0
        for q, p in zip(label, predicted, strict=True)
    )


def loop_losses(
    views, temperature, variance, count=1, mutual=False, memory=()
):
    """By the definition, frame by frame."""
    rows = [rows_of(view) for view in views]
    directions = (rows, rows[::-1])
    remembered = [(frames, None) for frames in memory]
    result = []
    for b in range(len(rows[0])):
        neighbors = [
            neighbors_of(b, own, other + remembered, count)
            for own, other in directions
        ]
        means = []
        for places in zip(*neighbors, strict=True):
            if mutual and not all(
                is_mutual(b, place, own, other + remembered)
                for place, (own, other) in zip(places, directions, strict=True)
            ):
                continue
            terms = [
                divergence(
                    frame,
                    s,
                    (other + remembered)[place][0],
                    other[b],
                    temperature,
                    variance,
                )
                for place, (own, other) in zip(places, directions, strict=True)
                for frame, s in zip(*own[b], strict=True)
            ]
            means.append(sum(terms) / len(terms))
        result.append(sum(means) / len(means) if means else 0.0)
    return result


def remembering(size, frames, *options, **settings):
    return NeighborCycleLoss(
        *options,
        memory=size,
        memory_frames=frames,
        embed_dims=6,
        **settings,
    ).double()


def evenly_spread(view, count):
    """Frames of a view's sequences that a memory is to hold."""
    return [
        [
            frames[round(i * (len(frames) - 1) / (count - 1))]
            for i in range(count)
        ]
        for frames, _ in rows_of(view)
    ]


@pytest.mark.parametrize('options', [(0.1, 1.0), (0.7, 20.0)])
# There are three others.
@pytest.mark.parametrize('count', [1, 2, 3, 7])
def test_loss_equals_loops(views, options, count):
    assert loss_of(views, *options, 0.1, count).tolist() == pytest.approx(
        loop_losses(views, *options, count), rel=1e-9
    )


def test_neighbors_are_other_sequences(views):
    rows = [rows_of(view) for view in views]
    neighbors = [neighbors_of(b, *rows) for b in range(4)]
    # Otherwise the loops would show little.
    assert neighbors.count(neighbors[0]) < 4


@pytest.mark.parametrize('count', [1, 3])
def test_mutual_neighbors_alone_count(views, count):
    found = loss_of(views, 0.3, 5.0, 0.1, count, True).tolist()
    expected = loop_losses(views, 0.3, 5.0, count, mutual=True)
    assert found == pytest.approx(expected, rel=1e-9)
    assert 0.0 in expected
    assert any(expected)


@pytest.mark.parametrize('mutual', [False, True])
@pytest.mark.parametrize('count', [1, 2, 5])
def test_neighbors_from_memory(views, make_view, mutual, count):
    # Even numbers of steps between the frames are never rounded.
    lengths, totals = (5, 1, 9, 5), (9, 9, 9, 9)
    earlier = make_view(lengths, totals, 6, 7, 1, NAN, torch.float64)
    loss = remembering(4, 5, 0.3, 5.0, 0.1, count, mutual)
    loss(earlier, earlier)
    held = evenly_spread(earlier, 5)
    found = loss(*views)
    expected = loop_losses(views, 0.3, 5.0, count, mutual, held)
    assert found.tolist() == pytest.approx(expected, rel=1e-9)
    without = loop_losses(views, 0.3, 5.0, count, mutual)
    assert expected != pytest.approx(without, rel=1e-3)


def test_memory_holds_the_latest(views):
    loss = remembering(6, 3)
    assert not loss.memory.any()
    loss(*views)
    first = loss.memory.clone()
    assert first[:4].norm(dim=-1) == pytest.approx(1)
    assert not first[4:].any()
    loss(*views[::-1])
    assert torch.equal(loss.memory[4:], first[:2])
    assert not torch.equal(loss.memory[:4], first[:4])
    assert not loss.memory.requires_grad
    # A batch larger than the memory, and none in evaluation.
    small = remembering(2, 3)
    small(*views)
    assert torch.equal(small.memory, first[:2])
    small.eval()(*views[::-1])
    assert torch.equal(small.memory, first[:2])


def test_empty_memory_changes_nothing(views):
    for count in (1, 7):
        for mutual in (False, True):
            options = 0.3, 5.0, 0.1, count, mutual
            found = remembering(5, 3, *options).eval()(*views)
            torch.testing.assert_close(found, loss_of(views, *options))


def test_memory_is_saved(views):
    loss = remembering(6, 3)
    loss(*views)
    again = remembering(6, 3)
    again.load_state_dict(loss.state_dict())
    assert torch.equal(again.memory, loss.memory)


def test_batch_of_one_goes_through_memory(views, make_view):
    single = [
        make_view((n,), (9,), 6, n, 2, NAN, torch.float64) for n in (5, 3)
    ]
    inputs = [view.values.requires_grad_() for view in single]
    loss = remembering(4, 3, 0.3, 5.0)
    # Nothing is remembered yet: no loss, and a way back nonetheless.
    found = loss.eval()(*single)
    assert found.tolist() == [0.0]
    found.sum().backward()
    assert all((z.grad == 0).all() for z in inputs)
    loss.train()(*views)
    found = loss(*single)
    expected = loop_losses(single, 0.3, 5.0, memory=evenly_spread(views[0], 3))
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_two_sequences_are_neighbors(make_view):
    views = [
        make_view(lengths, (9, 9), 3, seed, 1, NAN, torch.float64)
        for seed, lengths in enumerate(((4, 1), (1, 6)))
    ]
    assert loss_of(views, 0.3).tolist() == pytest.approx(
        loop_losses(views, 0.3, 1.0), rel=1e-9
    )


def test_batch_of_one_has_no_neighbor(make_view):
    views = [make_view((n,), (9,), 6, n, 2, NAN) for n in (5, 3)]
    inputs = [view.values.requires_grad_() for view in views]
    found = loss_of(views)
    assert found.tolist() == [0.0]
    found.sum().backward()
    for z in inputs:
        assert (z.grad == 0).all()


def test_gradient(make_view):
    views = [
        make_view(lengths, (7, 7, 7), 3, seed, 1, NAN, torch.float64)
        for seed, lengths in enumerate(((4, 1, 3), (2, 5, 3)))
    ]

    def of_embeddings(z1, z2):
        return NeighborCycleLoss(0.5, 4.0)(
            *(
                v._replace(values=z)
                for v, z in zip(views, (z1, z2), strict=True)
            )
        )

    inputs = [view.values.requires_grad_() for view in views]
    of_embeddings(*inputs).sum().backward()
    for z, view in zip(inputs, views, strict=True):
        assert (z.grad[~view.mask] == 0).all()
        assert z.grad.isfinite().all()
        assert (z.grad[view.mask] != 0).any()
    inputs = [z.detach().nan_to_num(0.3).requires_grad_() for z in inputs]
    assert torch.autograd.gradcheck(of_embeddings, inputs)


def test_equal_and_zero_embeddings_are_safe(make_view):
    for value in (0.0, 1.0):
        view = make_view((4, 1), (6, 6), 3)
        z = torch.full_like(view.values, value).requires_grad_()
        loss = loss_of([view._replace(values=z)] * 2)
        loss.sum().backward()
        assert loss.isfinite().all()
        assert z.grad.isfinite().all()


def test_nothing_is_lost_if_the_neighbor_tells_the_time(make_view):
    # Both show the same frames, which point in directions of their own.
    view = make_view((5, 5), (5, 5), 5, dtype=torch.float64)
    z = torch.eye(5).double().expand(2, -1, -1)
    view = view._replace(values=z)
    assert loss_of([view] * 2, 0.01, 0.01).tolist() == pytest.approx(
        [0, 0], abs=1e-9
    )
    # All frames of the second are alike: nothing is found again.
    z = torch.stack((z[0], torch.ones(5, 5).double()))
    blurred = view._replace(values=z)
    assert loss_of([blurred] * 2, 0.01, 0.01).tolist() == pytest.approx(
        [math.log(5)] * 2
    )


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('temperature', 0.0, 'above 0'),
        ('variance', NAN, 'above 0'),
        ('weight', -0.1, '0 or more'),
        ('num_neighbors', 0, '1 or more'),
        ('memory', -1, '0 or more'),
        ('memory', 4, 'embed_dims'),
        ('memory_frames', 0, '1 or more'),
    ],
)
def test_arguments_are_checked(name, value, expected):
    with pytest.raises(ValueError, match=f'^{name}.*.*{expected}'):
        NeighborCycleLoss(**{name: value})
