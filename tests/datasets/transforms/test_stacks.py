"""Stacks of parts are transformed as if each part were alone."""

import numpy as np
import pytest

from masa.datasets.parts import crop_record, stack_parts
from masa.datasets.skeletons import PENN_ACTION
from masa.datasets.transforms import (
    NormalizeSkeleton,
    PackSequenceInputs,
    ProjectSkeleton,
)

PARTS = [(0, 30), (5, 6), (3, 33), (40, 70), (8, 9), (10, 24)]


def make_record(axes, scored, people=1):
    rng = np.random.default_rng(axes)
    shape = people, 70, 13
    joints = rng.normal(size=(*shape, axes)).cumsum(1)
    # Facing one way on the whole, hips and shoulders apart.
    left, right = np.transpose(PENN_ACTION['flip_pairs'])
    joints[:, :, left, 0] += 20
    joints[:, :, right, 0] -= 20
    joints[:, :, [7, 8, 9, 10, 11, 12], 1] += 40
    record = dict(
        frame_dir='a',
        total_frames=70,
        keypoint=joints,
        skeleton=PENN_ACTION | dict(up_axis='-y'),
    )
    missing = rng.random(shape) < 0.1
    # Not all of the few frames of the shortest parts.
    missing[:, [5, 8]] = False
    record['keypoint'][missing] = 0
    if scored:
        record['keypoint_score'] = np.where(missing, 0, rng.random(shape))
    return record


@pytest.mark.parametrize('scored', [True, False])
@pytest.mark.parametrize(
    ('axes', 'transform'),
    [
        *(
            (axes, NormalizeSkeleton(center, scale, rotation, 'y'))
            for axes in (2, 3)
            for center in ('frame', 'sequence')
            for scale in ('frame', 'sequence', None)
            for rotation in (None, 'sequence')
            if rotation is None or axes == 3
        ),
        (2, ProjectSkeleton()),
        (3, ProjectSkeleton()),
    ],
    ids=str,
)
def test_joints_are_those_of_each_part_alone(axes, transform, scored):
    record = make_record(axes, scored, people=2)
    seen = set()
    for places, stack in stack_parts(record, PARTS):
        stack = transform(stack)
        for place, joints in zip(places, stack['keypoint'], strict=True):
            alone = transform(crop_record(record, *PARTS[place]))
            np.testing.assert_allclose(joints, alone['keypoint'], atol=1e-9)
            seen.add(place)
    assert seen == set(range(len(PARTS)))


@pytest.mark.parametrize('unit', ['frames', 'sequence'])
@pytest.mark.parametrize(
    'modalities', [['keypoint'], ['missing', 'bone', 'keypoint', 'motion']]
)
def test_values_are_those_of_each_part_alone(modalities, unit):
    record = make_record(3, True, people=2)
    pack = PackSequenceInputs(modalities, motion_unit=unit)
    for places, stack in stack_parts(record, PARTS):
        for place, values in zip(
            places, pack.frame_values(stack), strict=True
        ):
            alone = pack.frame_values(crop_record(record, *PARTS[place]))
            np.testing.assert_array_equal(values, alone)


def test_what_needs_the_whole_sequence_takes_no_stacks():
    assert not NormalizeSkeleton(rotation='frame').takes_stacks
    assert not PackSequenceInputs(['keypoint'], balance=True).takes_stacks
    assert not PackSequenceInputs(['keypoint', 'feature']).takes_stacks


def test_a_stack_is_refused_where_one_sequence_is_expected():
    _, stack = next(stack_parts(make_record(2, True), PARTS))
    del stack['stacked']
    with pytest.raises(ValueError, match='keypoint'):
        NormalizeSkeleton()(stack)


def test_large_stacks_are_divided(monkeypatch):
    monkeypatch.setattr('masa.datasets.parts.STACKED_FRAMES', 50)
    stacks = list(stack_parts(make_record(2, True), PARTS))
    assert sorted(i for places, _ in stacks for i in places) == [*range(6)]
    assert all(stack['keypoint'].shape[0] <= 2 for _, stack in stacks)
