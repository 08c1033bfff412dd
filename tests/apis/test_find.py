import warnings
from dataclasses import replace

import numpy as np
import pytest
from squats import RATE, record, squat, training, turned

import masa
from masa.alignment import find_occurrences
from masa.apis.finding import (
    JOINT_WEIGHT,
    TOLERANCE,
    TOLERANCE_3D,
    TOLERANCE_SAME_SIDE,
    _beside,
)
from masa.datasets.random_activities import draw_activity, draw_performance
from masa.datasets.skeletons import LAYOUTS, PENN_ACTION


@pytest.fixture(scope='module')
def model():
    return masa.load(frame_rate=RATE)


def test_squats_are_found_and_counted_in_3d(model):
    joints, places = training(50, 90, 60)
    found = model.find(record(squat(60), 'one'), record(joints, 'many'))
    assert len(found) == 3
    for one, (start, end) in zip(sorted(found), places, strict=True):
        common = min(one.end_frame, end) - max(one.start_frame, start)
        assert common > 0.6 * (end - start)
        assert one.start == pytest.approx(one.start_frame / RATE, abs=1e-3)
        assert one.end == pytest.approx((one.end_frame - 1) / RATE, abs=1e-3)
        assert not one.mirrored


def test_pauses_are_left_out(model):
    """The reference has a pause of 15 frames before it, and none after."""
    rest = np.repeat(squat(60)[:1], 15, axis=0)
    reference = record(np.concatenate([rest, squat(60)]), 'one')
    joints, places = training(60, 60)
    still = np.repeat(joints[-1:], 40, axis=0)
    found = model.find(
        reference, record(np.concatenate([joints, still]), 'many')
    )
    for one, (start, end) in zip(sorted(found), places, strict=True):
        assert start - 20 < one.start_frame < start + 5
        assert end - 5 < one.end_frame < end + 5


@pytest.mark.parametrize(('degrees', 'compared'), [(0, True), (80, False)])
def test_joints_in_2d_count_if_filmed_from_one_side(
    model, monkeypatch, degrees, compared
):
    weights = []

    def beside(embeddings, poses, weight):
        weights.append(weight)
        return _beside(embeddings, poses, weight)

    monkeypatch.setattr('masa.apis.finding._beside', beside)
    joints, _ = training(60, 70)
    reference = turned(squat(60), 40 + degrees)
    found = model.find(
        record(reference[..., :2] * [1, -1], 'one'),
        record(joints[..., :2] * [1, -1], 'many'),
    )
    assert len(found) == 2
    assert set(weights) == ({JOINT_WEIGHT} if compared else set())


def leaning(joints, degrees):
    """The upper body is bent forward at the hips all the time."""
    names = PENN_ACTION['joints']
    upper = [
        i
        for i, name in enumerate(names)
        if not name.endswith(('hip', 'knee', 'ankle'))
    ]
    hips = [names.index('left_hip'), names.index('right_hip')]
    middle = joints[:, hips].mean(1, keepdims=True)
    x, y, z = np.moveaxis(joints[:, upper] - middle, -1, 0)
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    bent = joints.copy()
    bent[:, upper] = middle + np.stack(
        [x, cos * y - sin * z, sin * y + cos * z], -1
    )
    return bent


@pytest.mark.parametrize(('degrees', 'found'), [(25, True), (50, False)])
def test_a_repetition_that_went_wrong_is_compared_or_told(
    model, tmp_path, degrees, found
):
    joints, places = training(60, 70, 60)
    start, end = places[1]
    joints[start:end] = leaning(joints[start:end], degrees)
    reference, recording = record(squat(60), 'one'), record(joints, 'many')
    assert len(model.find(reference, recording)) == 2
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        made = model.compare_repetitions(reference, recording)
    told = [str(one.message) for one in told if 'unlike' in str(one.message)]
    if found:
        assert not told
        assert max(range(3), key=lambda i: made[i].score) == 1
        assert all(one.not_compared == [] for one in made)
    else:
        assert len(made) == 2
        ((first, last),) = made[1].not_compared
        assert first < start / RATE < end / RATE < last + 0.3
        assert f'from {first:.1f} s to {last:.1f} s is' in told[0]
        masa.save_comparisons(made, tmp_path / 'page.html')
        page = (tmp_path / 'page.html').read_text()
        assert made[0].told_of_not_compared in page
        assert made[1].to_dict()['not_compared'] == [(first, last)]


def test_repetitions_have_the_tolerance_of_what_is_found(model, monkeypatch):
    """The default, in 2D beside joints as well, or the one that is given."""
    asked = []

    def find(*arguments):
        asked.append((arguments[2], arguments[5]))
        return find_occurrences(*arguments)

    monkeypatch.setattr('masa.apis.finding.find_occurrences', find)
    joints, _ = training(60, 70)
    for one, many, usual in (
        (squat(60), joints, [TOLERANCE_3D]),
        (
            turned(squat(60), 40)[..., :2] * [1, -1],
            joints[..., :2] * [1, -1],
            [TOLERANCE, TOLERANCE_SAME_SIDE],
        ),
    ):
        reference, recording = record(one, 'one'), record(many, 'many')
        asked.clear()
        assert len(model.compare_repetitions(reference, recording)) == 2
        assert asked == [(one, True) for one in usual]
        asked.clear()
        assert len(model.find(reference, recording)) == 2
        assert asked == [(one, False) for one in usual]
        asked.clear()
        model.compare_repetitions(reference, recording, 0.4)
        assert set(asked) == {(0.4, True)}


