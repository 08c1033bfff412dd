"""Attempts with known changes, explained by references."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from math import acos, asin, degrees, sqrt

import numpy as np
import pytest
from PIL import Image
from video_files import write_video

import masa
from masa.alignment import (
    JointDifference,
    align_pair,
    compare,
    joint_angles,
    save_comparisons,
)
from masa.alignment.joint_angles import JOINTS, body_joints
from masa.alignment.joint_difference import both_sides, words_for
from masa.alignment.pair import Alignment
from masa.alignment.tempo import find_pace, find_runs, usual_tempo
from masa.alignment.timing import shown_part
from masa.datasets.random_activities.body import BONES, place_joints, pose
from masa.datasets.skeletons import PENN_ACTION
from masa.embeddings import EmbeddedSequence
from masa.visualization.comparison_page import comparison_page

RATE = 30


@pytest.fixture(scope='module')
def model():
    return masa.load(frame_rate=RATE, up_axis='y')


def motion(knee=100.0, arm=150.0, side='left', size=1.0, frames=120):
    """Bend the knees, then raise an arm: (T, 13, 3), y up."""
    half = frames // 2
    way = np.sin(np.linspace(0, np.pi, half)) ** 2
    angles = np.zeros((2 * half, pose().size))
    angles[:half] = way[:, None] * pose(
        leg_raise=0.6 * knee, leg_knee=knee, trunk_bend=20
    )
    angles[half:] = way[:, None] * pose(**{f'{side}_arm_raise': arm})
    return place_joints(angles, size * np.array(list(BONES.values())))


@pytest.fixture(scope='module')
def references(model):
    return model.embed(
        [
            motion(98, 147),
            motion(103, 154, size=1.1),
            motion(100, 150, size=0.9, frames=100),
        ]
    )


def find(comparison, joint, measure):
    return next(
        one
        for one in comparison.joints
        if (one.joint, one.measure) == (joint, measure)
    )


def test_angles_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(5, 13, 3))
    joints[2, JOINTS.index('left_ankle')] = np.nan
    found = joint_angles(joints)

    def bend(at, first, middle, last):
        a = [at[middle][c] - at[first][c] for c in range(3)]
        b = [at[last][c] - at[middle][c] for c in range(3)]
        product = sum(x * y for x, y in zip(a, b, strict=True))
        return degrees(acos(product / sqrt(dot(a)) / sqrt(dot(b))))

    def dot(a):
        return sum(x * x for x in a)

    for t, frame in enumerate(joints):
        at = dict(zip(JOINTS, frame.tolist(), strict=True))
        for end, name in (('hip', 'hips'), ('shoulder', 'chest')):
            left, right = at[f'left_{end}'], at[f'right_{end}']
            at[name] = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
        trunk = [at['chest'][c] - at['hips'][c] for c in range(3)]
        for side in ('left', 'right'):
            for joint, before, after in (
                ('elbow', 'shoulder', 'wrist'),
                ('knee', 'hip', 'ankle'),
            ):
                names = (f'{side}_{j}' for j in (before, joint, after))
                assert found[f'{side}_{joint}'][t] == pytest.approx(
                    bend(at, *names), nan_ok=True
                )
            for joint, after in (('hip', 'knee'), ('shoulder', 'elbow')):
                middle = at[f'{side}_{joint}']
                at['before'] = [middle[c] + trunk[c] for c in range(3)]
                assert found[f'{side}_{joint}'][t] == pytest.approx(
                    bend(at, 'before', f'{side}_{joint}', f'{side}_{after}')
                )
        for name, axis in (('trunk_forward', 2), ('trunk_side', 0)):
            expected = degrees(asin(trunk[axis] / sqrt(dot(trunk))))
            assert found[name][t] == pytest.approx(expected)
    assert np.isnan(found['left_knee'][2])
    assert not np.isnan(found['right_knee']).any()


@pytest.mark.parametrize(
    ('angle', 'name'),
    [
        ('left_leg_knee', 'left_knee'),
        ('right_arm_elbow', 'right_elbow'),
        ('left_leg_raise', 'left_hip'),
        ('right_arm_raise', 'right_shoulder'),
    ],
)
def test_angles_of_a_posed_body(angle, name):
    bones = np.array(list(BONES.values()))
    found = joint_angles(place_joints(pose(**{angle: 40})[None], bones))
    for other, (value,) in found.items():
        expected = 40 if other == name else 0
        # The shoulder blade moves with the arm.
        assert value == pytest.approx(expected, abs=3), other


def test_usual_and_unusual_attempts(model, references):
    usual = model.compare(references, motion(101, 149))
    assert usual.calibrated
    assert not usual.mirrored
    assert usual.score < 1.2
    assert usual.timing.stretches == []
    assert len(usual.reference_scores) == 3
    less = model.compare(references, motion(80, 150))
    assert less.score > 2 * usual.score
    first, *_ = less.differences()
    assert first.joint in ('both_knees', 'both_hips')
    knee = find(less, 'left_knee', 'bend')
    assert knee.difference == pytest.approx(-20, abs=3)
    assert knee.attempt == pytest.approx(80, abs=2)
    assert knee.second == pytest.approx(1, abs=0.3)
    assert knee.range == pytest.approx(80, abs=4)
    assert knee.reference_range == pytest.approx(100, abs=4)
    assert knee.deviations < -2
    assert 'bent' in knee.sentence


def test_the_score_is_that_of_its_definition(references):
    """Plain loops over references, features and frames."""
    *others, attempt = references
    found = compare(others, attempt)
    knee = find(found, 'right_knee', 'bend')

    def series(sequence):
        joints = sequence.keypoint
        return joint_angles(joints)['right_knee'].tolist()

    def spread(values):
        low, high = np.percentile(values, [5, 95])
        return high - low

    def parts(one, against):
        matches = [
            align_pair(one.embedding, other.embedding).match_first()
            for other in against
        ]
        total = 0.0
        values = [series(other) for other in against]
        for t, value in enumerate(series(one)):
            matched = [v[m[t]] for v, m in zip(values, matches, strict=True)]
            total += abs(value - sum(matched) / len(matched))
        usual = sum(map(spread, values)) / len(values)
        return total / len(one), abs(spread(series(one)) - usual)

    first, second = parts(others[0], others[1:]), parts(others[1], others[:1])
    usual = [max(1.0, (a + b) / 2) for a, b in zip(first, second, strict=True)]
    apart, wider = parts(attempt, others)
    assert knee.mean == pytest.approx(apart, rel=1e-3)
    assert knee.score == pytest.approx(
        (apart / usual[0] + wider / usual[1]) / 2, rel=0.02
    )


@pytest.mark.parametrize('noise', [0, 0.003])
def test_a_pause_is_found(model, references, noise):
    body = motion()
    paused = np.concatenate(
        [body[:35], np.repeat(body[35:36], 30, 0), body[35:]]
    )
    # Meters, of a detector.
    rng = np.random.default_rng(0)
    paused = paused + rng.normal(0, noise, paused.shape)
    (found,) = model.compare(references, paused).timing.stretches
    assert found.kind == 'paused'
    assert found.start == pytest.approx(35 / RATE, abs=0.1)
    assert found.end == pytest.approx(65 / RATE, abs=0.1)
    # The same in frames, where no times are known.
    timing = masa.load(up_axis='y').compare(motion(), paused).timing
    assert timing.unit == 'frames'
    assert [one.kind for one in timing.stretches] == ['paused']


def test_a_skipped_part_is_found(model, references):
    body = motion()
    skipped = np.concatenate([body[:70], body[105:]])
    stretches = model.compare(references, skipped).timing.stretches
    (found,) = [one for one in stretches if one.kind == 'skipped']
    covered = found.reference_end - found.reference_start
    assert covered - (found.end - found.start) == pytest.approx(
        35 / RATE, abs=0.4
    )


@pytest.mark.parametrize(
    ('first', 'last', 'missing'),
    [
        (0, 40, [(1.33, 4.0)]),
        (0, 75, [(2.5, 4.0)]),
        (30, 120, [(0.0, 1.0)]),
        (30, 90, [(0.0, 1.0), (3.0, 4.0)]),
    ],
)
def test_an_end_that_is_missing(model, first, last, missing):
    """Named, and counted as if the body stood still for it."""
    references = model.embed([motion(98, 147), motion(103, 154)])
    attempt = motion(101, 149)
    whole = model.compare(references, attempt)
    cut = model.compare(references, attempt[first:last])
    found = [one for one in cut.timing.stretches if one.kind == 'missing']
    for one, (start, end) in zip(found, missing, strict=True):
        assert one.reference_start == pytest.approx(start, abs=0.6)
        assert one.reference_end == pytest.approx(end, abs=0.3)
        assert cut.timing.sentence(one) in cut.summary
        assert cut.timing.sentence(one) in comparison_page([cut])
    assert not [one for one in whole.timing.stretches if one.kind == 'missing']
    assert whole.score < 1.2
    assert cut.score > 3


def test_what_is_missing_counts_as_standing_still(model):
    """Plain loops over frames, along a single reference."""
    reference, attempt = model.embed([motion(), motion(90, 140)[:70]])
    found = compare(reference, attempt)
    (missing,) = found.timing.stretches
    end = round(missing.reference_start * RATE)
    for joint, measure in (('left_shoulder', 'raise'), ('left_knee', 'bend')):
        own = joint_angles(attempt.keypoint)[joint]
        usual = joint_angles(reference.keypoint)[joint]
        matches = align_pair(attempt.embedding, reference.embedding)
        total = 0.0
        for t, match in enumerate(matches.match_first()):
            total += abs(own[t] - usual[min(match, end)])
        for t in range(end + 1, len(reference)):
            total += abs(own[-1] - usual[t])
        count = len(attempt) + len(reference) - end - 1
        mean = find(found, joint, measure).mean
        assert mean == pytest.approx(total / count, rel=1e-3)


def test_repeated_slow_and_fast_parts_are_found(model, references):
    body = motion()
    again = np.concatenate([body[:60], body[:60], body[60:]])
    kinds = {s.kind for s in model.compare(references, again).timing.stretches}
    assert 'repeated' in kinds
    assert 'paused' not in kinds
    slow = np.concatenate([np.repeat(body[:60], 2, 0), body[60:]])
    kinds = {s.kind for s in model.compare(references, slow).timing.stretches}
    assert kinds == {'slow'}
    fast = np.concatenate([body[:60], body[60::3]])
    kinds = {s.kind for s in model.compare(references, fast).timing.stretches}
    assert kinds & {'fast', 'skipped'}
    assert not kinds & {'slow', 'paused', 'repeated'}


def test_mirrored_attempts(model, references):
    found = model.compare(references, motion(arm=110, side='right'))
    assert found.mirrored
    shoulder = find(found, 'right_shoulder', 'raise')
    assert shoulder.difference == pytest.approx(-40, abs=8)
    assert abs(find(found, 'left_shoulder', 'raise').difference) < 8
    # What is further to the right of the person is so of the attempt.
    body = motion(side='right')
    body[:, JOINTS.index('right_wrist'), 0] -= 0.2
    wrist = find(model.compare(references, body), 'right_wrist', 'x')
    assert wrist.difference < -0.3
    assert 'right' in wrist.sentence.removeprefix('right wrist')


def test_references_of_different_sides(model):
    """They are compared on the side of the first."""
    left = [motion(98, 147), motion(100, 150), motion(103, 154)]
    right = [left[0], motion(100, 150, side='right'), left[2]]
    attempt = motion(101, 130)
    expected, found = (model.compare(one, attempt) for one in (left, right))
    assert expected.turned == [False] * 3
    assert found.turned == [False, True, False]
    assert found.score == pytest.approx(expected.score, rel=0.02)
    assert found.to_dict()['mirrored_references'] == ['1']
    assert found.told_of_turned in found.summary
    assert found.told_of_turned in comparison_page([found])
    # An attempt on the other side is mirrored, too.
    other = model.compare(right, motion(101, 130, side='right'))
    assert other.mirrored
    assert other.score == pytest.approx(expected.score, rel=0.02)
    shoulder = find(other, 'right_shoulder', 'raise')
    assert shoulder.difference == pytest.approx(-20, abs=6)


def difference(joint, measure, values, usual=0.0):
    """Of a joint whose references are at one value."""
    unit = 'torso lengths' if measure in 'xyz' else 'degrees'
    values = np.array(values, float)
    apart = values - usual
    at = int(np.nanargmax(np.abs(apart)))
    return JointDifference(
        joint=joint,
        measure=measure,
        unit=unit,
        score=2.0 + apart[at],
        mean=float(np.nanmean(np.abs(apart))),
        usual=1.0,
        frame=at,
        first_frame=0,
        second=None,
        difference=apart[at],
        attempt=values[at],
        reference=usual,
        deviations=apart[at] / 2,
        range=10.0,
        reference_range=20.0,
        curves=np.stack([values, 0 * values + usual, 0 * values + 2]),
        words=words_for(joint, measure, 3, False),
    )


def test_both_sides_are_the_mean_of_two():
    left = difference('left_knee', 'bend', [50, 30, 20], 60)
    right = difference('right_knee', 'bend', [50, 20, 30], 60)
    both = both_sides(left, right)
    assert both.joint == 'both_knees'
    assert both.frame == 2
    assert (both.attempt, both.reference) == (25, 60)
    assert both.difference == -35
    assert both.deviations == -35 / 2
    assert both.mean == (left.mean + right.mean) / 2
    assert both_sides(right, left).frame == 1


@pytest.mark.parametrize(
    'values',
    [
        [60, 60, 80],  # the other direction
        [20, 60, 60],  # another moment
        [60, 60, 35],  # less than two thirds
        [60, 60, np.nan],
        [60, 60, -60],  # much more
    ],
)
def test_sides_that_differ_otherwise_are_two(values):
    left = difference('left_knee', 'bend', [60, 60, 20], 60)
    right = difference('right_knee', 'bend', values, 60)
    assert both_sides(left, right) is None
    assert both_sides(right, left) is None


@pytest.mark.parametrize('first', ['left', 'right'])
def test_both_sides_outward(first):
    """A joint to its own side, or both to one side."""
    second = 'right' if first == 'left' else 'left'
    outward = 1 if first == 'left' else -1
    one = difference(f'{first}_knee', 'x', [0, 0.3 * outward])
    apart = difference(f'{second}_knee', 'x', [0, -0.2 * outward])
    assert both_sides(one, apart).difference == pytest.approx(0.25)
    assert both_sides(one, apart).words != one.words
    along = difference(f'{second}_knee', 'x', [0, 0.2 * outward])
    both = both_sides(one, along)
    assert both.difference == pytest.approx(0.25 * outward)
    assert both.words == one.words
    height = difference(f'{first}_knee', 'y', [0, 0.3])
    lower = difference(f'{second}_knee', 'y', [0, -0.3])
    assert both_sides(height, lower) is None


def test_what_both_sides_do_is_listed_once(model, references):
    found = model.compare(references, motion(75))
    shown = found.differences(20)
    assert {'both_knees', 'both_hips'} <= {one.joint for one in shown}
    angles = [one.joint for one in shown if one.unit == 'degrees']
    assert not {'left_knee', 'right_knee', 'left_hip', 'right_hip'} & {*angles}
    both = next(one for one in shown if one.joint == 'both_knees')
    left, right = (find(found, f'{s}_knee', 'bend') for s in ('left', 'right'))
    assert both.range == pytest.approx((left.range + right.range) / 2)
    assert {one.joint for one in found.joints}.isdisjoint(
        {'both_knees', 'both_hips'}
    )
    first, *_ = found.differences()
    assert first.sentence in found.summary
    page = comparison_page([found])
    assert first.sentence in page
    figure = page[page.index('class="sides"') :]
    figure = figure[: figure.index('</figure>')]
    # On the reference and on the attempt.
    assert figure.count('class="mark"') == 4


def test_positions_are_relative_to_the_hips(model, references):
    found = model.compare(references, motion(75))
    for one in found.joints:
        told = one.sentence.count('relative to the hips')
        assert told == (one.unit == 'torso lengths')


def test_many_standard_deviations_are_not_counted(model, references):
    found = model.compare(references, motion(40))
    assert abs(found.differences()[0].deviations) > 12
    page = comparison_page([found])
    for one in found.joints:
        if one.deviations is not None and abs(one.deviations) > 10.1:
            assert f'{abs(one.deviations):.1f} standard' not in page
            assert f'<td>{one.deviations:+.1f}</td>' not in page
    assert 'standard deviation' in page


def test_one_reference(model):
    found = model.compare(motion(), motion(80))
    assert 'standard deviation' not in comparison_page([found])
    assert 'several references' in found.meaning
    assert not found.calibrated
    assert found.reference_scores == []
    knee = find(found, 'left_knee', 'bend')
    assert knee.usual is None
    assert knee.deviations is None
    assert knee.difference == pytest.approx(-20, abs=3)
    assert 'cannot be calibrated' in found.meaning
    scores = sorted(one.score for one in found.joints)
    assert len(scores) == 49
    assert found.score == pytest.approx(sum(scores[24:]) / 25)
    assert model.compare(motion(), motion()).score == pytest.approx(0)


def test_a_single_frame(model, references):
    found = model.compare(references, motion()[30:31])
    assert np.isfinite(found.score)
    assert found.timing.attempt == 0
    assert np.isfinite(model.compare(motion()[:1], motion()).score)


@pytest.mark.parametrize('missing', ['NaN', 'score'])
def test_missing_joints(model, references, missing):
    body = motion(80)
    wrist = JOINTS.index('left_wrist')
    ankle = JOINTS.index('right_ankle')
    score = np.ones(body.shape[:2])
    score[:, wrist], score[10:20, ankle] = 0, 0
    if missing == 'NaN':
        attempt = np.where(score[..., None] > 0, body, np.nan)
    else:
        body[:, wrist], body[10:20, ankle] = 77, 77
        attempt = dict(
            frame_dir='a',
            total_frames=len(body),
            keypoint=body[None],
            keypoint_score=score[None],
        )
    found = model.compare(references, attempt)
    joints = {one.joint for one in found.joints}
    assert 'left_wrist' not in joints
    assert 'left_elbow' not in {
        one.joint for one in found.joints if one.unit == 'degrees'
    }
    knee = find(found, 'right_knee', 'bend')
    assert np.isnan(knee.curves[0, 10:20]).all()
    assert knee.difference == pytest.approx(-20, abs=4)
    assert not 10 <= knee.frame < 20
    json.dumps(found.to_dict(), allow_nan=False)


def test_2d_joints(model):
    bodies = [motion(knee) for knee in (98, 102, 80)]
    # From the left, y down.
    *references, attempt = (body[..., [2, 1]] * [1, -1] for body in bodies)
    found = model.compare(references, attempt)
    assert find(found, 'left_knee', 'bend').difference == pytest.approx(
        -20, abs=3
    )
    lean = attempt.copy()
    lean[:, 0, 1] -= 0.2
    higher = find(model.compare(references, lean), 'head', 'y')
    assert higher.difference > 0.3
    assert 'higher' in higher.sentence


def test_phases(model):
    body = motion()
    reference = dict(
        frame_dir='reference',
        total_frames=120,
        keypoint=body[None],
        phase=np.repeat([0, 1], 60),
    )
    slow = np.concatenate([np.repeat(body[:60], 2, 0), body[60:]])
    first, second = model.compare(reference, slow).timing.phases
    assert (first.phase, second.phase) == (0, 1)
    assert first.reference == pytest.approx(2)
    assert first.attempt == pytest.approx(4, abs=0.4)
    assert second.attempt == pytest.approx(2, abs=0.4)


def test_parts(model, references, tmp_path):
    good, wrong = motion(), motion(70, 90)
    recording = np.concatenate([good, wrong, good])
    parts = [(0, 120), (120, 240), (240, 360)]
    found = model.compare_parts(references, recording, parts)
    scores = [one.score for one in found]
    assert scores[1] > 2 * max(scores[0], scores[2])
    knee = find(found[1], 'left_knee', 'bend')
    assert knee.second == pytest.approx(4 + 1, abs=0.3)
    assert found[1].first_frame == 120
    save_comparisons(found, tmp_path / 'parts.html')
    text = (tmp_path / 'parts.html').read_text(encoding='utf-8')
    sections = re.findall('<details id="(.*?)"( open)?><summary>(.*?),', text)
    ids, opened, names = zip(*sections, strict=True)
    assert opened == ('', ' open', '')
    assert names == tuple(
        f'repetition {i} ({one.place})' for i, one in enumerate(found, 1)
    )
    links = re.findall('<td><a href="#(.*?)">(.*?)</a>', text)
    assert links == list(zip(ids, names, strict=True))
    save_comparisons(found, tmp_path / 'parts.json')
    assert len(json.loads((tmp_path / 'parts.json').read_text())) == 3


def test_parts_without_times():
    """They are placed by their frames in the recording."""
    model = masa.load(up_axis='y')
    wrong = motion(70, 90)
    paused = np.concatenate([wrong[:35], np.repeat(wrong[35:36], 30, 0)])
    recording = np.concatenate([motion(), paused, wrong[35:]])
    first, second = model.compare_parts(
        motion(), recording, [(0, 120), (120, 270)]
    )
    assert first.place == 'frames 0 to 119'
    assert second.place == 'frames 120 to 269'
    knee = find(second, 'left_knee', 'bend')
    assert f'frame {120 + knee.frame}' in knee.sentence
    (pause,) = [one for one in second.timing.stretches if one.kind == 'paused']
    assert pause.start == pytest.approx(120 + 35, abs=4)
    page = comparison_page([first, second])
    assert first.place in page
    assert second.place in page


def test_page(model, references, tmp_path):
    attempt = replace(model.embed(motion(80))[0], name='<b>"x"')
    found = model.compare(references, attempt)
    found.save(tmp_path / 'a.html')
    text = (tmp_path / 'a.html').read_text(encoding='utf-8')
    assert '<b>"x"' not in text
    for outside in ('http', 'src="/', '<script src', '@import', 'url('):
        assert outside not in text
    assert found.differences()[0].sentence in text
    assert len(text) < 200_000
    found.save(tmp_path / 'a.json')
    written = json.loads((tmp_path / 'a.json').read_text())
    assert written['score'] == pytest.approx(found.score, abs=1e-3)
    assert len(written['joints']) == len(found.joints) == 10 + 39
    with pytest.raises(ValueError, match=r'a\.pdf'):
        found.save(tmp_path / 'a.pdf')
    with pytest.raises(ValueError, match='no comparison'):
        save_comparisons([], tmp_path / 'b.html')


def test_pictures_of_videos(model, references, tmp_path):
    """Of the frames that are named, of a part, mirrored as it is drawn."""
    frames = np.zeros((300, 32, 64, 3), np.uint8)
    frames[:, :, :32] = np.linspace(20, 220, 300)[:, None, None, None]
    video = write_video(tmp_path / 'a.mp4', frames)
    recording = np.concatenate([motion(), motion(70, 90, side='right')])
    recording = replace(model.embed(recording)[0], video=video)
    (found,) = model.compare_parts(references, recording, [(120, 240)])
    assert found.mirrored
    text = comparison_page([found])
    pictures = re.findall('base64,([^"]*)"', text)
    shown = found.differences()
    assert len(pictures) == len(shown) > 0
    for one, picture in zip(shown, pictures, strict=True):
        image = np.asarray(Image.open(BytesIO(b64decode(picture)))) / 1.0
        assert image.shape == (32, 64, 3)
        left, right = image[:, :28].mean(), image[:, 36:].mean()
        brightness = frames[120 + one.frame, 0, 0, 0]
        assert left == pytest.approx(0, abs=8)
        assert right == pytest.approx(brightness, abs=8)


def side_colors(page, panel):
    """Colors of the bones of the left and the right upper arm and thigh."""
    sides = re.findall('<div><svg viewBox.*?</svg>', page)
    lines = re.findall('class="bone" stroke="([^"]*)"', sides[panel])
    assert len(lines) == len(PENN_ACTION['bones'])
    named = dict(zip(map(tuple, PENN_ACTION['bones']), lines, strict=True))
    return named[3, 5], named[4, 6]


def test_sides_of_a_mirrored_attempt_agree_with_its_picture(model):
    """Sentence, colors, circle and direction, of 2D joints."""
    references = [
        motion(*angles)[..., [2, 1]] * [1, -1]
        for angles in ((98, 147), (103, 154))
    ]
    # Seen from the other side, with the other arm.
    attempt = motion(101, 100, side='right')[..., [2, 1]] * [-1, -1]
    found = model.compare(references, attempt)
    assert found.mirrored
    elbow = find(found, 'right_elbow', 'x')
    picture = body_joints(found.attempt)[elbow.frame]
    usual = body_joints(found.references[found.reference])
    usual = usual[found.matches[elbow.frame]]
    # The mirror image names the person's right its left.
    at = JOINTS.index('left_elbow')
    assert elbow.attempt == pytest.approx(picture[at, 0])
    assert elbow.difference * (picture - usual)[at, 0] > 0
    assert 'mirrored picture' in elbow.sentence
    page = comparison_page([found])
    (left, right), (other_left, other_right) = (
        side_colors(page, panel) for panel in (0, 1)
    )
    assert left != right
    # Bones of the mirror image in the colors of the person's sides.
    assert (other_left, other_right) == (right, left)
    shown = found.differences()[0]
    assert shown.joint.startswith('right')
    x, y = body_joints(found.attempt)[
        shown.frame, JOINTS.index(shown.joint.replace('right', 'left'))
    ]
    assert f'cx="{x:.2f}" cy="{-y:.2f}"' in page
    assert 'attempt, mirrored</div>' in page
    assert 'reference</div>' in page


def test_embeddings_alone(tmp_path):
    rng = np.random.default_rng(0)
    base = np.cumsum(rng.normal(size=(40, 8)), 0)
    *references, near, far = (
        EmbeddedSequence(str(noise), base + noise * rng.normal(size=(40, 8)))
        for noise in (0.1, 0.11, 0.12, 0.105, 0.5)
    )
    found = compare(references, near)
    assert found.joints == []
    assert found.score == pytest.approx(1, abs=0.3)
    assert np.mean(found.reference_scores) == pytest.approx(1)
    assert compare(references, far).score > 5
    assert compare([near, near], near).score == 0
    found.save(tmp_path / 'a.html')


def test_what_cannot_be_compared(model, references):
    with pytest.raises(ValueError, match='one reference'):
        compare([], references[0])
    wide = EmbeddedSequence('wide', np.ones((4, 3)) * np.arange(4)[:, None])
    with pytest.raises(ValueError, match='wide'):
        compare(references, wide)
    flat = motion()[..., :2] * [1, -1]
    with pytest.raises(ValueError, match='2D'):
        model.compare(references, flat)
    two = replace(
        references[0], keypoint=np.tile(references[0].keypoint, (1, 2, 1))
    )
    with pytest.raises(ValueError, match='one person'):
        compare(two, references[1])


def test_tempo_is_that_of_a_plain_loop():
    rng = np.random.default_rng(1)
    steps = rng.integers(0, 3, 60)
    moves = np.array([[1, 1], [1, 0], [0, 1]])[steps]
    path = np.concatenate([[[0, 0]], np.cumsum(moves, 0)])
    first = np.arange(path[-1, 0] + 1) / 10
    second = np.arange(path[-1, 1] + 1) / 20
    pace = find_pace(path, first, second, 0.2)
    total = [first[i] + second[j] for i, j in path]
    places = np.linspace(total[0], total[-1], len(pace.first))
    for n, place in enumerate(places):
        at = max(k for k, t in enumerate(total) if t <= place + 1e-12)
        after = min(at + 1, len(path) - 1)
        gap = total[after] - total[at]
        share = (place - total[at]) / gap if gap else 0
        for found, times, side in (
            (pace.first, first, 0),
            (pace.second, second, 1),
        ):
            low, high = times[path[at, side]], times[path[after, side]]
            assert found[n] == pytest.approx(low + share * (high - low))
    assert np.diff(pace.first).min() >= 0
    assert np.isfinite(pace.log_tempo).all()


def test_runs():
    """One second at an even pace, one at half of it, and one left out."""
    even = [(t, t) for t in range(100)]
    slow = [(100 + t, 100 + t // 2) for t in range(100)]
    skipped = [(199, 149 + t) for t in range(1, 101)]
    path = np.array(even + slow + skipped)
    times = np.arange(300) / 100
    pace = find_pace(path, times[:200], times[:250], 0.1)
    low, high = usual_tempo(pace, [])
    assert np.exp(high) == pytest.approx(1.5)
    first, second = find_runs(pace, low, high, 0.2)
    assert (first.kind, second.kind) == ('slow', 'skipped')
    assert first.first == pytest.approx((1, 2), abs=0.1)
    assert first.second == pytest.approx((1, 1.5), abs=0.1)
    assert second.second == pytest.approx((1.5, 2.5), abs=0.1)
    # What other sequences do, too, is usual.
    assert find_runs(pace, *usual_tempo(pace, [pace]), 0.2) == []


@pytest.mark.parametrize(('tempo', 'kind'), [(3, 'fast'), (1 / 3, 'slow')])
def test_an_even_tempo_is_no_skip_and_no_pause(tempo, kind):
    path = np.array([(t, t) for t in range(100)])
    times = np.arange(100.0)
    pace = find_pace(path, times / tempo, times, 5.0)
    (run,) = find_runs(pace, *usual_tempo(pace, []), 1.0)
    assert run.kind == kind
    assert run.second == (0, 99)


def test_what_noise_splits_is_one_stretch():
    """A moment at the usual tempo within a slow part."""
    path = np.array([(t, t) for t in range(100)])
    times = np.arange(100.0)
    steps = np.where((times < 30) | (abs(times - 50) < 2) | (times > 70), 1, 2)
    pace = find_pace(path, np.cumsum(steps), times, 1.0)
    (run,) = find_runs(pace, *usual_tempo(pace, []), 10.0)
    assert run.kind == 'slow'
    assert run.second == pytest.approx((30, 70), abs=3)


def test_a_jump_near_an_end_is_missing():
    """The attempt shows frames 30 to 79 of 100, after two and before one."""
    inner = [(2 + t, 30 + t) for t in range(50)]
    path = np.array([(0, 0), (1, 1), *inner, (52, 99)])
    alignment = Alignment(path, 0.0, np.zeros(53), (53, 100))
    assert shown_part(alignment, np.arange(53) / 30, 's') == (30, 79)
    whole = np.array([(t, t) for t in range(100)])
    alignment = Alignment(whole, 0.0, np.zeros(100), (100, 100))
    assert shown_part(alignment, np.arange(100) / 30, 's') == (0, 99)
