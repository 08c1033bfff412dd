import numpy as np
import pytest

from masa.datasets import AnnotationError, save_annotations
from masa.datasets.random_activities import (
    RecordedMotionDataset,
    recorded_motion,
)
from masa.datasets.random_activities.body import BONES, place_joints, pose
from masa.datasets.random_activities.performance import MIRROR, Camera
from masa.datasets.random_activities.recorded_motion import (
    SMOOTHING,
    STEPS,
    Clip,
    Motion,
    match_motion,
    perform,
)
from masa.datasets.skeletons import PENN_ACTION
from masa.datasets.transforms.noise import smooth_noise

PIPELINE = [
    dict(type='NormalizeSkeleton'),
    dict(type='PackSequenceInputs', modalities=('keypoint', 'missing')),
]
CAMERA = Camera(yaw=0.0, pitch=0.0, is_shared=True)


def make_joints(seed, frames=80):
    """Somebody who stands, facing +z, and moves all joints; (T, 13, 3)."""
    (standing,) = place_joints(pose()[None], np.array(list(BONES.values())))
    noise = smooth_noise(np.random.default_rng(seed), frames, (13, 3), 15)
    return (standing + 0.1 * noise).astype(np.float32)


def make_motion(joints, name='m', rate=20.0):
    times = np.arange(len(joints)) / rate
    return Motion(name, None, times, joints, np.ones(joints.shape[:2]))


def make_record(name, seed, **changes):
    record = dict(
        frame_dir=name,
        total_frames=80,
        frame_rate=20.0,
        keypoint=make_joints(seed)[None],
    )
    return record | changes


@pytest.fixture
def build(tmp_path):
    """Build a dataset of records."""

    def make(records, skeleton=PENN_ACTION, activities=None, **options):
        path = tmp_path / 'motion.pkl'
        names = [record['frame_dir'] for record in records]
        save_annotations(
            dict(
                split=dict(train=names[:1], rest=names[1:])
                if len(names) > 1
                else dict(train=names),
                annotations=records,
                activities=activities,
                skeleton=skeleton,
            ),
            path,
        )
        options = dict(up_axis='y', num_samples=12) | options
        dataset = RecordedMotionDataset(str(path), PIPELINE, **options)
        dataset.set_random_key(0, 0)
        return dataset

    return make


def draw(dataset, idx):
    name, performances, is_periodic = dataset.draw(idx, dataset.generator(idx))
    assert not is_periodic
    return name, performances


def interpolate(motion, second):
    """Joints at a time, by hand."""
    for i in range(len(motion.times) - 1):
        begin, end = motion.times[i], motion.times[i + 1]
        if begin <= second <= end:
            share = (second - begin) / (end - begin)
            first, last = motion.joints[i : i + 2].astype(np.float64)
            return first + share * (last - first)
    raise AssertionError(second)


class TestMotion:
    def test_joints_between_frames(self):
        joints = make_joints(0, 6)
        score = np.ones((6, 13))
        score[2, 4] = 0
        times = np.array([0, 0.1, 0.15, 0.4, 0.5, 0.9])
        motion = Motion('m', None, times, joints, score)
        wanted = np.array([0, 0.05, 0.12, 0.3, 0.7, 0.9])
        found, scores = motion.sample(wanted)
        expected = [interpolate(motion, second) for second in wanted]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        # Between frames of which one lacks the joint.
        np.testing.assert_array_equal(scores[:, 4], [1, 1, 0, 0, 1, 1])

    @pytest.mark.parametrize('is_backward', [False, True])
    def test_ground_truth_is_where_the_joints_are_from(
        self, monkeypatch, is_backward
    ):
        monkeypatch.setattr(recorded_motion, 'ANOTHER_BODY', ())
        monkeypatch.setattr(
            recorded_motion, 'film', lambda *seen: (seen[0], seen[2])
        )
        motion = make_motion(make_joints(0))
        # A moment of the clip is the square root of its canonical time.
        places = np.linspace(0, 1, 200)
        clip = Clip(motion, 0.7, 2.0, places**2)
        for seed in range(5):
            rng = np.random.default_rng(seed)
            joints, time = perform(clip, is_backward, CAMERA, rng, 96)
            assert len(time) >= 12
            assert (np.diff(time) >= 0).all()
            for one, at in zip(joints, time, strict=True):
                place = np.sqrt(1 - at if is_backward else at)
                expected = interpolate(motion, 0.7 + 2.0 * place)
                np.testing.assert_allclose(one, expected, atol=5e-3)


