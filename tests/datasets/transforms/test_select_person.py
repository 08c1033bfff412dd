import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from public_files import ntu60_3danno, ntu60_hrnet, record, walk

from masa.datasets.skeletons import COCO_17, KINECT_25
from masa.datasets.transforms import (
    FlipSkeleton,
    JointAngleNoise,
    NormalizeSkeleton,
    PackSequenceInputs,
    SelectPerson,
)


def select(made, **kwargs):
    return TRANSFORMS.build(dict(type='SelectPerson', **kwargs))(dict(made))


def test_one_person_stays_as_it_is():
    made = record('a', [walk(5)])
    made['keypoint'] = made['keypoint'].astype(np.float32)
    done = select(made)
    for key in ('keypoint', 'keypoint_score'):
        np.testing.assert_array_equal(done[key], made[key])
    # A joint that was not found is no person who is absent.
    made['keypoint'][0, 2, 4] = made['keypoint_score'][0, 2, 4] = 0
    np.testing.assert_array_equal(select(made)['keypoint'], made['keypoint'])


@pytest.mark.parametrize(
    ('by', 'expected'), [('score', 0), ('size', 1), ('motion', 2), (1, 1)]
)
@pytest.mark.parametrize('link', [True, False])
def test_person_by_criterion(by, expected, link):
    people = [
        walk(20, 100, 200, 2),
        walk(20, 800, 700, 0),
        walk(20, 1300, 200, 9),
    ]
    made = record('a', people)
    done = select(made, by=by, link=link)
    assert done['keypoint'].shape == (1, 20, 17, 2)
    assert done['keypoint'].dtype == np.float32
    np.testing.assert_array_equal(
        done['keypoint'][0], made['keypoint'][expected]
    )
    np.testing.assert_array_equal(
        done['keypoint_score'][0], made['keypoint_score'][expected]
    )


def test_person_of_detections_ordered_by_score():
    """The detector prefers the one or the other; the person is one."""
    made = record('a', [walk(12, 200), walk(12, 900)])
    made['keypoint_score'][0], made['keypoint_score'][1] = 0.9, 0.5
    for key in ('keypoint', 'keypoint_score'):
        made[key] = made[key].copy()
        made[key][:, 5:9] = made[key][::-1, 5:9]
    done = select(made)
    np.testing.assert_allclose(done['keypoint'][0], walk(12, 200), atol=0.5)
    jumps = select(made, link=False)['keypoint'][0]
    assert np.abs(jumps - walk(12, 200)).max() > 500


def test_frames_without_the_person_are_filled_and_have_score_0():
    body = walk(9, speed=4)
    made = record('a', [body, walk(9, 1200)])
    made['keypoint'][0, 3:5] = made['keypoint_score'][0, 3:5] = 0
    done = select(made, by=0)
    expected = body[2] + np.array([1, 2])[:, None, None] * (
        (body[5] - body[2]) / 3
    )
    np.testing.assert_allclose(done['keypoint'][0, 3:5], expected, atol=0.5)
    assert not done['keypoint_score'][0, 3:5].any()
    assert done['keypoint_score'][0, [2, 5]].all()
    # In a file with one person, too.
    alone = dict(made, keypoint=made['keypoint'][:1])
    alone['keypoint_score'] = made['keypoint_score'][:1]
    np.testing.assert_array_equal(select(alone)['keypoint'], done['keypoint'])


def test_positions_that_a_file_fills_in_are_kept():
    made = record('a', [walk(9), walk(9, 1200)])
    made['keypoint_score'][0, 3:5] = 0
    done = select(made, by=0)
    np.testing.assert_array_equal(done['keypoint'][0], made['keypoint'][0])


def test_absent_second_person_is_at_the_origin_and_nothing_is_nan():
    made = record('a', [walk(8), None])
    for source in (made, record('a', [walk(8)])):
        done = select(source, people=2)
        assert done['keypoint'].shape == (2, 8, 17, 2)
        assert done['keypoint_score'].shape == (2, 8, 17)
        assert not done['keypoint'][1].any()
        assert not done['keypoint_score'][1].any()
        sample = dict(done, skeleton=COCO_17, rng=np.random.default_rng(0))
        for transform in (
            NormalizeSkeleton(),
            JointAngleNoise(prob=1),
            FlipSkeleton(prob=1),
        ):
            sample = transform(sample)
        assert not sample['keypoint'][1].any()
        modalities = ('keypoint', 'bone', 'motion', 'missing')
        (view,) = PackSequenceInputs(modalities)(sample)['inputs']
        assert view['values'].isfinite().all()
        assert view['values'].shape == (8, 2 * (34 + 36 + 34 + 17))


def test_people_keep_their_places_among_each_other():
    first, second = walk(10), walk(10, 700, 300, -2)
    done = select(record('a', [first, second]), people=2)
    scene = NormalizeSkeleton()(dict(done, skeleton=COCO_17))['keypoint']
    hips = first[:, 11:13].mean(1)
    torso = np.linalg.norm(first[0, 5:7].mean(0) - first[0, 11:13].mean(0))
    # In half precision a pixel of 1,000 is half a pixel off.
    for person, joints in enumerate((first, second)):
        expected = (joints - hips[:, None]) / torso
        np.testing.assert_allclose(scene[person], expected, atol=0.02)


def test_third_person_is_left_out():
    made = record('a', [walk(6, 100), walk(6, 700), walk(6, 1300)])
    done = select(made, people=2)
    np.testing.assert_array_equal(done['keypoint'], made['keypoint'][:2])
    done = select(made, by=1, people=2)
    np.testing.assert_array_equal(done['keypoint'], made['keypoint'][1:])


def test_files_without_scores():
    one, two = ntu60_3danno()['annotations']
    assert 'keypoint_score' not in select(one)
    two['keypoint'][0, 4:] = 0
    done = select(two)
    np.testing.assert_array_equal(done['keypoint'][0], two['keypoint'][1])
    done = select(two, by=0)
    assert done['keypoint_score'][0, :4].all()
    assert not done['keypoint_score'][0, 4:].any()
    # A joint at zero throughout is one that the file is centered on.
    two['keypoint'][0, :, 1] = 0
    assert select(two, by=0)['keypoint_score'][0, :4, 1].all()
    done = NormalizeSkeleton()(dict(select(one, people=2), skeleton=KINECT_25))
    assert np.isfinite(done['keypoint']).all()


def test_linking_beforehand_changes_nothing():
    for made in ntu60_hrnet()['annotations']:
        linked, transform = dict(made), SelectPerson()
        transform.link_people(linked)
        np.testing.assert_array_equal(
            transform(linked)['keypoint'], select(made)['keypoint']
        )


def test_index_of_nobody_is_named():
    with pytest.raises(ValueError, match=r"'a'.*index 2.*has 2"):
        select(record('a', [walk(4), walk(4, 900)]), by=2)
    with pytest.raises(ValueError, match="'a'"):
        select(record('a', [walk(4), None]), by=1)


@pytest.mark.parametrize(
    'arguments',
    [
        dict(by='best'),
        dict(by=-1),
        dict(by=True),
        dict(people=0),
        dict(people=1.5),
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        SelectPerson(**arguments)
