import numpy as np
import pytest

from masa.alignment.trimming import pauses_at_ends


def movement(before, after, frames=40):
    """There and back, after a pause and before one; (T, 2)."""
    way = np.sin(np.linspace(0, np.pi, frames)) ** 2
    way = np.concatenate([np.zeros(before), way, np.zeros(after)])
    return np.stack([way, 2 * way], 1)


@pytest.mark.parametrize('noise', [0, 0.03])
def test_pauses_are_measured_at_both_ends(noise):
    rng = np.random.default_rng(0)
    part = movement(30, 50)
    part += rng.normal(0, noise, part.shape)
    start, end = pauses_at_ends(movement(0, 0), part, 40)
    assert abs(start - 30) <= 3
    assert abs(end - 50) <= 3


def test_pauses_of_the_reference_stay():
    assert pauses_at_ends(movement(20, 5), movement(20, 5), 65) == (0, 0)
    start, end = pauses_at_ends(movement(20, 5), movement(50, 3), 65)
    assert (start, end) == (30, 0)


def test_the_reference_has_another_rate():
    """Twice the frames a second: its pause of 20 frames lasts 10."""
    reference = movement(20, 0, 80)
    start, end = pauses_at_ends(reference, movement(30, 0), 50)
    assert abs(start - 20) <= 1
    assert end <= 1


@pytest.mark.parametrize('frames', [1, 2, 30])
def test_nothing_is_left_out_of_what_stands_still(frames):
    still = np.zeros((frames, 2))
    assert pauses_at_ends(movement(5, 5), still, 50) == (0, 0)
    assert pauses_at_ends(still, movement(5, 5), 50) == (0, 0)
    assert pauses_at_ends(still, still, frames) == (0, 0)
