"""Following a running recording."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import masa
from masa.alignment.follow import SPEEDS
from masa.apis import LiveAligner
from masa.apis.live_costs import _interpolate, idle_moments
from masa.datasets.parts import SEARCH_MOMENTS
from masa.datasets.random_activities.body import BONES, place_joints, pose
from masa.datasets.skeletons import COCO_17, LAYOUTS
from masa.datasets.transforms import PackSequenceInputs
from masa.datasets.transforms.body_joints import find_body_joints
from masa.embeddings import EmbeddedSequence

RATE = 30


@pytest.fixture(scope='module')
def model():
    return masa.load(layout='PENN_ACTION', frame_rate=RATE, up_axis='y')


def motion(seconds):
    """Somebody who bends the knees, rises and lifts an arm: (T, 13, 3)."""
    seconds = np.asarray(seconds)[:, None]

    def once(begin, end):
        return np.sin(np.pi * ((seconds - begin) / (end - begin)).clip(0, 1))

    angles = once(0.1, 1.0) * pose(leg_raise=60, leg_knee=100)
    angles = angles + once(0.9, 1.9) * pose(left_arm_raise=150)
    return place_joints(angles, np.array(list(BONES.values())))


TIMES = np.arange(0, 2, 1 / RATE)


@pytest.fixture(scope='module')
def reference(model):
    (embedded,) = model.embed(motion(TIMES))
    return embedded


@pytest.fixture(scope='module')
def prepared(reference, model):
    return model.follow(reference)


@pytest.fixture
def live(prepared):
    prepared.reset()
    return prepared


def run(live, places, seconds, frames=None):
    frames = motion(places) if frames is None else frames
    return [
        live.push(frame, second)
        for frame, second in zip(frames, seconds, strict=True)
    ]


def errors(states, places):
    found = np.array([state.reference_time for state in states])
    return np.abs(found - places)


@pytest.mark.parametrize('tempo', [0.35, 1.0, 1.5, 3.0])
def test_tempos_at_irregular_rates(live, tempo):
    rng = np.random.default_rng(0)
    seconds = 100 + np.cumsum(rng.uniform(0.01, 0.08, 300))
    places = (seconds - seconds[0]) * tempo
    places = places[places < 1.95]
    states = run(live, places, seconds[: len(places)])
    error = errors(states, places)
    assert np.median(error) < 0.08
    assert error[places > 0.3].max() < 0.3
    for state, second in zip(states, seconds, strict=False):
        assert state.time == second
        nearest = np.abs(TIMES - state.reference_time).argmin()
        assert state.reference_frame == nearest
    assert states[-1].score > 0.9


def test_pause_skip_and_laps(live):
    pause = np.full(40, 0.5)
    places = np.concatenate(
        [
            TIMES[:15],
            pause,
            *[TIMES[15:], TIMES, TIMES],
            *[TIMES[:15], TIMES[30:]],
        ]
    )
    states = run(live, places, np.arange(len(places)) / RATE)
    assert errors(states, places)[50] < 0.15
    assert states[len(pause) + 10].laps == 0
    assert states[-1].laps == 4
    assert errors(states, places)[-15:].mean() < 0.15


def test_standing_before_and_after(live):
    """Nobody who stands follows, and who begins, does."""
    standing = np.zeros(60)
    places = [standing, TIMES, standing + TIMES[-1], TIMES]
    places = np.concatenate(places)
    states = run(live, places, np.arange(len(places)) / RATE)
    waiting = np.array([state.waiting for state in states])
    confidence = np.array([state.confidence for state in states])
    stands = np.r_[20:60, 140:180]
    moves = np.r_[75:110, 195:230]
    assert waiting[stands].min() > 0.7
    assert confidence[stands].max() < 0.1
    assert waiting[moves].max() < 0.3
    assert confidence[moves].min() > 0.5
    assert [states[i].laps for i in (59, 179, -1)] == [0, 1, 2]


def test_idle_moments():
    poses = np.array([0.0, 1.0, np.nan, 5.0, 0.5, 10.0, 1.0, 4.0])[:, None]
    found = idle_moments(poses).tolist()
    assert found == [True, True, *[False] * 4, True, True]
    for still in (np.full((3, 2), 3.0), np.full((3, 2), np.nan)):
        assert not idle_moments(still).any()


def test_another_movement_and_nobody(live):
    states = run(live, TIMES, TIMES)
    assert states[40].confidence > 0.6
    lying = motion(TIMES[30:31])[:, :, [1, 0, 2]].repeat(30, 0)
    lying[..., 1] += np.linspace(0, 0.1, 13)
    states = run(live, None, 2 + TIMES[:30], lying)
    assert states[-1].confidence < 0.1
    states = run(live, TIMES, 3 + TIMES)
    assert states[40].confidence > 0.6
    score = states[40].score
    for i, nobody in enumerate(
        [None, np.full((13, 3), np.nan), np.zeros((13, 3))] * 5
    ):
        state = live.push(nobody, 5 + i / RATE)
    assert state.confidence < 0.1
    assert state.score == pytest.approx(score, abs=0.02)
    states = run(live, TIMES, 7 + TIMES)
    assert states[40].confidence > 0.6


def test_missing_joints(live):
    frames = motion(TIMES)
    by_nan, by_score = frames.copy(), []
    for i in range(len(TIMES)):
        missing = [3, 4 + i % 3]
        by_nan[i, missing] = np.nan
    states = run(live, None, TIMES, by_nan)
    assert errors(states, TIMES)[10:].mean() < 0.15
    live.reset()
    for i, frame in enumerate(frames):
        score = np.ones(13)
        score[[3, 4 + i % 3]] = 0
        wrong = np.where(score[:, None] > 0, frame, 0)
        by_score.append(live.push(wrong, TIMES[i], score))
    np.testing.assert_allclose(
        np.array(states), np.array(by_score), rtol=1e-4, atol=1e-4
    )


def test_without_hips_nothing_is_known(live):
    states = run(live, TIMES, TIMES)
    frames = motion(TIMES)
    frames[:, [7, 8]] = np.nan
    states = run(live, None, 3 + TIMES, frames)
    assert all(np.isfinite(state[:6]).all() for state in states)
    assert states[-1].confidence < 0.9


def test_other_layouts_and_dimensions(reference, model):
    live = LiveAligner(reference, model, skeleton=COCO_17)
    body = motion(TIMES)
    sources = find_body_joints(LAYOUTS['COCO_17']['joints'])
    flat = np.zeros((len(TIMES), 17, 2))
    # From the front, 30 degrees from the side, as a camera sees it; y down.
    across = body[..., 0] * np.cos(np.pi / 6) + body[..., 2] * 0.5
    picture = np.stack([across, -body[..., 1]], -1)
    for i, joints in enumerate(sources.values()):
        flat[:, joints] = picture[:, [i]]
    states = run(live, None, TIMES, 100 + 50 * flat)
    assert errors(states, TIMES)[10:].mean() < 0.15
    with pytest.raises(ValueError, match='2D'):
        live.push(np.ones((17, 3)), 10)
    with pytest.raises(ValueError, match='17'):
        live.push(np.ones((13, 2)), 10)


def test_embeddings_of_any_model():
    times = np.arange(0, 4, 0.1)
    embeddings = 7 * np.stack([times, np.cos(times)], 1)
    live = LiveAligner(embeddings, timestamps=times + 5)
    states = run(live, None, times, embeddings)
    assert errors(states, times + 5)[3:].mean() < 0.1
    assert states[-1].score == pytest.approx(1, abs=0.02)
    # In any order, or of an unlike movement.
    live.reset()
    states = run(live, None, times, embeddings + 100)
    assert states[-1].confidence < 0.05
    assert np.isnan(states[-1].score) or states[-1].score < 0.1
    for i in range(10):
        state = live.push(np.full(2, np.nan), 10 + i / 10)
    assert state.confidence < 0.05
    assert state.elsewhere > 0.9


def test_constant_memory_at_any_rate():
    times = np.arange(0, 1, 0.1)
    live = LiveAligner(times[:, None], timestamps=times)
    for i in range(100):
        live.push(times[i % 10 : i % 10 + 1], i / 30)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for i in range(100, 2000):
        live.push(times[i % 10 : i % 10 + 1], i / 30)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 5000


def test_few_frames_are_kept(live):
    (frame,) = motion([0.5])
    for i in range(2000):
        live.push(frame, i / 1000)
    fast = len(live._source._frames)
    for i in range(5):
        live.push(frame, 10 + i)
    assert fast < 200
    assert len(live._source._frames) <= 2


def test_costs_are_those_of_the_whole_pipeline(live, reference, model):
    """Each window resampled by plain interpolation, and embedded alone."""
    places = TIMES[15:40] * 1.3
    for place, time in zip(places, TIMES, strict=False):
        live.push(motion([place])[0], time)
    before = np.linspace(-0.6, 0, 16)

    def newest(joints, times, at):
        flat = joints.reshape(len(joints), -1)
        window = [np.interp(at, times, column) for column in flat.T]
        window = np.stack(window, 1).reshape(len(at), 13, 3)
        (embedded,) = model.embed(window.astype(np.float32))
        embed = model.part_embedder(embedded, SEARCH_MOMENTS)
        return embed([(0, 16)])[0][-1].astype(np.float64)

    now = TIMES[len(places) - 1]
    own = newest(motion(places), TIMES[: len(places)], now + before)
    moments = live._source.times
    found = live._source.costs(now)
    assert found.shape == (len(SPEEDS), len(moments))
    for i, speed in enumerate(SPEEDS):
        for m in range(0, len(moments), 5):
            views = [speed * before]
            if speed == 0:
                views.append(np.minimum(before + 0.3, 0))
            if speed == 1:
                views.append(np.maximum(before, -0.3))
            others = [
                newest(reference.keypoint, TIMES, moments[m] + view)
                for view in views
            ]
            expected = min(((own - other) ** 2).sum() for other in others)
            assert found[i, m] == pytest.approx(expected, abs=1e-4)


def test_one_thread_embeds_a_window(live):
    options = live._source.model.session.get_session_options()
    assert options.intra_op_num_threads == 1


def test_interpolation():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 1, 8))
    # The last column says whether a joint is known.
    frames = rng.normal(size=(8, 3, 3)).astype(np.float32)
    frames[..., 2] = 1
    at = np.linspace(times[0] - 1, times[-1] + 1, 50)
    found = _interpolate(frames, times, at)
    for joint in range(3):
        for axis in range(2):
            expected = np.interp(at, times, frames[:, joint, axis])
            np.testing.assert_allclose(
                found[:, joint, axis], expected, atol=1e-6
            )
    # Around a frame in which it is missing, it is so for half of the way.
    frames[3, 0] = np.nan, np.nan, 0
    found = _interpolate(frames, times, at)
    middles = (times[[2, 3]] + times[[3, 4]]) / 2
    missing = (middles[0] <= at) & (at < middles[1])
    assert missing.any()
    np.testing.assert_array_equal(found[:, 0, 2] == 0, missing)
    np.testing.assert_array_equal(np.isnan(found[:, 0, 0]), missing)
    assert not np.isnan(found[:, 1:]).any()
    (single,) = _interpolate(frames[:1], times[:1], times[2:3])
    np.testing.assert_array_equal(single, frames[0])


class PlainModel:
    """Embeds joints as they are, and does not know of missing ones."""

    transforms = [PackSequenceInputs(['keypoint'])]

    def prepare(self, record):
        return self.transforms[-1].frame_values(record)

    def embed(self, prepared, moments):
        return prepared


def test_a_model_of_other_embeddings(reference):
    inferencer = SimpleNamespace(model=PlainModel())
    live = LiveAligner(reference, inferencer)
    # Joints in metres, not of the norm 1: unlike is what the reference says.
    whole = motion(TIMES).reshape(len(TIMES), -1)
    usual = 2 * whole.var(axis=0).sum()
    assert live.usual_distance == pytest.approx(usual, rel=0.1)
    states = run(live, TIMES, TIMES)
    assert np.median(errors(states, TIMES)) < 0.1
    (frame,) = motion([1.0])
    frame[3] = np.nan
    with pytest.raises(ValueError, match='missing'):
        live.push(frame, 5.0)


def test_wrong_references(reference, model):
    with pytest.raises(ValueError, match='timestamps'):
        LiveAligner(np.ones((4, 2)))
    with pytest.raises(ValueError, match='usual_distance'):
        LiveAligner(np.full((4, 2), 3.0), timestamps=np.arange(4))
    with pytest.raises(ValueError, match='usual_distance'):
        LiveAligner(np.full((1, 2), 3.0), timestamps=[0.0])
    single = LiveAligner(
        np.full((1, 2), 3.0), timestamps=[0.0], usual_distance=1.0
    )
    assert single.push(np.full(2, 3.0), 0).confidence > 0.8
    with pytest.raises(ValueError, match='joints'):
        LiveAligner(EmbeddedSequence('a', np.ones((4, 2))), model)
    (untimed,) = masa.load(layout='PENN_ACTION', up_axis='y').embed(
        motion(TIMES)
    )
    with pytest.raises(ValueError, match='frame_rate'):
        LiveAligner(untimed, model)
    with pytest.raises(ValueError, match='rate'):
        LiveAligner(reference, model, rate=0)


def test_wrong_frames(live):
    (frame,) = motion([0.0])
    live.push(frame, 1.0)
    for time in (1.0, 0.5, np.nan):
        with pytest.raises(ValueError, match='time'):
            live.push(frame, time)
    with pytest.raises(ValueError, match='score'):
        live.push(frame, 2.0, np.ones(4))
    with pytest.raises(ValueError, match='shape'):
        live.push(frame[:4], 2.0)
    by_embedding = LiveAligner(np.eye(3), timestamps=np.arange(3))
    with pytest.raises(ValueError, match='shape'):
        by_embedding.push(np.ones(4), 0.0)
    with pytest.raises(ValueError, match='score'):
        by_embedding.push(np.ones(3), 0.0, np.ones(3))
