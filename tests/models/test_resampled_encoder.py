import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

from masa.datasets.parts import places_among
from masa.models.backbones.resampled_encoder import interpolate, resample

LENGTHS = (1, 2, 7, 30)
FRAMES = 6


def build(frames=FRAMES, unit_norm=False, **encoder):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='ResampledEncoder',
            frames=frames,
            unit_norm=unit_norm,
            encoder=dict(
                type='ContextAwareEncoder',
                in_channels=4,
                embed_dims=8,
                num_heads=2,
                layers=('self', 'self'),
                **encoder,
            ),
        )
    )


def batch(value=float('nan')):
    rng = np.random.default_rng(0)
    values = torch.full((len(LENGTHS), max(LENGTHS), 4), value)
    mask = torch.zeros(values.shape[:2], dtype=torch.bool)
    for i, length in enumerate(LENGTHS):
        values[i, :length] = torch.from_numpy(
            rng.normal(size=(length, 4))
        ).float()
        mask[i, :length] = True
    return values, mask


def test_resampling_equals_its_definition():
    values, mask = batch()
    found = resample(values.double(), mask, FRAMES)
    for i, length in enumerate(LENGTHS):
        spacing = max(length / FRAMES, 1)
        for k in range(FRAMES):
            place = (k + 0.5) * length / FRAMES - 0.5
            weights = [
                max(1 - abs(t - place) / spacing, 0) for t in range(length)
            ]
            expected = sum(
                w / sum(weights) * values[i, t].double()
                for t, w in enumerate(weights)
            )
            torch.testing.assert_close(found[i, k], expected)


def test_interpolation_equals_that_of_numpy():
    _, mask = batch()
    frames = torch.randn(len(LENGTHS), FRAMES, 3, dtype=torch.float64)
    found = interpolate(frames, mask)
    for i, length in enumerate(LENGTHS):
        places = (np.arange(length) + 0.5) * FRAMES / length - 0.5
        for channel in range(3):
            expected = np.interp(places, range(FRAMES), frames[i, :, channel])
            np.testing.assert_allclose(found[i, :length, channel], expected)
        assert (found[i, length:] == 0).all()


def test_as_many_frames_stay_as_they_are():
    values = torch.randn(2, FRAMES, 4)
    mask = torch.ones(2, FRAMES, dtype=torch.bool)
    frames = resample(values, mask, FRAMES)
    torch.testing.assert_close(frames, values)
    torch.testing.assert_close(interpolate(frames, mask), values)


def test_unit_norm():
    values, mask = batch()
    plain, unit = build().eval(), build(unit_norm=True).eval()
    expected = plain.encode(values, mask)
    expected = expected / expected.norm(dim=-1, keepdim=True)
    found = unit.encode(values, mask)
    torch.testing.assert_close(found[mask], expected[mask])
    assert (found[~mask] == 0).all()
    torch.testing.assert_close(unit(values, mask, values, mask)[1], found)
    position = torch.arange(30.0)
    alone = unit.embed_frames(values[3:], position)
    torch.testing.assert_close(alone, found[3:])
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in unit.parameters())


def test_alone_and_in_a_batch_without_reading_the_padding():
    encoder = build().eval()
    values, mask = batch()
    together = encoder.encode(values, mask)
    for i, length in enumerate(LENGTHS):
        alone = encoder.encode(
            values[i : i + 1, :length], mask[i : i + 1, :length]
        )
        torch.testing.assert_close(alone[0], together[i, :length])
    assert (together[~mask] == 0).all()
    first, second = encoder(values, mask, values, mask)
    torch.testing.assert_close(first, together)
    torch.testing.assert_close(second, together)


def test_the_frame_rate_does_not_matter():
    encoder = build(frames=16).eval()
    time = torch.linspace(0, 1, 400)[:, None] * torch.tensor([1.0, 2, 3, 5])
    fast = (6 * time).sin()[None]
    slow = fast[:, ::5]
    mask = torch.ones(1, 400, dtype=torch.bool)
    found = encoder.encode(fast, mask)[:, ::5]
    expected = encoder.encode(slow, mask[:, ::5])
    difference = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert difference.median() < 0.1
    # An encoder of the frames themselves tells them apart.
    bare = encoder.encoder
    change = bare.encode(fast, mask)[:, ::5] - bare.encode(slow, mask[:, ::5])
    change = change.norm(dim=-1) / expected.norm(dim=-1)
    assert change.median() > 3 * difference.median()


class TestFewerMoments:
    @pytest.mark.parametrize('moments', [1, 3, 5, 8])
    def test_they_are_where_resampling_puts_them(self, moments):
        grid = torch.arange(16.0)[None, :, None]
        full = torch.ones(1, 16, dtype=torch.bool)
        found = resample(grid, full, moments)[0, :, 0]
        places = torch.from_numpy(places_among(16, moments))
        # At the ends the mean is over one side more than the other, and
        # between the frames of the grid over those of unequal distances.
        torch.testing.assert_close(
            found[1:-1], places[1:-1], atol=0.05, rtol=0
        )
        torch.testing.assert_close(places.mean(), torch.tensor(7.5))

    def test_as_many_change_nothing(self):
        encoder = build(position='rotary').eval()
        values, mask = batch()
        places = torch.from_numpy(places_among(FRAMES, FRAMES))
        torch.testing.assert_close(
            encoder.encode(values, mask, places=places),
            encoder.encode(values, mask),
        )


def test_gradients_reach_every_frame():
    encoder = build()
    values, mask = batch()
    values.requires_grad_()
    encoder.encode(values, mask).square().sum().backward()
    assert (values.grad[mask] != 0).any(-1).all()
    assert (values.grad[~mask] == 0).all()


def test_widths_are_checked():
    with pytest.raises(ValueError, match='in_channels'):
        build().check_width(5)
    with pytest.raises(ValueError, match='frames'):
        build(frames=0)
