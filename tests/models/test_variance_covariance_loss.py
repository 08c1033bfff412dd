import pytest
import torch

from masa.models.losses import VarianceCovarianceLoss
from masa.models.losses.variance_covariance_loss import variance_covariance

NAN = float('nan')


@pytest.fixture
def views(views):
    # Some channels vary by more than 1, others by less, and two agree.
    scale = torch.tensor([0.1, 0.4, 0.7, 1.2, 2.0, 3.0]).double()
    scaled = []
    for view in views:
        values = view.values * scale + 5
        values[..., 1] += values[..., 4]
        scaled.append(view._replace(values=values))
    return scaled


def loss_of(loss, views):
    return loss(*views)


def loop_loss(views, variance_weight, covariance_weight):
    """By the definition, number by number."""
    total = 0.0
    for view in views:
        frames = [
            frame
            for row, length in zip(
                view.values.tolist(), view.lengths.tolist(), strict=True
            )
            for frame in row[:length]
        ]
        width = len(frames[0])
        means = [sum(f[d] for f in frames) / len(frames) for d in range(width)]
        for d in range(width):
            for e in range(width):
                covariance = sum(
                    (f[d] - means[d]) * (f[e] - means[e]) for f in frames
                ) / max(len(frames) - 1, 1)
                if d == e:
                    hinge = max(0.0, 1 - (covariance + 1e-4) ** 0.5)
                    total += variance_weight * hinge / width / 2
                else:
                    total += covariance_weight * covariance**2 / width / 2
    return total


@pytest.mark.parametrize('weights', [(1.0, 0.04), (0.3, 0.0), (0.0, 2.0)])
def test_loss_equals_loops(views, weights):
    loss = VarianceCovarianceLoss(0.5, *weights)
    expected = loop_loss(views, *weights)
    assert expected > 0
    assert loss_of(loss, views).tolist() == pytest.approx([expected] * 4)


def test_batch_of_one(make_view):
    views = [
        make_view((n,), (9,), 6, n, 2, NAN, torch.float64) for n in (5, 3)
    ]
    found = loss_of(VarianceCovarianceLoss(), views)
    assert found.tolist() == pytest.approx([loop_loss(views, 1.0, 0.04)])


def test_a_single_frame_varies_by_nothing(make_view):
    view = make_view((1,), (4,), 6, 0, 2, NAN, torch.float64)
    z = view.values.requires_grad_()
    found = loss_of(VarianceCovarianceLoss(), (view, view))
    assert found.tolist() == pytest.approx([0.99])
    found.sum().backward()
    assert (z.grad == 0).all()


def test_equal_frames_have_finite_gradients(make_view):
    view = make_view((4, 3), (6, 6), 3)
    z = torch.ones_like(view.values).requires_grad_()
    loss = loss_of(VarianceCovarianceLoss(), [view._replace(values=z)] * 2)
    loss.sum().backward()
    assert loss.tolist() == pytest.approx([0.99] * 2)
    assert z.grad.isfinite().all()


def test_gradient(views):
    def of_embeddings(z1, z2):
        return VarianceCovarianceLoss(1.0, 1.0, 0.7)(
            *(
                v._replace(values=z)
                for v, z in zip(views, (z1, z2), strict=True)
            )
        )

    inputs = [view.values.requires_grad_() for view in views]
    of_embeddings(*inputs).sum().backward()
    for z, view in zip(inputs, views, strict=True):
        assert (z.grad[~view.mask] == 0).all()
        assert (z.grad[view.mask] != 0).any()
    inputs = [z.detach().nan_to_num(0.3).requires_grad_() for z in inputs]
    assert torch.autograd.gradcheck(of_embeddings, inputs)


def test_white_frames_cost_nothing():
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    white = torch.linalg.qr(frames - frames.mean(0)).Q * 39**0.5
    shortfall, shared = variance_covariance(white)
    assert shortfall.item() == 0
    assert shared.item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize(
    'name', ['weight', 'variance_weight', 'covariance_weight']
)
@pytest.mark.parametrize('value', [-0.1, NAN])
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'^{name} .*{value}'):
        VarianceCovarianceLoss(**{name: value})
