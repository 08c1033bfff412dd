import math

import pytest
import torch

from masa.models.losses.clip_contrast import clip_contrast

NAN = float('nan')


def directions(view):
    return [
        [frame / frame.norm() for frame in row[:length]]
        for row, length in zip(view.values, view.lengths.tolist(), strict=True)
    ]


def loop_losses(view1, view2, temperature):
    """By the definition, frame by frame."""
    losses = [0.0] * len(view1.mask)
    for own, other in ((view1, view2), (view2, view1)):
        clips = [sum(frames) for frames in directions(other)]
        clips = [clip / clip.norm() for clip in clips]
        for number, frames in enumerate(directions(own)):
            for frame in frames:
                weights = [
                    math.exp(float(frame @ clip) / temperature)
                    for clip in clips
                ]
                entropy = -math.log(weights[number] / sum(weights))
                losses[number] += entropy / len(frames) / 2
    return losses


@pytest.mark.parametrize('temperature', [0.1, 0.8])
def test_contrast_equals_loops(views, temperature):
    found = clip_contrast(*views, temperature)
    assert found.tolist() == pytest.approx(
        loop_losses(*views, temperature), abs=1e-9
    )


def test_batch_of_one_has_nothing_to_tell_apart(make_view):
    view1, view2 = (make_view((n,), (9,), 6, n, 2, NAN) for n in (5, 3))
    assert clip_contrast(view1, view2).tolist() == [0.0]


def test_contrast_has_the_right_gradients(views):
    view1, view2 = views

    def loss(z1, z2):
        return clip_contrast(
            view1._replace(values=z1), view2._replace(values=z2), 0.5
        )

    inputs = [
        view.values.nan_to_num(0.3).detach().requires_grad_() for view in views
    ]
    assert torch.autograd.gradcheck(loss, inputs)
    loss(*inputs).sum().backward()
    for one, view in zip(inputs, views, strict=True):
        assert (one.grad[~view.mask] == 0).all()
        assert one.grad.isfinite().all()
