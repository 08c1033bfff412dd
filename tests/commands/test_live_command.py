"""masa live, on small data."""

import csv
import json

import av
import cv2
import numpy as np
import pytest

import masa
from masa.cli import main
from masa.commands import live_sources
from masa.commands.live_run import in_real_time
from masa.datasets import save_annotations
from masa.datasets.random_activities.body import BONES, place_joints, pose
from masa.datasets.skeletons import BLAZEPOSE_33, PENN_ACTION
from masa.datasets.transforms.body_joints import find_body_joints
from masa.extraction import mediapipe_estimator
from masa.extraction.pose_estimator import Detection

RATE = 30


def motion(frames):
    """Somebody who bends the knees, in the picture: (T, 13, 2)."""
    way = np.sin(np.linspace(0, np.pi, frames))[:, None]
    bent = pose(leg_raise=60, leg_knee=100, left_arm_raise=150)
    body = place_joints(way * bent, np.array(list(BONES.values())))
    across = body[..., 0] * np.cos(0.5) + body[..., 2] * np.sin(0.5)
    return 60 * np.stack([across, -body[..., 1]], -1) + 100


@pytest.fixture
def files(tmp_path):
    """A reference of 0.8 s, and a slower attempt without a person at last."""
    np.save(tmp_path / 'reference.npy', motion(24))
    attempt = motion(40)
    attempt[36:] = np.nan
    np.save(tmp_path / 'attempt.npy', attempt)
    return tmp_path


def run(folder, *options, source='attempt.npy'):
    source = ['--source', folder / source] if source else []
    command = ['live', folder / 'reference.npy', *source, *options]
    return main([*map(str, command), '--frame-rate', str(RATE)])


def rows_of(path):
    with open(path, encoding='utf-8') as file:
        return list(csv.DictReader(file))


def size_of(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return len(frames), frames[0].width, frames[0].height


def test_table_and_video(files, capsys):
    outputs = '-o', files / 'live.csv', '-o', files / 'live.mp4'
    assert run(files, *outputs, '--height', '64') == 0
    rows = rows_of(files / 'live.csv')
    assert len(rows) == 40
    seconds = [float(row['second']) for row in rows]
    np.testing.assert_allclose(seconds, np.arange(40) / RATE, atol=1e-3)
    found = np.array([float(row['reference second']) for row in rows])
    assert (np.abs(found - np.array(seconds) * 23 / 39)[5:36] < 0.2).all()
    for row in rows:
        frame = float(row['reference second']) * RATE
        assert abs(int(row['reference frame']) - frame) <= 0.55
    assert float(rows[30]['confidence']) > 0.5
    assert float(rows[-1]['confidence']) < 0.5
    assert float(rows[30]['score']) > 0.8
    # Title and bar are above and below; both cells are 80 wide at least.
    assert size_of(files / 'live.mp4') == (40, 180, 108)
    printed = capsys.readouterr()
    assert 'attempt' in printed.out
    (told,) = [
        line for line in printed.err.splitlines() if 'embedding' in line
    ]
    assert 'reference' in told
    # The same by the Python interface.
    model = masa.load(frame_rate=RATE)
    sequences = model.embed(
        [str(files / 'reference.npy'), str(files / 'attempt.npy')]
    )
    live = model.follow(sequences[0])
    for joints, score, second, row in zip(
        sequences[1].keypoint,
        sequences[1].keypoint_score,
        sequences[1].timestamps,
        rows,
        strict=True,
    ):
        state = live.push(joints, second, score)
        assert abs(state.reference_time - float(row['reference second'])) < (
            1e-3
        )


def test_json_and_gif(files):
    outputs = '-o', files / 'live.json', '-o', files / 'live.gif'
    assert run(files, *outputs, '--height', '32') == 0
    found = json.loads((files / 'live.json').read_text())
    assert {len(column) for column in found.values()} == {40}
    # 25 a second, as a GIF can hold.
    assert size_of(files / 'live.gif')[0] in (33, 34)


def test_other_layout_and_named_sequences(files):
    """Reference and attempt in one annotation file; a second one apart."""
    names = ['good', 'tried']
    records = [
        dict(
            frame_dir=name,
            total_frames=len(joints),
            frame_rate=RATE,
            keypoint=joints[None].astype(np.float32),
            label=0,
        )
        for name, joints in zip(names, (motion(24), motion(30)), strict=True)
    ]
    path = files / 'both.pkl'
    save_annotations(
        dict(
            split=dict(all=names),
            annotations=records,
            activities=['bend'],
            skeleton=PENN_ACTION,
        ),
        path,
    )
    options = ['--reference', 'good', '--only', 'tried']
    output = str(files / 'live.csv')
    command = ['live', str(path), '--source', str(files / 'attempt.npy')]
    assert main([*command, *options, '-o', output, '--frame-rate', '30']) == 0
    assert len(rows_of(output)) == 30
    # Both of one file.
    command = ['live', str(path), '--source', str(path), *options]
    assert main([*command, '-o', output, '--overwrite']) == 0
    assert len(rows_of(output)) == 30
    command[3] = str(files / 'attempt.npy')
    options = ['--reference', 'good', '--overwrite', '-o', output]
    command = command[:4]
    assert main([*command, *options, '--frame-rate', '30']) == 2


class FakeCapture:
    """A camera of 30 frames, or one that is not there."""

    opened: list = []

    def __init__(self, number):
        self.number, self.left, self.is_released = number, 30, False
        self.opened.append(self)

    def isOpened(self):
        return self.number == 0

    def read(self):
        self.left -= 1
        blue = np.zeros((48, 64, 3), np.uint8)
        blue[..., 0] = 255
        return self.left >= 0, blue

    def release(self):
        self.is_released = True


class FakeEstimator:
    """Finds a person by the number of the frame."""

    def __init__(self, target, model=None):
        assert target == 'body2d'
        self.skeleton, self.num_coordinates = BLAZEPOSE_33, 2

    def prepare(self):
        pass

    def detect(self, frames):
        body = motion(30)
        joints = np.zeros((30, 33, 2))
        for i, sources in enumerate(
            find_body_joints(BLAZEPOSE_33['joints']).values()
        ):
            joints[:, sources] = body[:, [i]]
        for i, frame in enumerate(frames):
            assert (frame[..., 2] == 255).all()
            score = np.ones(33)
            yield (
                [Detection(np.zeros(4), 1.0, joints[i], score)]
                if i < 25
                else []
            )


@pytest.fixture
def camera(monkeypatch):
    """A clock of 30 frames a second goes with it."""
    ticks = iter(range(10_000))
    monkeypatch.setattr(
        live_sources.time, 'monotonic', lambda: next(ticks) / RATE
    )
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)
    monkeypatch.setattr(
        mediapipe_estimator, 'MediaPipeEstimator', FakeEstimator
    )
    FakeCapture.opened.clear()


