import math

import loop_reference
import pytest
import torch

from masa.models.losses import NeighborCycleLoss

NAN = float('nan')


def loss_of(views, *options):
    return NeighborCycleLoss(*options)(
        *(view.values for view in views), *views
    )


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
    clip = clip_of(own[b][0])
    ranking = sorted(
        (-loop_reference.cosine(clip, clip_of(frames)), c)
        for c, (frames, _) in enumerate(other)
        if c != b
    )
    return [neighbor for _, neighbor in ranking[:count]]


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


def loop_losses(views, temperature, variance, count=1):
    """By the definition, frame by frame."""
    rows = [rows_of(view) for view in views]
    result = []
    for b in range(len(rows[0])):
        terms = [
            divergence(
                frame,
                s,
                other[neighbor][0],
                other[b],
                temperature,
                variance,
            )
            for own, other in (rows, rows[::-1])
            for neighbor in neighbors_of(b, own, other, count)
            for frame, s in zip(*own[b], strict=True)
        ]
        result.append(sum(terms) / len(terms))
    return result


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
        return NeighborCycleLoss(0.5, 4.0)(z1, z2, *views)

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
    ],
)
def test_arguments_are_checked(name, value, expected):
    with pytest.raises(ValueError, match=f'^{name} is expected.*{expected}'):
        NeighborCycleLoss(**{name: value})
