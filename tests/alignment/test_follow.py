import math

import numpy as np
import pytest

from masa.alignment import Follower
from masa.alignment.follow import PAUSES, SPREAD, Rates

ELSEWHERE, SHARPNESS = 0.3, 0.005


class PlainFollower:
    """The same recursion, state by state."""

    def __init__(self, times, speeds, rates):
        self.times, self.speeds, self.rates = times, speeds, rates
        weights = [
            math.exp(-(math.log(v) ** 2) / (2 * SPREAD**2)) if v else 0.0
            for v in speeds
        ]
        moving = 1.0 - PAUSES if 0 in speeds else 1.0
        self.shares = [
            weight / sum(weights) * moving if v else PAUSES
            for v, weight in zip(speeds, weights, strict=True)
        ]
        count = len(times)
        self.inside = {
            (s, i): share * (0.25 / count + 0.25 * (i == 0))
            for s, share in enumerate(self.shares)
            for i in range(count)
        }
        self.elsewhere = 0.5

    def advance(self, seconds):
        change, jump, restart, lap, leave, enter = (
            1 - math.exp(-rate * seconds) for rate in self.rates
        )
        states, last = list(self.inside), len(self.times) - 1
        moved = dict.fromkeys(states, 0.0)
        for (s, i), weight in self.inside.items():
            place = min(
                self.times[i] + self.speeds[s] * seconds, self.times[last]
            )
            j = max(k for k in range(last + 1) if self.times[k] <= place)
            if j == last:
                moved[s, j] += weight
                continue
            share = (place - self.times[j]) / (
                self.times[j + 1] - self.times[j]
            )
            moved[s, j] += (1 - share) * weight
            moved[s, j + 1] += share * weight
        mixed = dict.fromkeys(states, 0.0)
        for (s, i), weight in moved.items():
            mixed[s, i] += (1 - change) * weight
            for other, share in enumerate(self.shares):
                mixed[other, i] += change * share * weight
        begun = 0.0
        for s in range(len(self.speeds)):
            begun += lap * mixed[s, last]
            mixed[s, last] *= 1 - lap
        # Who begins a lap does nothing else at that time.
        present = sum(mixed.values())
        total = max(jump + restart + leave, 1)
        jump, restart, leave = jump / total, restart / total, leave / total
        new = {}
        for s, i in states:
            share = self.shares[s]
            new[s, i] = mixed[s, i] * (1 - jump - restart - leave)
            anywhere = jump * present + enter * self.elsewhere / 2
            new[s, i] += share * anywhere / len(self.times)
            if i == 0:
                new[s, i] += share * (
                    begun + restart * present + enter * self.elsewhere / 2
                )
        self.elsewhere = leave * present + (1 - enter) * self.elsewhere
        self.inside = new

    def observe(self, costs, seconds):
        for s, i in self.inside:
            self.inside[s, i] *= math.exp(-costs[s][i] * seconds / SHARPNESS)
        self.elsewhere *= math.exp(-ELSEWHERE * seconds / SHARPNESS)
        total = sum(self.inside.values()) + self.elsewhere
        self.elsewhere /= total
        self.inside = {k: v / total for k, v in self.inside.items()}


@pytest.mark.parametrize('count', [1, 2, 9])
def test_against_a_plain_loop(count):
    rng = np.random.default_rng(count)
    times = np.cumsum(rng.uniform(0.05, 0.3, count)) + 3
    speeds = (0.0, 0.5, 1.0, 2.0)
    rates = Rates(lap=2.0)
    follower = Follower(times, ELSEWHERE, SHARPNESS, speeds, rates)
    plain = PlainFollower(times, speeds, rates)
    for _ in range(20):
        seconds = rng.uniform(0.01, 0.4)
        costs = rng.uniform(0, 0.5, (len(speeds), count))
        follower.advance(seconds)
        plain.advance(seconds)
        follower.observe(costs, 0.05)
        plain.observe(costs, 0.05)
        expected = np.array(list(plain.inside.values())).reshape(-1, count)
        np.testing.assert_allclose(follower._inside, expected, rtol=1e-9)
        np.testing.assert_allclose(
            follower.position().elsewhere, plain.elsewhere, rtol=1e-9
        )


