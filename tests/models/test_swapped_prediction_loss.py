import itertools
import math

import loop_reference
import pytest
import torch

from masa.models.losses import SwappedPredictionLoss, swapped_prediction_loss
from masa.models.losses.swapped_prediction_loss import balanced_assignment

NAN = float('nan')


def build(**kwargs):
    torch.manual_seed(0)
    return SwappedPredictionLoss(6, **kwargs).double()


def loss_of(loss, views):
    return loss(*views)


def loop_assignment(scores, epsilon, iterations):
    """As SwAV's code does it: of the exponentials, ``[b][k]``."""
    rows, columns = len(scores), len(scores[0])
    plan = [[math.exp(s / epsilon) for s in row] for row in scores]
    total = sum(map(sum, plan))
    plan = [[q / total for q in row] for row in plan]
    for _ in range(iterations):
        sums = [sum(row[k] for row in plan) for k in range(columns)]
        plan = [
            [q / s / columns for q, s in zip(row, sums, strict=True)]
            for row in plan
        ]
        plan = [[q / sum(row) / rows for q in row] for row in plan]
    return [[q * rows for q in row] for row in plan]


def loop_scores(view, prototypes):
    result = []
    for row, length in zip(
        view.values.detach(), view.lengths.tolist(), strict=True
    ):
        clip = sum(f / math.sqrt(sum(f * f)) for f in row[:length])
        result.append([loop_reference.cosine(clip, p) for p in prototypes])
    return result


def loop_losses(loss, view1, view2):
    """By the definition, sequence by sequence."""
    prototypes = loss.prototypes.detach()
    scores = [loop_scores(view, prototypes) for view in (view1, view2)]
    losses = [0.0] * len(view1.mask)
    for own, other in (scores, scores[::-1]):
        assigned = loop_assignment(other, loss.epsilon, loss.iterations)
        for b, (row, targets) in enumerate(zip(own, assigned, strict=True)):
            predicted = loop_reference.softmax(
                [s / loss.temperature for s in row]
            )
            losses[b] -= sum(
                q * math.log(p) / 2
                for q, p in zip(targets, predicted, strict=True)
            )
    return losses


@pytest.mark.parametrize(
    'options',
    [
        dict(num_prototypes=3),
        dict(num_prototypes=9, temperature=0.5, epsilon=0.3, iterations=1),
    ],
)
def test_loss_equals_loops(views, options):
    loss = build(**options)
    assert loss_of(loss, views).tolist() == pytest.approx(
        loop_losses(loss, *views), rel=1e-9
    )


def test_batch_of_one_belongs_to_all_prototypes_alike(make_view):
    views = [
        make_view((n,), (9,), 6, n, 2, NAN, torch.float64) for n in (1, 3)
    ]
    loss = build(num_prototypes=5)
    found = loss_of(loss, views)
    assert found.tolist() == pytest.approx(loop_losses(loss, *views))
    found.sum().backward()
    assert loss.prototypes.grad.isfinite().all()
    scores = torch.tensor([[0.1, -0.3, 0.8]])
    torch.testing.assert_close(
        balanced_assignment(scores), torch.full((1, 3), 1 / 3)
    )


def test_assignments_are_balanced():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(12, 4, generator=generator) * 2 - 1
    scores.requires_grad_()
    assigned = balanced_assignment(scores, 0.05, 200)
    assert not assigned.requires_grad
    torch.testing.assert_close(assigned.sum(1), torch.ones(12))
    torch.testing.assert_close(
        assigned.sum(0), torch.full((4,), 3.0), rtol=1e-3, atol=0
    )
    # exp(1 / 0.002) is beyond float32.
    assert balanced_assignment(scores, 0.002).isfinite().all()


def test_gradient_leaves_out_the_assignments(views, monkeypatch):
    loss = build(num_prototypes=3, temperature=0.4)
    inputs = [view.values.requires_grad_() for view in views]
    inputs.append(loss.prototypes)

    def of_all(z1, z2, prototypes):
        return torch.func.functional_call(
            loss,
            dict(prototypes=prototypes),
            tuple(
                view._replace(values=z)
                for view, z in zip(views, (z1, z2), strict=True)
            ),
        )

    gradients = torch.autograd.grad(of_all(*inputs).sum(), inputs)
    for gradient, view in zip(gradients, views, strict=False):
        assert (gradient[~view.mask] == 0).all()
        assert (gradient[view.mask] != 0).any()
    # Given as constants, there is no gradient of them that could be missing.
    targets = [
        balanced_assignment(
            torch.tensor(
                loop_scores(view, loss.prototypes.detach()),
                dtype=torch.float64,
            )
        )
        for view in views[::-1]
    ]
    endless = itertools.cycle(targets)
    monkeypatch.setattr(
        swapped_prediction_loss,
        'balanced_assignment',
        lambda *_: next(endless),
    )
    expected = torch.autograd.grad(of_all(*inputs).sum(), inputs)
    torch.testing.assert_close(gradients, expected)
    inputs = [z.detach().nan_to_num(0.3).requires_grad_() for z in inputs]
    assert torch.autograd.gradcheck(of_all, inputs)


def test_length_of_prototypes_and_frames_is_nothing(views):
    loss = build()
    expected = loss_of(loss, views)
    with torch.no_grad():
        loss.prototypes.mul_(7.0)
    scaled = [view._replace(values=view.values * 3) for view in views]
    torch.testing.assert_close(loss_of(loss, scaled), expected)


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('embed_dims', 0, '1 or more'),
        ('num_prototypes', 0, '1 or more'),
        ('iterations', 0, '1 or more'),
        ('temperature', 0.0, 'above 0'),
        ('epsilon', 0.0, 'above 0'),
        ('epsilon', NAN, 'above 0'),
        ('weight', -0.1, '0 or more'),
    ],
)
def test_arguments_are_checked(name, value, expected):
    with pytest.raises(ValueError, match=f'^{name}.*{expected}'):
        SwappedPredictionLoss(**(dict(embed_dims=4) | {name: value}))
