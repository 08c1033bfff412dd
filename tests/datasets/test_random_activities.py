import numpy as np
import pytest
from mmengine.dataset import Compose

from masa.datasets.random_activities import (
    RandomActivityDataset,
    draw_activity,
    draw_performance,
    draw_sibling,
)
from masa.datasets.random_activities.body import (
    ANGLES,
    BONES,
    INDEX,
    JOINTS,
    LIMBS,
    LIMITS,
    hold_limb,
    hold_object,
    place_joints,
    pose,
)
from masa.datasets.random_activities.performance import (
    MIN_FRAMES,
    add_errors,
    project,
)

LENGTHS = np.array(list(BONES.values()))
PIPELINE = [
    dict(type='NormalizeSkeleton'),
    dict(type='PackSequenceInputs', modalities=('keypoint', 'missing')),
]


def place(**angles):
    (points,) = place_joints(pose(**angles)[None], LENGTHS)
    return {name: points[i] for name, i in JOINTS.items()}


class TestBody:
    def test_standing(self):
        body = place()
        leg = BONES['thigh'] + BONES['shank']
        np.testing.assert_allclose(body['left_ankle'], [0.1, -leg, 0])
        np.testing.assert_allclose(body['head'], [0, 0.5 + 0.22, 0])
        np.testing.assert_allclose(body['left_shoulder'], [0.17, 0.5, 0])
        assert body['right_wrist'][0] == pytest.approx(-0.17)

    def test_angles_turn_where_their_names_say(self):
        # Forward is z, up is y, the left is at x.
        assert place(arm_raise=90)['left_wrist'][2] > 0.5
        assert place(arm_out=90)['left_wrist'][0] > 0.6
        assert place(arm_out=90)['right_wrist'][0] < -0.6
        assert place(leg_raise=90)['left_knee'][2] > 0.4
        assert place(leg_knee=90)['right_ankle'][2] < -0.4
        assert place(root_pitch=90)['head'][2] > 0.7
        assert place(trunk_bend=60)['head'][2] > 0.4
        assert place(trunk_side=30)['head'][0] < -0.1
        assert place(root_yaw=90)['left_hip'][2] == pytest.approx(-0.1)

    def test_bones_keep_their_lengths(self):
        rng = np.random.default_rng(0)
        angles = rng.uniform(*LIMITS.T, (50, len(ANGLES)))
        points = place_joints(angles, LENGTHS)
        for limb, bones in (
            ('left_arm', ('upper_arm', 'forearm')),
            ('right_leg', ('thigh', 'shank')),
        ):
            ends = [points[:, JOINTS[name]] for name in LIMBS[limb]]
            for name, bone in zip(bones, np.diff(ends, axis=0), strict=True):
                lengths = np.linalg.norm(bone, axis=-1)
                np.testing.assert_allclose(lengths, BONES[name])

    def test_held_feet_stay_while_the_pelvis_moves(self):
        angles = np.tile(pose(), (20, 1))
        angles[:, INDEX['pelvis.y']] = -np.linspace(0, 0.4, 20)
        # Knees bend forward.
        angles[:, INDEX['left_leg.raise']] = 20
        angles[:, INDEX['left_leg.knee']] = 40
        points = place_joints(angles, LENGTHS)
        first, middle, last = (JOINTS[name] for name in LIMBS['left_leg'])
        target = np.array([0.1, -0.8, 0.05])
        hold_limb(points, 'left_leg', target)
        np.testing.assert_allclose(
            points[:, last], np.tile(target, (20, 1)), atol=0.01
        )
        for a, b, name in (
            (first, middle, 'thigh'),
            (middle, last, 'shank'),
        ):
            lengths = np.linalg.norm(points[:, a] - points[:, b], axis=-1)
            np.testing.assert_allclose(lengths, BONES[name])
        assert (points[1:, middle, 2] > 0).all()
        # What is out of reach is reached for.
        hold_limb(points, 'left_leg', np.array([0.1, -9.0, 0]))
        lengths = np.linalg.norm(points[:, first] - points[:, last], axis=-1)
        np.testing.assert_allclose(lengths, 0.83, atol=2e-3)

    @pytest.mark.parametrize('length', [0.06, 0.5])
    def test_hands_on_one_object_keep_their_distance(self, length):
        angles = np.tile(pose(arm_raise=60, arm_elbow=70), (30, 1))
        angles[:, INDEX['left_arm.raise']] += np.linspace(0, 60, 30)
        angles[:, INDEX['right_arm.out']] += np.linspace(0, 20, 30)
        points = place_joints(angles, LENGTHS)
        before = points.copy()
        hold_object(points, length)
        left, right = (JOINTS[f'{side}_wrist'] for side in ('left', 'right'))
        apart = np.linalg.norm(points[:, left] - points[:, right], axis=-1)
        np.testing.assert_allclose(apart, length, atol=0.02)
        np.testing.assert_allclose(
            points[:, left] + points[:, right],
            before[:, left] + before[:, right],
            atol=0.02,
        )
        others = [i for name, i in JOINTS.items() if 'wrist' not in name]
        others = [i for i in others if 'elbow' not in list(JOINTS)[i]]
        np.testing.assert_array_equal(points[:, others], before[:, others])


