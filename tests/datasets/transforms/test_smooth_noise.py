import numpy as np
import pytest

from masa.datasets.transforms import smooth_noise


def test_every_frame_has_unit_variance():
    noise = smooth_noise(np.random.default_rng(0), 80, (20_000,), 80)

    # The standard error of a standard deviation is 1 / sqrt(2 n) = 0.005.
    assert np.abs(noise.std(1) - 1).max() < 0.03
    assert np.abs(noise.mean(1)).max() < 0.04


@pytest.mark.parametrize('frames', [1, 2, 7, 4078, 20_000])
@pytest.mark.parametrize('correlation', [0.3, 1.0, 25.5, 1e6])
def test_shape_for_any_length(frames, correlation):
    noise = smooth_noise(np.random.default_rng(0), frames, (3, 2), correlation)

    assert noise.shape == (frames, 3, 2)
    assert np.isfinite(noise).all()


def test_correlation_falls_to_a_half_and_then_to_nothing():
    draws = np.stack(
        [
            smooth_noise(np.random.default_rng(seed), 41, (400,), 10)
            for seed in range(40)
        ]
    )

    def correlation(lag):
        return np.mean(draws[:, 0] * draws[:, lag])

    assert correlation(1) > 0.96
    assert correlation(10) == pytest.approx(0.5, abs=0.05)
    assert correlation(20) == pytest.approx(0.05, abs=0.05)
    assert correlation(40) == pytest.approx(0, abs=0.03)


def test_it_is_smooth():
    noise = smooth_noise(np.random.default_rng(0), 1000, (50,), 100)

    # Second differences of a curve that bends within 100 frames.
    assert np.abs(np.diff(noise, n=2, axis=0)).max() < 100**-2 * 20


def test_series_are_independent_and_equal_keys_give_equal_draws():
    noise = smooth_noise(np.random.default_rng(5), 30, (2, 20_000), 30)
    again = smooth_noise(np.random.default_rng(5), 30, (2, 20_000), 30)

    assert np.array_equal(noise, again)
    assert abs(np.mean(noise[0, 0] * noise[0, 1])) < 0.03


def test_a_long_sequence_needs_no_square_matrix():
    import tracemalloc

    tracemalloc.start()
    smooth_noise(np.random.default_rng(0), 20_000, (3,), 20_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 10e6
