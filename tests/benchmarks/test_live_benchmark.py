import live
import live_streams
import numpy as np
import pytest

from masa.embeddings import EmbeddedSequence


@pytest.fixture
def stream():
    """Performed as the reference is, 2 seconds, where x is the second."""
    times = np.arange(0, 2.01, 0.02)
    joints = np.repeat(times[:, None, None], 2, 2)
    reference = EmbeddedSequence('a', joints[:, 0], times)
    motion = live_streams.Motion(joints, None, times)
    other = live_streams.Motion(np.full((50, 1, 2), -5.0), None, times[:50])
    rng = np.random.default_rng(0)
    return live_streams.make_stream(reference, motion, times, other, rng)


def test_stream(stream):
    x, truth = stream.motion.joints[:, 0, 0], stream.truth
    judged = ~np.isnan(truth)
    np.testing.assert_allclose(x[judged], truth[judged], atol=1e-5)
    np.testing.assert_array_equal(x[stream.is_other], -5)
    assert not (judged & stream.is_other).any()
    # Two seconds of standing and six breaks of 0.3 seconds are neither.
    assert stream.is_waiting.sum() == 60
    np.testing.assert_array_equal(x[stream.is_waiting], 0)
    unjudged = ~judged & ~stream.is_other & ~stream.is_waiting
    assert unjudged.sum() == 6 * 9
    passed = np.diff(truth)
    assert (passed == 0).sum() >= 28
    # Steps into a pause are shorter.
    speeds = np.quantile(passed[passed > 0] * live_streams.RATE, [0.05, 0.95])
    assert 0.59 < speeds[0] < speeds[1] < 1.61
    assert np.nanmin(truth) == 0
    np.testing.assert_allclose(np.diff(stream.motion.times), 1 / 30)


def test_judgement(stream):
    unlike = stream.is_other.astype(float)
    is_idle = stream.truth < 0.2
    right = live.Followed(
        stream.truth,
        unlike,
        1 - unlike,
        stream.is_waiting.astype(float),
        is_idle,
    )
    found = live.judge(stream, right)
    assert found['error [s]'] == found['wrong jumps / min'] == 0
    assert found['within 5%'] == found['AUC'] == found['waiting'] == 1
    late = right._replace(seconds=(stream.truth + 0.15) % 2)
    found = live.judge(stream, late)
    assert found['error [s]'] == pytest.approx(0.15)
    assert (found['within 5%'], found['within 10%']) == (0, 1)
    # Every second frame is elsewhere.
    wrong = stream.truth.copy()
    wrong[::2] = (wrong[::2] + 1) % 2
    found = live.judge(stream, right._replace(seconds=wrong))
    assert found['wrong jumps / min'] == pytest.approx(1800, rel=0.05)
    found = live.judge(stream, live.Followed(wrong, -unlike))
    assert found['AUC'] == 0
    assert 'waiting' not in found


def test_confidence_of_right_frames(stream):
    """Idle moments, another movement and standing are not right."""
    judged = ~np.isnan(stream.truth)
    count = len(stream.truth)
    followed = live.Followed(
        np.where(judged, stream.truth, 0),
        np.zeros(count),
        np.full(count, 0.72),
        np.zeros(count),
        stream.truth < 0.2,
    )
    pairs = live.judge_confidence(stream, followed)
    number = (judged | stream.is_other | stream.is_waiting).sum()
    assert pairs.shape == (2, number)
    assert pairs[1].sum() == (stream.truth >= 0.2).sum()


def test_calibration():
    pairs = np.array([[0.0, 0.04, 0.72, 0.78, 1.0], [0, 1, 1, 1, 0]])
    first, second, third = live.calibration(pairs)
    assert first == pytest.approx(
        {'from': 0, 'frames': 0.4, 'confidence': 0.02, 'right': 0.5}
    )
    assert second == pytest.approx(
        {'from': 0.7, 'frames': 0.4, 'confidence': 0.75, 'right': 1}
    )
    assert third['from'] == 0.9


def test_auc():
    assert live.auc(np.array([2, 3]), np.array([1, 2])) == 0.875
