import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from player_data import (
    STEP,
    body,
    data_of,
    performance,
    sequence,
    skeleton,
    timeline,
    video_of,
)

from masa.alignment import ReferenceSet
from masa.visualization.player import (
    Mark,
    Player,
    Track,
    aligned_player,
    comparison_player,
    phase_marks,
    pictures,
    player_page,
)
from masa.visualization.player.joints import place_joints
from masa.visualization.player.pictures import keep

NASTY = 'a</script><script>alert(1)</script><!--"&\u2028'


def gray(picture):
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    return np.asarray(image.convert('L')).mean()


def test_frames_seconds_curves_and_what_is_unmatched():
    first = sequence('first', 4, 10, keypoint=body(4), skeleton=skeleton())
    other = sequence(NASTY, 3, 20, keypoint=body(3), skeleton=skeleton())
    first = replace(first, phase=np.array([0, 0, -1, 1]))
    unknown = replace(first, name='unknown', timestamps=None)
    frames = [[0, 1, 2, 3], [-1, 0, 2, -1], [0, 1, 2, 3]]
    player = aligned_player([first, other, unknown], timeline(0, *frames))
    page = player_page(player, NASTY)
    # Nothing ends the elements that it is in.
    assert page.count('<script') == page.count('</script>') == 3
    assert NASTY not in page
    assert 'unknown: no frame rate is known' in page
    data = data_of(page)
    assert data['clock'] == 0
    tracks = data['tracks']
    assert tracks[1]['name'] == NASTY
    assert [one['frames'] for one in tracks] == frames
    assert tracks[0]['times'] == [0, 0.1, 0.2, 0.3]
    assert tracks[1]['times'] == [0, 0.05, 0.1]
    assert tracks[2]['times'] == [0, 0.0333, 0.0667, 0.1]
    assert tracks[0]['curve'] is None
    expected = [None] * 4
    for moment, frame in ((1, 0), (2, 2)):
        apart = first.embedding[moment] - other.embedding[frame]
        expected[moment] = sum(float(value) ** 2 for value in apart)
    found = tracks[1]['curve']
    assert found[0] is found[3] is None
    assert found[1:3] == pytest.approx(expected[1:3], rel=1e-3)
    assert [(m['label'], m['start'], m['end']) for m in data['marks']] == [
        ('phase 0', 0, 1),
        ('phase 1', 3, 3),
    ]
    assert data['videos'] == []


def test_pictures_are_those_of_the_frames_and_made_once(tmp_path):
    video = video_of(tmp_path / 'v', 30)
    whole = sequence('whole', 10, video=video)
    part = sequence('part', 8, video=video)
    tracks = [
        Track(whole, np.arange(10)),
        Track(part, np.arange(10).clip(0, 7), first_frame=5),
        Track(part, np.arange(10).clip(0, 7), first_frame=20, mirrored=True),
    ]
    data = data_of(player_page(Player(tracks), 'parts', height=16))
    (shown,) = data['videos']
    assert shown['frames'] == [*range(13), *range(20, 28)]
    for frame, picture in zip(shown['frames'], shown['pictures'], strict=True):
        assert abs(gray(picture) - STEP * frame) < STEP / 2
    assert (shown['height'], shown['width']) == (16, 80)
    assert [one['video'] for one in data['tracks']] == [0, 0, 0]
    assert [one['first'] for one in data['tracks']] == [0, 5, 20]
    # A smaller video is not enlarged.
    (shown,) = data_of(player_page(Player(tracks), 'parts'))['videos']
    assert shown['height'] == 32


def test_long_recordings_have_fewer_pictures(tmp_path, monkeypatch):
    video = video_of(tmp_path / 'v', 60)
    player = Player([Track(sequence('v', 60, video=video), np.arange(60))])
    monkeypatch.setattr(pictures, 'LARGEST', 0.085 * 32 * 48 * 10 * 2)
    with pytest.warns(UserWarning, match=r'10 .*--height'):
        (shown,) = data_of(player_page(player, 'long'))['videos']
    # Ten a second.
    assert np.diff(shown['frames']).tolist() == pytest.approx(
        [3] * (len(shown['frames']) - 1), abs=1
    )
    assert len(shown['pictures']) == len(shown['frames']) in (20, 21)


