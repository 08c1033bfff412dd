import live as benchmark
import numpy as np
import pytest

from masa.embeddings import EmbeddedSequence


@pytest.fixture
def stream():
    """Performed as the reference is, 2 seconds, where x is the second."""
    times = np.arange(0, 2.01, 0.02)
    joints = np.repeat(times[:, None, None], 2, 2)
    reference = EmbeddedSequence('a', joints[:, 0], times)
    motion = benchmark.Motion(joints, None, times)
    other = benchmark.Motion(np.full((50, 1, 2), -5.0), None, times[:50])
    rng = np.random.default_rng(0)
    return benchmark.make_stream(reference, motion, times, other, rng)


def test_stream(stream):
    x, truth = stream.motion.joints[:, 0, 0], stream.truth
    judged = ~np.isnan(truth)
    np.testing.assert_allclose(x[judged], truth[judged], atol=1e-5)
    np.testing.assert_array_equal(x[stream.is_other], -5)
    assert not (judged & stream.is_other).any()
    # Six breaks of 0.3 seconds are neither.
    assert (~judged & ~stream.is_other).sum() == 6 * 9
    passed = np.diff(truth)
    assert (passed == 0).sum() >= 28
    # Steps into a pause are shorter.
    speeds = np.quantile(passed[passed > 0] * benchmark.RATE, [0.05, 0.95])
    assert 0.59 < speeds[0] < speeds[1] < 1.61
    assert np.nanmin(truth) == 0
    np.testing.assert_allclose(np.diff(stream.motion.times), 1 / 30)


def test_judgement(stream):
    unlike = stream.is_other.astype(float)
    right = benchmark.Followed(stream.truth, unlike, 1 - unlike)
    found = benchmark.judge(stream, right)
    assert found['error [s]'] == found['wrong jumps / min'] == 0
    assert found['within 5%'] == found['AUC'] == found['sure'] == 1
    late = right._replace(seconds=(stream.truth + 0.15) % 2)
    found = benchmark.judge(stream, late)
    assert found['error [s]'] == pytest.approx(0.15)
    assert (found['within 5%'], found['within 10%']) == (0, 1)
    # Every second frame is elsewhere.
    wrong = stream.truth.copy()
    wrong[::2] = (wrong[::2] + 1) % 2
    found = benchmark.judge(stream, right._replace(seconds=wrong))
    assert found['wrong jumps / min'] == pytest.approx(1800, rel=0.05)
    assert found['within 10%, if sure'] == pytest.approx(0.5, abs=0.02)
    found = benchmark.judge(stream, benchmark.Followed(wrong, -unlike))
    assert found['AUC'] == 0
    assert 'sure' not in found


def test_auc():
    assert benchmark.auc(np.array([2, 3]), np.array([1, 2])) == 0.875