def plain_match(first, second):
    """Dynamic time warping by loops: mean match of every frame, smoothed."""
    rows, columns = len(first), len(second)
    cost = np.full((rows + 1, columns + 1), np.inf)
    cost[0, 0] = 0
    for i in range(rows):
        for j in range(columns):
            distance = ((first[i] - second[j]) ** 2).sum()
            before = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
            cost[i + 1, j + 1] = distance + before
    matches = [[] for _ in range(rows)]
    i, j = rows - 1, columns - 1
    while True:
        matches[i].append(j / (columns - 1))
        if i == j == 0:
            break
        before = ((i - 1, j - 1), (i - 1, j), (i, j - 1))
        i, j = min(before, key=lambda at: cost[at[0] + 1, at[1] + 1])
    mean = [sum(found) / len(found) for found in matches]
    smooth = []
    for i in range(rows):
        total = weights = 0
        for k in range(-8, 9):
            weight = np.exp(-0.5 * (k / SMOOTHING) ** 2)
            total += weight * mean[min(max(i + k, 0), rows - 1)]
            weights += weight
        smooth.append(total / weights)
    return np.array(smooth)


class TestMatch:
    reference = make_motion(make_joints(3))
    # Slower first, faster later, and of another duration.
    warp = np.linspace(0, 1, 120) ** 1.6
    warped = make_motion(
        reference.sample(warp * reference.seconds)[0].astype(np.float32)
    )

    def test_known_warp(self):
        clip = match_motion(self.warped, self.reference)
        assert clip.motion is self.warped
        assert (clip.start, clip.seconds) == (0, self.warped.seconds)
        expected = np.linspace(0, 1, STEPS) ** 1.6
        np.testing.assert_allclose(clip.time, expected, atol=0.02)
        assert (np.diff(clip.time) >= 0).all()

    def test_plain_loops(self):
        # Somebody who moves in another way.
        other = make_motion(self.warped.joints + 0.2 * make_joints(4, 120))
        clip = match_motion(other, self.reference)
        first, second = (
            np.array(
                [
                    interpolate(one, second).ravel()
                    for second in np.linspace(0, one.seconds, STEPS)
                ]
            )
            for one in (other, self.reference)
        )
        np.testing.assert_allclose(
            clip.time, plain_match(first, second), atol=1e-6
        )

    def test_mirrored_where_that_is_closer(self):
        mirrored = self.warped._replace(
            joints=self.warped.joints[:, MIRROR] * np.float32([-1, 1, 1])
        )
        clip = match_motion(mirrored, self.reference)
        np.testing.assert_array_equal(clip.motion.joints, self.warped.joints)
        expected = match_motion(self.warped, self.reference)
        np.testing.assert_array_equal(clip.time, expected.time)


