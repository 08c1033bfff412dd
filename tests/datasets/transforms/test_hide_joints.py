import pickle
from collections import Counter

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from masa.datasets.transforms import DualAugmentation, HideJoints
from masa.datasets.transforms.hide_joints import HIDDEN_AT


def hidden_joints(keypoint):
    """Which joints are far off, (M, V), in all frames or in none."""
    far = (keypoint == HIDDEN_AT).all(-1)
    assert np.array_equal(far, (keypoint == HIDDEN_AT).any(-1))
    assert np.array_equal(far, np.broadcast_to(far[:, :1], far.shape))
    return far[:, 0]


def test_registered_and_described():
    assert TRANSFORMS.get('HideJoints') is HideJoints
    assert 'Required Keys:' in HideJoints.__doc__
    assert 'Modified Keys:' in HideJoints.__doc__
    assert repr(HideJoints(0.2, 4)) == 'HideJoints(prob=0.2, max_joints=4)'


@pytest.mark.parametrize('axes', [2, 3])
def test_hides_some_joints_and_leaves_the_others(make_sample, axes):
    sample = make_sample(9, persons=50, axes=axes)
    before, score = sample['keypoint'], sample['keypoint_score']

    after = HideJoints(prob=1, max_joints=4)(sample)

    assert after['keypoint'].dtype == np.float32
    hidden = hidden_joints(after['keypoint'])
    assert set(hidden.sum(1)) == {1, 2, 3, 4}
    shown = np.broadcast_to(~hidden[:, None], score.shape)
    assert np.array_equal(after['keypoint'][shown], before[shown])
    assert np.array_equal(after['keypoint_score'], score * shown)
    assert after['keypoint_score'].dtype == score.dtype


def test_number_and_choice_are_uniform(make_sample):
    keypoint = np.zeros((6000, 1, 4, 2), np.float32)
    sample = make_sample(keypoint=keypoint, keypoint_score=None)

    after = HideJoints(prob=1, max_joints=2)(sample)['keypoint']

    sets = Counter(map(tuple, map(np.flatnonzero, hidden_joints(after))))
    assert sum(n for s, n in sets.items() if len(s) == 1) == pytest.approx(
        3000, abs=155
    )
    # Four sets of one joint, six of two: four standard errors.
    for joints, count in sets.items():
        expected = 3000 / (4 if len(joints) == 1 else 6)
        assert count == pytest.approx(expected, abs=4 * expected**0.5)
    assert len(sets) == 10


def test_probability(make_sample):
    transform = HideJoints(prob=0.3)
    changed = sum(
        hidden_joints(
            transform(make_sample(frames=1, key=key))['keypoint']
        ).any()
        for key in range(1000)
    )

    # Four standard errors.
    assert abs(changed / 1000 - 0.3) < 0.06


def test_same_key_gives_the_same_draw(make_sample):
    transform = HideJoints(prob=0.9)
    copied = pickle.loads(pickle.dumps(transform))
    draws = [transform(make_sample(key=key))['keypoint'] for key in range(6)]

    for key in range(6):
        again = copied(make_sample(key=key))['keypoint']
        assert np.array_equal(draws[key], again)
    assert not np.array_equal(draws[0], draws[1])


def test_input_is_not_written_to(make_sample):
    sample = make_sample()
    for key in ('keypoint', 'keypoint_score'):
        sample[key].flags.writeable = False
    before = sample['keypoint']

    assert HideJoints(prob=1)(sample)['keypoint'] is not before


def test_half_precision_joints_become_single(make_sample):
    sample = make_sample()
    sample['keypoint'] = sample['keypoint'].astype(np.float16)

    assert HideJoints(prob=1)(sample)['keypoint'].dtype == np.float32


def test_views_of_a_sequence_hide_their_own(make_sample):
    transform = DualAugmentation(
        dual=False, spatial=[dict(type='HideJoints', prob=1)]
    )

    original, augmented = transform(make_sample(30))['views']

    assert not hidden_joints(original['keypoint']).any()
    assert hidden_joints(augmented['keypoint']).any()
    both = DualAugmentation(spatial=[dict(type='HideJoints', prob=1)])
    first, second = (
        hidden_joints(view['keypoint'])
        for view in both(make_sample(30))['views']
    )
    assert not np.array_equal(first, second)


@pytest.mark.parametrize('key', ['keypoint', 'rng'])
def test_missing_keys(make_sample, key):
    sample = make_sample()
    del sample[key]

    with pytest.raises(KeyError, match=f'HideJoints.*{key}'):
        HideJoints()(sample)


def test_nobody_may_lose_all_joints(make_sample):
    with pytest.raises(ValueError, match=r"max_joints=11.*'clip 1'.*are 11"):
        HideJoints(prob=0, max_joints=11)(make_sample())
    HideJoints(prob=1, max_joints=10)(make_sample())


@pytest.mark.parametrize(
    'arguments',
    [
        dict(prob=-0.1),
        dict(prob=1.1),
        dict(prob=True),
        dict(max_joints=0),
        dict(max_joints=1.5),
        dict(max_joints='2'),
        dict(max_joints=float('nan')),
    ],
)
def test_arguments_are_checked(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        HideJoints(**arguments)
