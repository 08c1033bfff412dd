import numpy as np
import pytest

from masa.datasets import SyntheticSequenceDataset, check_annotations
from masa.datasets.synthetic import make_annotations
from masa.datasets.synthetic.activities import ACTIVITIES, CANONICAL_FRAMES
from masa.datasets.synthetic.body import (
    ANGLES,
    JOINTS,
    MIRROR,
    OFFSETS,
    PARENTS,
    SKELETON,
    pose_body,
)
from masa.datasets.synthetic.dataset import _generated
from masa.datasets.synthetic.sequence import generate_sequence


@pytest.fixture(scope='module')
def annotations():
    return make_annotations(dict(train=3, val=2), seed=1)


def test_annotations_have_no_problems(annotations):
    assert check_annotations(annotations) == []


def test_counts_by_split_and_activity(annotations):
    labels = {r['frame_dir']: r['label'] for r in annotations['annotations']}
    for split, count in dict(train=3, val=2).items():
        found = [labels[name] for name in annotations['split'][split]]
        assert sorted(found) == sorted(list(range(len(ACTIVITIES))) * count)


def test_at_least_eight_activities_with_several_events():
    assert len(ACTIVITIES) >= 8
    assert min(len(a.events) for a in ACTIVITIES.values()) >= 3


def test_same_seed_gives_the_same_data(annotations):
    _generated.cache_clear()
    again = make_annotations(dict(train=3, val=2), seed=1)
    other = make_annotations(dict(train=3, val=2), seed=2)
    first = annotations['annotations'][0]['keypoint']
    assert np.array_equal(first, again['annotations'][0]['keypoint'])
    assert not np.array_equal(first, other['annotations'][0]['keypoint'])


def test_changed_data_do_not_come_back():
    first = make_annotations(dict(val=1), seed=1)['annotations'][0]
    before = first['keypoint'].copy()
    for key in ('keypoint', 'phase', 'canonical_time'):
        first[key] += 1
    again = make_annotations(dict(val=1), seed=1)['annotations'][0]
    assert np.array_equal(again['keypoint'], before)
    assert again['phase'].min() == 0


def test_a_sequence_does_not_depend_on_the_others(annotations):
    _generated.cache_clear()
    alone = make_annotations(dict(val=1), seed=1)
    by_name = {r['frame_dir']: r for r in annotations['annotations']}
    for record in alone['annotations']:
        twin = by_name[record['frame_dir']]
        assert np.array_equal(record['keypoint'], twin['keypoint'])


def test_phase_counts_the_events_passed(annotations):
    for record in annotations['annotations']:
        activity = list(ACTIVITIES.values())[record['label']]
        time = record['canonical_time']
        assert time.min() >= 0
        assert time.max() == CANONICAL_FRAMES
        assert (np.diff(time) >= 0).all()
        for t, phase in zip(time, record['phase'], strict=True):
            assert phase == sum(event <= t for event in activity.event_times)
        assert set(record['phase']) == set(range(len(activity.events) + 1))


def test_tempo_and_pauses_differ_between_performers():
    activity = ACTIVITIES['squat']
    shares = []
    for seed in range(20):
        made = generate_sequence(activity, np.random.default_rng(seed))
        counts = np.bincount(made.phase, minlength=4)
        shares.append(counts / counts.sum())
    # A clock would need every performer to spend the same share of the time
    # in a phase.
    assert np.std(shares, axis=0).min() > 0.05


def test_bones_keep_their_lengths():
    rng = np.random.default_rng(0)
    angles = rng.uniform(-60, 60, (30, len(ANGLES)))
    angles[:, ANGLES.index('lift')] = 0
    points = pose_body(angles, OFFSETS)
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = points[:, child] - points[:, parent]
            np.testing.assert_allclose(
                np.linalg.norm(bone, axis=1),
                np.linalg.norm(OFFSETS[child]),
                atol=1e-12,
            )


def test_the_lower_foot_stands_on_the_ground():
    for activity in ACTIVITIES.values():
        angles = activity.angles_at(np.linspace(0, CANONICAL_FRAMES, 50))
        lift = angles[:, ANGLES.index('lift')]
        points = pose_body(angles, OFFSETS)
        np.testing.assert_allclose(points[..., 1].min(1), lift, atol=1e-12)


def test_raised_arm_and_bent_limbs_go_where_they_should():
    angles = np.zeros((1, len(ANGLES)))
    for name in ('left_arm', 'left_knee', 'left_hip'):
        angles[0, ANGLES.index(name)] = 90
    point = dict(zip(JOINTS, pose_body(angles, OFFSETS)[0], strict=True))
    forward = point['left_hand'] - point['left_shoulder']
    np.testing.assert_allclose(forward, (0, 0, 0.61), atol=1e-9)
    thigh = point['left_knee'] - point['left_hip']
    np.testing.assert_allclose(thigh, (0, 0, 0.42), atol=1e-9)
    shank = point['left_ankle'] - point['left_knee']
    np.testing.assert_allclose(shank, (0, -0.41, 0), atol=1e-9)


def test_mirror_is_an_involution_that_swaps_sides():
    assert np.array_equal(MIRROR[MIRROR], np.arange(len(JOINTS)))
    for left, right in SKELETON['flip_pairs']:
        assert JOINTS[left].replace('left', 'right') == JOINTS[right]
    np.testing.assert_allclose(OFFSETS[MIRROR] * (-1, 1, 1), OFFSETS)


@pytest.mark.parametrize('counts', [dict(dev=3), dict(train=0)])
def test_bad_counts_are_refused(counts):
    with pytest.raises(ValueError, match='sequences_per_activity'):
        make_annotations(counts)


def test_dataset_serves_the_splits_asked_for():
    dataset = SyntheticSequenceDataset(
        pipeline=[],
        split=['train', 'val'],
        sequences_per_activity=dict(train=2, val=1, test=50),
        test_mode=True,
    )
    assert len(dataset) == 3 * len(ACTIVITIES)
    record = dataset[0]
    assert record['split'] == 'train'
    assert record['skeleton'] == SKELETON
    assert dataset[len(dataset) - 1]['split'] == 'val'
    assert dataset.lengths[0] == record['total_frames']
    assert dataset.metainfo['activities'] == list(ACTIVITIES)
