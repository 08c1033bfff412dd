import math

import pytest
import torch

from masa.models.losses.contrastive_idm import WEIGHTINGS, contrastive_idm

LENGTHS, TOTALS = (9, 1, 6, 2), (40, 30, 25, 60)


def inputs(make_view, padding=math.nan, extra=2):
    """Distances in [0, 4], indices, lengths and mask."""
    view = make_view(LENGTHS, TOTALS, 3, 0, extra, padding, torch.float64)
    z = torch.nn.functional.normalize(view.values, dim=-1)
    distance = (z.unsqueeze(1) - z.unsqueeze(2)).square().sum(-1)
    return distance, view.frame_index, view.num_frames, view.mask


def loop_moment(distance, index, total, sigma, margin, weighting):
    terms = []
    for i, frame_i in enumerate(index):
        for j, frame_j in enumerate(index):
            apart = abs(frame_i - frame_j)
            d = distance[i][j]
            if apart > sigma:
                unit = 1 if weighting == 'paper' else total
                hinge = margin - d if margin > d else 0 * d
                terms.append(((apart / unit) ** 2 + 1) * hinge)
            elif weighting == 'paper':
                terms.append(d / (apart**2 + 1))
            else:
                terms.append(d)
    return sum(terms) / len(terms)


@pytest.mark.parametrize('weighting', WEIGHTINGS)
@pytest.mark.parametrize(('sigma', 'margin'), [(10, 2.0), (3, 1.0), (0, 5.0)])
def test_value_and_gradient_equal_loops(make_view, weighting, sigma, margin):
    distance, index, totals, mask = inputs(make_view)
    distance.requires_grad_()
    settings = (sigma, margin, weighting)
    result = contrastive_idm(distance, index, totals, mask, *settings)
    expected = torch.stack(
        [
            loop_moment(
                distance[row], index[row, :length].tolist(), total, *settings
            )
            for row, (length, total) in enumerate(
                zip(LENGTHS, TOTALS, strict=True)
            )
        ]
    )
    torch.testing.assert_close(result, expected)
    (gradient,) = torch.autograd.grad(result.sum(), distance)
    (wanted,) = torch.autograd.grad(expected.sum(), distance)
    torch.testing.assert_close(gradient, wanted)
    exists = mask[:, :, None] & mask[:, None]
    assert (gradient[~exists] == 0).all()


def test_gradient(make_view):
    distance, *rest = inputs(make_view, 0.0)
    # Away from the kinks of the hinge, at the margin.
    assert ((distance - 2).abs() > 1e-4).all()
    assert torch.autograd.gradcheck(
        lambda d: contrastive_idm(d, *rest), distance.requires_grad_()
    )


@pytest.mark.parametrize('weighting', WEIGHTINGS)
def test_padding_changes_nothing(make_view, weighting):
    results = [
        contrastive_idm(*inputs(make_view, padding, extra), 5, 2, weighting)
        for padding, extra in ((0.0, 0), (math.nan, 8))
    ]
    assert results[0].isfinite().all()
    torch.testing.assert_close(*results)


def test_collapse_costs_the_far_frames_and_spread_the_near_ones(make_view):
    distance, index, totals, mask = inputs(make_view, 0.0)
    collapsed = torch.zeros_like(distance)
    spread = torch.full_like(distance, 2)
    # Everything near: collapse is free.
    assert (contrastive_idm(collapsed, index, totals, mask, 100) == 0).all()
    # Everything but a frame itself far: spread costs that, 1 in length.
    result = contrastive_idm(spread, index, totals, mask, 0.5)
    torch.testing.assert_close(result, 2 / mask.sum(1).double())
    assert (contrastive_idm(collapsed, index, totals, mask, 0.5)[:1] > 1).all()


def test_a_single_frame_costs_nothing(make_view):
    distance, index, totals, mask = inputs(make_view, 0.0)
    assert contrastive_idm(distance, index, totals, mask)[1] == 0
