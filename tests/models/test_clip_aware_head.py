import math

import pytest
import torch

from masa.models import ClipAwareHead
from masa.models.losses.clip_contrast import clip_contrast
from masa.models.losses.sequence_contrastive import sequence_contrast

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


def contrast(view1, view2, *options):
    return clip_contrast(
        view1.values, view2.values, view1.mask, view2.mask, *options
    )


@pytest.mark.parametrize('temperature', [0.1, 0.8])
def test_contrast_equals_loops(views, temperature):
    found = contrast(*views, temperature)
    assert found.tolist() == pytest.approx(
        loop_losses(*views, temperature), abs=1e-9
    )


def test_batch_of_one_has_nothing_to_tell_apart(make_view):
    view1, view2 = (make_view((n,), (9,), 6, n, 2, NAN) for n in (5, 3))
    assert contrast(view1, view2).tolist() == [0.0]


def test_contrast_has_the_right_gradients(views):
    view1, view2 = views

    def loss(z1, z2):
        return clip_contrast(z1, z2, view1.mask, view2.mask, 0.5)

    inputs = [
        view.values.nan_to_num(0.3).detach().requires_grad_() for view in views
    ]
    assert torch.autograd.gradcheck(loss, inputs)
    loss(*inputs).sum().backward()
    for one, view in zip(inputs, views, strict=True):
        assert (one.grad[~view.mask] == 0).all()
        assert one.grad.isfinite().all()


def test_half_precision_gives_a_full_loss(views):
    half = [view.values.bfloat16() for view in views]
    masks = [view.mask for view in views]
    with torch.autocast('cpu', torch.bfloat16):
        found = clip_contrast(*half, *masks)
    expected = clip_contrast(*(z.double() for z in half), *masks)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


def test_head_adds_the_two_up(views):
    view1, view2 = views
    head = ClipAwareHead(
        temperature=0.3, variance=4.0, clip_weight=0.7, clip_temperature=0.2
    )
    result = head.loss(view1.values, view2.values, view1, view2)
    moments = sequence_contrast(
        view1.values,
        view2.values,
        view1.frame_index,
        view2.frame_index,
        view1.mask,
        view2.mask,
        0.3,
        4.0,
    )
    clips = contrast(view1, view2, 0.2)
    torch.testing.assert_close(result['loss'], (moments + 0.7 * clips).mean())
    torch.testing.assert_close(result['moment_kl'], moments.mean())
    torch.testing.assert_close(result['clip_entropy'], clips.mean())
    assert [key for key in result if 'loss' in key] == ['loss']


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('clip_weight', -0.1, '0 or more'),
        ('clip_weight', NAN, '0 or more'),
        ('clip_temperature', 0.0, 'above 0'),
        ('variance', 0.0, 'above 0'),
    ],
)
def test_arguments_are_checked(name, value, expected):
    with pytest.raises(ValueError, match=f'{name} is expected.*{expected}'):
        ClipAwareHead(**{name: value})