class TestDataset:
    def test_samples(self, build):
        dataset = build([make_record('a', 0), make_record('b', 1)])
        assert len(dataset) == 12
        for sample in dataset:
            for view in sample['inputs']:
                frames = len(view['values'])
                assert view['values'].shape == (frames, 13 * 3)
                assert view['values'].isfinite().all()
                assert view['timeline'].shape == (frames, 2)

    def test_draws_depend_on_seed_epoch_and_index_alone(self, build):
        records = [
            make_record(name, seed, label=0, subject=name)
            for seed, name in enumerate('abc')
        ]
        first, second = (build(records, activities=['x']) for _ in range(2))

        def values(dataset, index):
            return dataset[index]['inputs'][1]['values']

        expected = [values(first, i) for i in range(6)]
        for i in (5, 0, 3):
            assert values(second, i).equal(expected[i])
        assert not expected[0].equal(expected[1])
        for key in ((0, 1), (1, 0)):
            second.set_random_key(*key)
            assert not values(second, 0).equal(expected[0])

    def test_samples_in_a_row_are_of_different_activities(self, build):
        records = [
            make_record(f'{label} {i}', i, label=label)
            for label in range(3)
            for i in range(1 + label)
        ]
        # Of unknown activity, each is one of its own.
        records += [make_record('u', 0), make_record('v', 1)]
        dataset = build(records, activities=['x', 'y', 'z'])
        orders = set()
        for epoch in range(3):
            dataset.set_random_key(0, epoch)
            kinds = [draw(dataset, i)[0].split()[0] for i in range(12)]
            assert set(kinds) == {'0', '1', '2', 'u', 'v'}
            assert all(
                len(set(kinds[i : i + 5])) == 5 for i in range(len(kinds) - 4)
            )
            orders.add(tuple(kinds))
        assert len(orders) > 1

    def test_performances_of_different_subjects(self, build):
        records = [
            make_record(f'{subject} {i}', 10 * subject + i, label=0)
            | dict(subject=subject)
            for subject in range(3)
            for i in range(2)
        ]
        # It is not known who moves.
        records.append(make_record('n', 7, label=0))
        dataset = build(records, activities=['x'], num_samples=40)
        alone = 0
        for i in range(40):
            name, _ = draw(dataset, i)
            if name == 'n':
                alone += 1
                continue
            first, second = name.split(' and ')
            assert first.split()[0] != second.split()[0]
        assert 0 < alone < 20

    def test_clips_are_cut_out_of_the_recording(self, build):
        dataset = build([make_record('a', 0)], seconds=(1.0, 2.0))
        starts, durations = [], []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            first, second = dataset._draw_clips(dataset._groups[0], rng)
            assert first is second
            starts.append(first.start)
            durations.append(first.seconds)
            assert first.start + first.seconds <= 79 / 20
        assert 1 <= min(durations) < 1.2
        assert 1.7 < max(durations) <= 2
        assert min(starts) < 0.5 < 1.5 < max(starts)
        whole = build([make_record('a', 0)], seconds=(60.0, 90.0))
        clip, _ = whole._draw_clips(whole._groups[0], rng)
        assert (clip.start, clip.seconds) == (0, 79 / 20)

    def test_place_direction_size_and_up_axis_do_not_matter(self, build):
        joints = make_joints(0)
        expected = build([make_record('a', 0)])
        (motion,) = expected._groups[0]
        torso = motion.joints[:, 1:3].mean(1) - motion.joints[:, 7:9].mean(1)
        lengths = np.linalg.norm(torso, axis=-1)
        assert np.median(lengths) == pytest.approx(BONES['spine'])
        side = (motion.joints[:, 1] - motion.joints[:, 2]).mean(0)
        assert side[0] > 0.2
        # In millimeters, somewhere, z up, and facing -y turned by a right
        # angle about z.
        x, y, z = np.moveaxis(1000 * joints + 5000, -1, 0)
        moved = np.stack([z, x, y], -1)[None]
        other = build([make_record('a', 0, keypoint=moved)], up_axis='z')
        np.testing.assert_allclose(
            other._groups[0][0].joints, motion.joints, atol=1e-4
        )
        # The file itself may say it.
        told = build(
            [make_record('a', 0, keypoint=moved)],
            up_axis=None,
            skeleton=PENN_ACTION | {'up_axis': 'z'},
        )
        np.testing.assert_array_equal(
            told._groups[0][0].joints, other._groups[0][0].joints
        )
        with pytest.raises(AnnotationError, match=r"'a', skeleton\.up_axis"):
            build([make_record('a', 0)], up_axis=None)

    def test_a_joint_that_the_layout_lacks_is_missing(self, build):
        skeleton = PENN_ACTION | dict(
            joints=['hat', *PENN_ACTION['joints'][1:]]
        )
        dataset = build([make_record('a', 0)], skeleton=skeleton)
        for i in range(12):
            for performance in draw(dataset, i)[1]:
                assert (performance.score[:, 0] == 0).all()
                assert (performance.score[:, 1:] == 1).any()

    def test_splits(self, build):
        records = [make_record('a', 0), make_record('b', 1)]
        dataset = build(records, split='rest')
        assert {draw(dataset, i)[0] for i in range(4)} == {'b'}
        with pytest.raises(AnnotationError, match='val'):
            build(records, split='val')

    @pytest.mark.parametrize(
        ('change', 'named'),
        [
            (dict(keypoint=make_joints(0)[None, ..., :2]), 'keypoint'),
            (dict(frame_rate=None), 'frame_rate'),
            (
                dict(total_frames=1, keypoint=make_joints(0)[None, :1]),
                'total_frames',
            ),
            (dict(subject=1.5), 'subject'),
        ],
    )
    def test_records_that_cannot_be_used(self, build, change, named):
        with pytest.raises(AnnotationError, match=rf"'odd', {named}"):
            build([make_record('odd', 0, **change)])

    def test_a_layout_that_is_no_body(self, build):
        skeleton = PENN_ACTION | dict(joints=[f'j{i}' for i in range(13)])
        with pytest.raises(AnnotationError, match=r'motion\.pkl.*\n.*no left'):
            build([make_record('odd', 0)], skeleton=skeleton)

    @pytest.mark.parametrize(
        'argument',
        [
            dict(up_axis='x'),
            dict(num_samples=0),
            dict(max_frames=5),
            dict(seconds=(0, 1)),
            dict(seconds=(2, 1)),
            dict(backwards=1.5),
        ],
    )
    def test_ranges(self, build, argument):
        with pytest.raises(ValueError, match=next(iter(argument))):
            build([make_record('a', 0)], **argument)