def test_temperature_and_idle_moments():
    """Against a plain loop over the moments."""
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.05, 0.3, 9))
    idle = np.arange(9) < 3
    follower = Follower(
        times, ELSEWHERE, SHARPNESS, idle=idle, temperature=3.0
    )
    plain = Follower(times, ELSEWHERE, SHARPNESS)
    for one in (follower, plain):
        one.observe(0.002 * np.abs(np.arange(9) - 4), 1.0)
    position = follower.position()
    assert position.time == plain.position().time
    shares = plain._inside.sum(0) ** (1 / 3)
    present = (1 - plain.position().elsewhere) ** (1 / 3)
    elsewhere = plain.position().elsewhere ** (1 / 3)
    assert position.elsewhere == pytest.approx(
        elsewhere / (present + elsewhere)
    )
    waiting = confidence = 0.0
    for i, share in enumerate(shares):
        share *= present / (present + elsewhere) / shares.sum()
        if idle[i]:
            waiting += share
        elif abs(times[i] - position.time) <= 0.1 * (times[-1] - times[0]):
            confidence += share
    assert position.waiting == pytest.approx(waiting)
    assert position.confidence == pytest.approx(confidence)
    assert 0 < confidence < 1 - position.waiting - position.elsewhere


def test_probabilities_add_up_to_one_after_any_time():
    follower = Follower(np.arange(5.0), ELSEWHERE, SHARPNESS)
    for seconds in (0.0, 1e-6, 0.1, 3.0, 1e6):
        follower.advance(seconds)
        total = follower._inside.sum() + follower.position().elsewhere
        assert total == pytest.approx(1, abs=1e-12)
        assert (follower._inside >= 0).all()


def costs_at(times, place):
    """Of a performer at a place, or of something else."""
    if place is None:
        return np.ones(len(times))
    return np.minimum((times - place) ** 2, 1)


def track(places, interval=0.1):
    times = np.arange(0, 4.01, 0.1)
    follower = Follower(times, ELSEWHERE, SHARPNESS)
    found = []
    for place in places:
        follower.advance(interval)
        follower.observe(costs_at(times, place), interval)
        found.append(follower.position())
    return found