@pytest.mark.parametrize('rate', [1.0, 9.7, 30.0, 59.94, 240.0])
def test_frames_that_are_kept(rate):
    times = 5 + np.round(np.arange(200) / rate, 3)
    kept = keep(times, 30)
    if rate <= 30:
        assert kept.tolist() == list(range(200))
        return
    # The first frame of each thirtieth of a second.
    slots = {}
    for frame, time in enumerate(times):
        slots.setdefault(int((time - times[0]) * 30 + 0.01), frame)
    assert kept.tolist() == list(slots.values())
    assert keep(np.zeros(1), 30).tolist() == [0]


class TestJoints:
    def test_on_a_picture(self, tmp_path):
        keypoint = 40 * np.random.default_rng(0).random((3, 13, 2))
        keypoint[1, 2] = np.nan
        keypoint[2, 5] = 0
        score = np.ones((3, 13))
        score[2, [5, 7]] = 0
        one = sequence('a', 3, keypoint=keypoint, skeleton=skeleton())
        one = replace(one, keypoint_score=score)
        placed = place_joints(Track(one, np.arange(3)), np.arange(3), (60, 40))
        assert (placed['width'], placed['height']) == (2000, 1333)
        for t, row in enumerate(placed['points']):
            for value, pixel, middle in zip(
                row, keypoint[t].ravel(), 13 * [30, 20], strict=True
            ):
                if np.isnan(pixel) or (t == 2 and pixel == 0):
                    assert value is None
                else:
                    assert value == pytest.approx(
                        1000 * (pixel - middle) / 30, abs=0.51
                    )
        assert placed['unseen'] == {2: [5, 7]}
        assert not placed['solid']
        assert [9, 11, 'left'] in placed['bones']
        mirror = replace(one, keypoint=keypoint * [-1, 1])
        mirrored = place_joints(
            Track(mirror, np.arange(3), mirrored=True), np.arange(3), (60, 40)
        )
        # Its left is the person's right.
        assert [9, 11, 'right'] in mirrored['bones']
        for row, turned in zip(
            placed['points'], mirrored['points'], strict=True
        ):
            for x, other in zip(row[::2], turned[::2], strict=True):
                assert x is other is None or x == pytest.approx(-other, abs=1)

    @pytest.mark.parametrize('up_axis', ['y', '-y', 'z'])
    def test_bodies_in_3d_stand_and_face_the_viewer(self, up_axis):
        names = skeleton()['joints']
        # Right, up and towards the viewer of a person seen from the front.
        joints = np.zeros((2, 13, 3))
        for i, name in enumerate(names):
            joints[:, i, 0] = ('left' in name) * 0.5 - ('right' in name) * 0.5
            joints[:, i, 1] = 1.5 * (name == 'head')
            joints[:, i, 2] = 0.3 * ('knee' in name)
        angle = np.radians(70)
        x, y, z = np.moveaxis(joints, -1, 0)
        x, z = (
            x * np.cos(angle) + z * np.sin(angle),
            z * np.cos(angle) - x * np.sin(angle),
        )
        own = {'y': (x, y, z), '-y': (x, -y, -z), 'z': (x, -z, y)}
        one = sequence(
            'a',
            2,
            keypoint=np.stack(own[up_axis], -1),
            skeleton=skeleton(up_axis),
        )
        placed = place_joints(Track(one, np.arange(2)), np.arange(2))
        assert placed['solid']
        assert placed['width'] == placed['height'] == 2000
        found = np.reshape(placed['points'], (2, 13, 3))
        knee, other, head, hip = (
            found[:, names.index(name)].T
            for name in ('left_knee', 'right_knee', 'head', 'left_hip')
        )
        assert (knee[0] > other[0] + 300).all()
        assert (head[1] < hip[1] - 500).all()
        assert (knee[2] < hip[2] - 50).all()

    def test_who_walks_far_is_kept_in_the_middle(self):
        keypoint = np.repeat(body(1, 2), 50, axis=0)
        keypoint[:, :, 0] += np.linspace(0, 100, 50)[:, None]
        keypoint[3] = np.nan
        one = sequence('a', 50, keypoint=keypoint, skeleton=skeleton())
        placed = place_joints(Track(one, np.arange(50)), np.arange(50))
        rows = placed['points']
        assert rows[3] == [None] * 26
        np.testing.assert_allclose(rows[0], rows[-1], atol=1)
        # Nobody at all is no error.
        nobody = replace(one, keypoint=keypoint * np.nan)
        track = Track(nobody, np.arange(50))
        assert place_joints(track, np.arange(50))['points'][0][0] is None