class TestActivities:
    def test_key_poses_are_possible_and_in_order(self):
        rng = np.random.default_rng(0)
        for _ in range(60):
            activity = draw_activity(rng)
            for one in (activity, draw_sibling(activity, rng)):
                assert (one.poses >= LIMITS[:, 0]).all()
                assert (one.poses <= LIMITS[:, 1]).all()
                assert one.times[0] == 0
                assert one.times[-1] == pytest.approx(1)
                assert (np.diff(one.times) > 0).all()
                assert len(one.poses) == len(one.times)
                assert one.active
                if one.is_periodic:
                    np.testing.assert_array_equal(one.poses[0], one.poses[-1])

    def test_performances_differ_and_agree_on_time(self):
        rng = np.random.default_rng(1)
        missing = 0
        for _ in range(40):
            activity = draw_activity(rng, 80)
            first, second = (
                draw_performance(activity, rng, 80) for _ in range(2)
            )
            assert not np.array_equal(first.time, second.time)
            for one in (first, second):
                frames = len(one.time)
                assert MIN_FRAMES <= frames <= 80
                assert one.keypoint.shape == (frames, 13, 2)
                assert one.score.shape == (frames, 13)
                assert np.isfinite(one.keypoint).all()
                assert (one.time >= 0).all()
                assert (one.time <= 1 + 1e-6).all()
                back = np.diff(one.time) < 0
                assert activity.is_periodic or not back.any()
                missing += (one.score == 0).any()
        assert missing > 5

    def test_hands_stay_where_an_activity_has_them(self):
        rng = np.random.default_rng(3)
        kinds = dict(touches=0, grip=0)
        for _ in range(300):
            activity = draw_activity(rng)
            assert not activity.touches.keys() & {
                *activity.active,
                *activity.held,
            }
            if activity.touches:
                kinds['touches'] += 1
                assert activity.grip is None
            if activity.grip is not None:
                kinds['grip'] += 1
                assert {'left_arm', 'right_arm'} <= {*activity.active}
                assert 0 < activity.grip < 1
        assert min(kinds.values()) > 10

    def test_a_trunk_may_rise_and_lean_far(self):
        rng = np.random.default_rng(4)
        pitch = INDEX['root.pitch']
        reach = [
            np.ptp(draw_activity(rng).poses[:, pitch]) for _ in range(300)
        ]
        assert np.mean(np.array(reach) > 60) > 0.1

    def test_the_same_moment_is_the_same_pose(self):
        """For most activities, in spite of body, style and camera."""
        rng = np.random.default_rng(2)
        same, other = [], []
        for _ in range(60):
            activity = draw_activity(rng)
            if activity.is_periodic or not activity.one_view:
                continue
            first, second = (draw_performance(activity, rng) for _ in range(2))
            a, b = (
                one.keypoint - one.keypoint[:, 7:9].mean(1, keepdims=True)
                for one in (first, second)
            )
            distance = np.abs(a[:, None] - b[None]).mean((2, 3))
            apart = np.abs(first.time[:, None] - second.time[None])
            same.append(distance[apart < 0.03].mean())
            other.append(distance[apart > 0.4].mean())
        closer = np.array(same) < np.array(other)
        assert closer.mean() > 0.7