@pytest.mark.parametrize('interval', [0.02, 0.1, 0.3])
@pytest.mark.parametrize('speed', [0.4, 1.0, 2.0])
def test_tempos_and_frame_rates(interval, speed):
    places = np.arange(0, 4, interval * speed)
    found = track(places, interval)
    error = [
        abs(p.time - place) for p, place in zip(found, places, strict=True)
    ]
    assert np.mean(error[len(error) // 4 :]) < 0.11
    assert found[-2].confidence > 0.8


def test_pause():
    places = [*np.arange(0, 2, 0.1), *[2.0] * 100, *np.arange(2, 4, 0.1)]
    found = track(places)
    assert abs(found[110].time - 2) < 0.05
    assert found[110].confidence > 0.9
    assert abs(found[-5].time - places[-5]) < 0.1


@pytest.mark.parametrize('target', [0.0, 0.5, 3.0])
def test_restart_step_back_and_skip(target):
    places = [*np.arange(0, 2, 0.1), *np.arange(target, target + 1, 0.1)]
    found = track(places)
    for position, place in zip(found[-5:], places[-5:], strict=True):
        assert abs(position.time - place) < 0.1
        assert position.confidence > 0.8


def test_something_else_and_back():
    places = [*np.arange(0, 2, 0.1), *[None] * 10, *np.arange(0, 1, 0.1)]
    found = track(places)
    assert found[19].elsewhere < 0.01
    assert found[25].elsewhere > 0.95
    assert found[25].confidence < 0.05
    assert abs(found[-1].time - places[-1]) < 0.1
    assert found[-1].confidence > 0.8


def test_confidence_is_low_where_two_moments_look_alike():
    times = np.arange(0, 4.01, 0.1)
    follower = Follower(times, ELSEWHERE, SHARPNESS)
    for _ in range(10):
        follower.advance(0.1)
        costs = np.minimum(costs_at(times, 1), costs_at(times, 3))
        follower.observe(costs, 0.1)
    assert follower.position().elsewhere < 0.01
    assert follower.position().confidence < 0.7


def test_how_often_something_is_seen_does_not_count():
    times = np.arange(0, 1.01, 0.1)
    once, often = (Follower(times, ELSEWHERE, SHARPNESS) for _ in range(2))
    costs = costs_at(times, 0.5)
    once.observe(costs, 0.1)
    for _ in range(10):
        often.observe(costs, 0.01)
    np.testing.assert_allclose(once.position(), often.position(), rtol=1e-6)


def test_nothing_known_is_no_evidence():
    times = np.arange(0, 1.01, 0.1)
    follower = Follower(times, ELSEWHERE, SHARPNESS)
    before = follower.position()
    follower.observe(np.full(len(times), np.nan), 1.0)
    np.testing.assert_allclose(follower.position(), before)


def test_overwhelming_evidence_leaves_a_way_back():
    times = np.arange(0, 1.01, 0.1)
    follower = Follower(times, ELSEWHERE, SHARPNESS)
    for _ in range(3):
        follower.observe(np.full(len(times), 1e9), 1e3)
        position = follower.position()
        assert np.isfinite(position).all()
        assert position.confidence == pytest.approx(0)
    for _ in range(10):
        follower.advance(0.1)
        follower.observe(costs_at(times, 0.5), 0.1)
    assert follower.position().elsewhere < 0.01
    assert abs(follower.position().time - 0.5) < 0.1


def test_a_look_ahead_changes_nothing():
    follower = Follower(np.arange(0, 4.01, 0.1), ELSEWHERE, SHARPNESS)
    follower.observe(costs_at(follower.times, 1), 0.5)
    before = follower.position()
    assert follower.position(0.5).time > before.time
    assert follower.position() == before


def test_a_single_moment():
    follower = Follower([2.0], ELSEWHERE, SHARPNESS)
    follower.advance(1.0)
    follower.observe([0.0], 0.1)
    position = follower.position()
    assert position.time == 2
    assert position.confidence > 0.99


def test_reset():
    follower = Follower(np.arange(5.0), ELSEWHERE, SHARPNESS)
    before = follower.position()
    follower.observe(costs_at(follower.times, 3), 1.0)
    assert follower.position() != before
    follower.reset()
    assert follower.position() == before


@pytest.mark.parametrize(
    'arguments',
    [
        ([], 0.3, 0.005),
        ([1, 1], 0.3, 0.005),
        ([0, np.nan], 0.3, 0.005),
        ([[0, 1]], 0.3, 0.005),
        ([0, 1], 0, 0.005),
        ([0, 1], 0.3, -1),
        ([0, 1], 0.3, 0.005, (-1.0,)),
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match='expected'):
        Follower(*arguments)


def test_wrong_idle_moments_and_temperature():
    with pytest.raises(ValueError, match='idle'):
        Follower([0, 1], 0.3, 0.005, idle=[True])
    with pytest.raises(ValueError, match='temperature'):
        Follower([0, 1], 0.3, 0.005, temperature=0)


def test_wrong_observations():
    follower = Follower([0, 1], 0.3, 0.005)
    with pytest.raises(ValueError, match='shape'):
        follower.observe([0, 0, 0], 0.1)
    with pytest.raises(ValueError, match='seconds'):
        follower.observe([0, 0], -0.1)
    with pytest.raises(ValueError, match='seconds'):
        follower.advance(-1)