def test_what_does_not_fit_is_refused():
    good = sequence('good', 4, keypoint=body(4), skeleton=skeleton())
    clock = Track(good, np.arange(4))
    for tracks in (
        [],
        [Track(good, np.array([0, 1, 1, 2]))],
        [clock, Track(good, np.arange(3))],
        [clock, Track(good, np.array([0, 1, 2, 4]))],
        [clock, Track(good, np.arange(4), curve=np.zeros(3))],
        [Track(replace(good, keypoint=None), np.arange(4))],
    ):
        with pytest.raises(ValueError, match=r'expected|nothing'):
            Player(tracks)
    for mark in (Mark('m', 4), Mark('m', 2, 1), Mark('m', 0, track=1)):
        with pytest.raises(ValueError, match="'m'"):
            Player([clock], marks=[mark])


def test_phase_marks_are_runs():
    one = performance('one', 4, 0)
    assert phase_marks(one) == []
    one = replace(one, phase=np.array([-1, 2, 2, 0]))
    assert phase_marks(one) == [
        Mark('phase 2', 1, 2),
        Mark('phase 0', 3, 3),
    ]
    named = replace(one, record=dict(phase_names=['up', 'down', 'hold']))
    assert phase_marks(named, np.array([3, 3, 1])) == [
        Mark('up', 0, 1),
        Mark('hold', 2, 2),
    ]


class TestComparison:
    def test_one_attempt_is_the_clock(self):
        reference = performance('good', 40, 0)
        reference = replace(reference, phase=np.arange(40) // 20)
        one = ReferenceSet([reference]).compare(performance('new', 50, 0.3))
        player = comparison_player([one])
        good, new = player.tracks
        assert player.clock == 1
        np.testing.assert_array_equal(good.frames, one.matches)
        np.testing.assert_array_equal(new.frames, np.arange(50))
        moments = [mark for mark in player.marks if mark.end is None]
        assert {(m.label, m.start) for m in moments} >= {
            (d.sentence, d.frame) for d in one.differences(3)
        }
        angles = [d.curves for d in one.joints if d.unit == 'degrees']
        for t in (0, 25, 49):
            apart = [abs(own[t] - mean[t]) for own, mean, _ in angles]
            assert new.curve[t] == pytest.approx(np.mean(apart))
        phases = [mark for mark in player.marks if mark.end is not None]
        assert [mark.label for mark in phases] == ['phase 0', 'phase 1']
        assert one.matches[phases[1].start] == 20

    def test_several_follow_the_reference(self):
        known = ReferenceSet([performance('good', 40, 0)])
        made = [
            known.compare(performance('new', number, knee), first_frame=start)
            for number, knee, start in ((50, 0.3, 0), (30, 0.2, 50))
        ]
        player = comparison_player(made)
        assert player.clock == 0
        scores = [one.score for one in made]
        assert player.shown == [1 + int(np.argmax(scores))]
        assert [track.first_frame for track in player.tracks] == [0, 0, 50]
        for track, one in zip(player.tracks[1:], made, strict=True):
            assert (np.diff(track.frames) >= 0).all()
            assert track.score == one.score
            # A frame that is shown is one that matches, or comes before it.
            for moment, frame in enumerate(track.frames):
                assert one.matches[frame] <= moment
        for mark in player.marks:
            one = made[mark.track - 1]
            frame = player.tracks[mark.track].frames[mark.start]
            expected = {d.sentence: d.frame for d in one.differences(3)}
            assert expected.get(mark.label, frame) == frame

    def test_a_reference_that_is_a_mirror_image_is_played_as_one(self):
        known = ReferenceSet([performance('good', 40, 0)])
        one = known.compare(performance('new', 50, 0.3))
        for turned in (False, True):
            player = comparison_player([replace(one, turned=[turned])])
            assert [t.mirrored for t in player.tracks] == [turned, False]

    def test_without_joints_there_is_nothing_to_play(self):
        plain = [sequence(name, 9) for name in 'ab']
        one = ReferenceSet(plain[:1]).compare(plain[1])
        assert comparison_player([one]) is None