@pytest.fixture
def window(monkeypatch):
    """Takes what is shown, and presses a key after ten pictures."""
    shown = []
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(cv2, 'namedWindow', lambda title: None)
    monkeypatch.setattr(cv2, 'destroyWindow', lambda title: None)
    monkeypatch.setattr(
        cv2, 'imshow', lambda title, picture: shown.append(picture)
    )
    monkeypatch.setattr(
        cv2, 'waitKey', lambda delay: ord('q') if len(shown) == 10 else -1
    )
    return shown


def test_camera_to_a_file(files, camera):
    outputs = '-o', files / 'live.csv', '-o', files / 'live.mp4'
    options = '--camera', 0, '--no-window', '--height', 48
    assert run(files, *outputs, *options, source=None) == 0
    rows = rows_of(files / 'live.csv')
    assert len(rows) == 30
    assert float(rows[22]['confidence']) > 0.5
    assert float(rows[-1]['elsewhere']) > 0.5
    (capture,) = FakeCapture.opened
    assert capture.is_released


def test_camera_in_a_window(files, camera, window):
    options = '--camera', 0, '--height', 48, '-o', files / 'live.csv'
    assert run(files, *options, source=None) == 0
    assert len(window) == 10
    # The frame is blue for OpenCV, but where the skeleton is.
    blue = (window[0][24:72, :60] == [255, 0, 0]).all(-1)
    assert blue.mean() > 0.5
    assert len(rows_of(files / 'live.csv')) == 10
    (capture,) = FakeCapture.opened
    assert capture.is_released


def test_camera_that_is_not_there(files, camera, capsys):
    options = '--camera', 7, '--no-window', '-o', files / 'live.csv'
    assert run(files, *options, source=None) == 2
    assert 'camera 7' in capsys.readouterr().err


def test_no_display(files, camera, monkeypatch, capsys):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr('sys.platform', 'linux')
    assert run(files, '--camera', 0, source=None) == 2
    assert '--no-window' in capsys.readouterr().err


def test_real_time():
    pictures = [(0.0, 'a'), (0.1, 'b'), (0.4, 'c'), (0.42, 'd')]
    assert ''.join(in_real_time(pictures, 10)) == 'abbbd'
    assert ''.join(in_real_time(pictures[:1], 10)) == 'a'
    assert list(in_real_time([], 10)) == []


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ([], '--output'),
        (['-o', 'live.txt'], '.csv'),
        (['-o', 'a.csv', '-o', 'b.json'], 'one of'),
        (['-o', 'a.csv', '--camera', '0'], 'not allowed'),
    ],
)
def test_wrong_arguments(files, options, said, capsys):
    with pytest.raises(SystemExit) as ended:
        run(files, *options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_unknown_times(files, capsys):
    command = ['live', files / 'reference.npy', '--source']
    command += [files / 'attempt.npy', '-o', files / 'live.csv']
    assert main([str(part) for part in command]) == 2
    assert '--frame-rate' in capsys.readouterr().err