@pytest.mark.parametrize('gap', [30, 34, 40, 48, 200])
def test_nobody_is_there_for_a_while(model, gap):
    joints, places = training(40, 40)
    reference = record(squat(60), 'one')
    end = places[0][1]
    nobody = np.zeros((gap, *joints.shape[1:]))
    joints = np.concatenate([joints[:end], nobody, joints[end:]])
    recording = record(joints, 'many')
    assert len(model.find(reference, recording)) == 2
    assert len(model.compare_repetitions(reference, recording)) == 2


def test_what_was_not_compared_is_told_in_frames_too(model, tmp_path):
    joints, _ = training(60)
    (one,) = model.compare_repetitions(
        record(squat(60), 'one'), record(joints, 'many')
    )
    assert one.told_of_not_compared == ''
    one = replace(
        one,
        not_compared=[(100, 249)],
        timing=replace(one.timing, unit='frames'),
    )
    assert 'from frame 100 to 249 is' in one.told_of_not_compared
    one.save(tmp_path / 'page.html')
    assert one.told_of_not_compared in (tmp_path / 'page.html').read_text()


def test_mirrored_repetitions_are_compared(model):
    joints, _ = training(60, 60, arm='left')
    reference = record(squat(60), 'one')
    made = model.compare_repetitions(reference, record(joints, 'many'))
    assert [one.mirrored for one in made] == [True, True]


def test_other_rates_need_no_thought(model):
    """The recording has four times the frames a second."""
    joints, _places = training(240, 240)
    found = model.find(
        record(squat(60), 'one'), record(joints, 'many', 4 * RATE)
    )
    assert len(found) == 2
    assert sorted(found)[0].start == pytest.approx(40 / 120, abs=0.4)


def test_mirror_image_is_found_when_asked_for(model):
    joints, _ = training(60, 60, arm='left')
    reference = record(squat(60), 'one')
    assert model.find(reference, record(joints, 'many')) == []
    found = model.find(reference, record(joints, 'many'), mirrored=True)
    assert [one.mirrored for one in found] == [True, True]
    assert [one.reference for one in found] == [0, 0]


def test_absent_activity_gives_nothing(model):
    rng = np.random.default_rng(3)
    others = [
        draw_performance(draw_activity(rng), rng).keypoint for _ in range(4)
    ]
    flat = squat(60)[..., :2] * [1, -1]
    found = model.find(
        record(flat, 'one'), record(np.concatenate(others), 'others')
    )
    assert found == []


def test_two_dimensions_and_layouts(model):
    """The reference in 2D by COCO's 17 joints, the recording in 3D."""
    flat = squat(60)[..., :2] * [1, -1]
    names = LAYOUTS['COCO_17']['joints']
    coco = np.zeros((60, 17, 2))
    for i, name in enumerate(names):
        if name in PENN_ACTION['joints']:
            coco[:, i] = flat[:, PENN_ACTION['joints'].index(name)]
    score = (coco != 0).any(-1).astype(np.float32)[None]
    reference = record(coco, 'one') | dict(
        skeleton=LAYOUTS['COCO_17'], keypoint_score=score
    )
    joints, _ = training(60, 70)
    assert len(model.find(reference, record(joints, 'many'))) == 2


def test_a_long_recording_needs_no_warning(model, recwarn):
    joints, _ = training(60, 60)
    pause = np.repeat(joints[-1:], 800, axis=0)
    recording = record(np.concatenate([joints, pause]), 'long')
    assert len(model.find(record(squat(60), 'one'), recording)) == 2
    assert not [one for one in recwarn if 'moments' in str(one.message)]


def test_features_are_compared_as_they_are(model):
    """What has no joints to embed anew is cut."""
    (one,) = model.embed(record(squat(60), 'one'))
    still = np.repeat(one.embedding[:1], 30, axis=0)
    embedding = np.concatenate([still, one.embedding, still])
    recording = type(one)('made', embedding)
    (found,) = model.find(type(one)('cut', one.embedding), recording)
    assert abs(found.start_frame - 30) < 8
    assert found.start is None


def test_mirrored_needs_joints(model):
    (one,) = model.embed(record(squat(60), 'one'))
    plain = type(one)('features', one.embedding)
    with pytest.raises(ValueError, match='features'):
        model.find(plain, one, mirrored=True)


@pytest.mark.parametrize('joint', ['head', 'left_wrist', 'right_knee'])
def test_joint_that_the_recording_lacks(model, joint):
    joints, _ = training(60, 60)
    recording = record(joints, 'many')
    score = np.ones(joints.shape[:2], np.float32)
    index = PENN_ACTION['joints'].index(joint)
    recording['keypoint'][:, :, index] = 0
    score[:, index] = 0
    recording['keypoint_score'] = score[None]
    found = model.find(record(squat(60), 'one'), recording)
    assert len(found) == 2


def test_joint_that_is_missing_for_a_while(model):
    joints, (_, (start, end)) = training(60, 60)
    score = np.ones(joints.shape[:2], np.float32)
    score[start:end, PENN_ACTION['joints'].index('left_wrist')] = 0
    recording = record(joints, 'many') | dict(keypoint_score=score[None])
    assert len(model.find(record(squat(60), 'one'), recording)) == 2


def test_inputs_in_the_wrong_order(model):
    joints, _ = training(60, 60, 60)
    with pytest.warns(UserWarning, match='last'):
        assert model.find(record(joints, 'a'), record(squat(50), 'b')) == []