def test_a_joint_that_is_missing_is_never_taken_for_another():
    flat, score = np.zeros((20, 13, 2)), np.ones((20, 13))
    flat[:, 5], score[:, 5] = 100, 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        seen, found = add_errors(flat, score, rng)
        assert np.abs(seen[found == 1]).max() < 1
    assert (flat[:, 5] == 100).all()
    assert score.sum() == 12 * 20


def test_camera():
    rng = np.random.default_rng(0)
    points = np.zeros((1, 2, 3))
    points[0, 0] = 0, 1, 0
    points[0, 1] = 1, 0, 0
    ((up, left),), _ = project(points, 0, 0, rng)
    # The picture's y points down. A small roll is drawn.
    assert up[1] < -0.9
    assert left[0] > 0.9
    ((_, behind),), _ = project(points, 90, 0, rng)
    assert abs(behind[0]) < 0.1


class TestDataset:
    def build(self, **options):
        options = dict(num_activities=6, pipeline=PIPELINE) | options
        return RandomActivityDataset(**options)

    def test_samples(self):
        dataset = self.build()
        assert len(dataset) == 6
        for sample in dataset:
            first, second = sample['inputs']
            for view in (first, second):
                frames = len(view['values'])
                assert view['values'].shape == (frames, 13 * 3)
                assert view['timeline'].shape == (frames, 2)
            assert len(first['values']) != 0

    def test_draws_depend_on_seed_epoch_and_index_alone(self):
        first, second = self.build(), self.build()
        for dataset in (first, second):
            dataset.set_random_key(3, 1)

        def values(dataset, index):
            return dataset[index]['inputs'][0]['values']

        expected = [values(first, i) for i in range(6)]
        for i in (5, 0, 3):
            assert values(second, i).equal(expected[i])
        assert not expected[0].equal(expected[1])
        for key in ((3, 2), (4, 1)):
            second.set_random_key(*key)
            assert not values(second, 0).equal(expected[0])

    def test_siblings_share_poses(self):
        def shared(**options):
            dataset = self.build(num_activities=60, **options)
            dataset.set_random_key(0, 0)
            pairs = (
                (dataset._draw_activity(i), dataset._draw_activity(i + 1))
                for i in range(0, 60, 2)
            )
            return sum(
                a.num_frames == b.num_frames and a.held == b.held
                for a, b in pairs
            )

        assert shared(siblings=0.5) == 30
        assert shared(siblings=0.0) == 0

    def test_a_periodic_timeline_is_a_circle(self):
        dataset = self.build(num_activities=80)
        dataset.set_random_key(0, 0)
        seen = set()
        for i in range(80):
            is_periodic = dataset._draw_activity(i).is_periodic
            seen.add(is_periodic)
            places = dataset[i]['inputs'][0]['timeline']
            radius = places.norm(dim=1)
            if is_periodic:
                assert radius.sub(1 / (2 * np.pi)).abs().max() < 1e-5
            else:
                assert (places[:, 1] == 0).all()
        assert seen == {True, False}

    @pytest.mark.parametrize(
        'argument',
        [dict(num_activities=0), dict(max_frames=5), dict(siblings=0.6)],
    )
    def test_ranges(self, argument):
        with pytest.raises(ValueError, match=next(iter(argument))):
            self.build(**argument)

    def test_pipeline_is_that_of_the_config(self):
        assert isinstance(self.build().pipeline, Compose)
