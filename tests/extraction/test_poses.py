import os

import cv2
import numpy as np
import pytest

from masa.extraction.errors import SequenceError
from masa.extraction.pose_estimator import Detection, PoseEstimator
from masa.extraction.poses import (
    extract_poses,
    interpolate_poses,
    read_poses,
)
from masa.extraction.sequences import MediaSequence
from masa.extraction.timestamps import read_timestamps

HIDDEN = 255


class Brightness(PoseEstimator):
    """Sees a person in every frame that is not white, and a small other."""

    skeleton = dict(joints=['a', 'b', 'c'])
    num_coordinates = 2
    settings = {}

    def prepare(self):
        pass

    def detect(self, frames):
        for frame in frames:
            value = float(frame.mean())
            if value == HIDDEN:
                yield []
                continue
            found = []
            for x, size in ((0, 9), (500, 3)):
                keypoint = np.full((3, 2), x + value)
                keypoint[2] = np.nan
                box = np.array([x, 0, x + size, size])
                found.append(Detection(box, 1.0, keypoint, np.full(3, 0.5)))
            yield found


class Raised(Brightness):
    """Adds a coordinate afterwards."""

    num_coordinates = 3

    def complete(self, keypoint, keypoint_score):
        return np.concatenate([keypoint, keypoint[..., :1]], -1), (
            keypoint_score / 2
        )


@pytest.fixture
def sequence(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for i, value in enumerate([10, 20, HIDDEN, HIDDEN, 50]):
        image = np.full((4, 4, 3), value, np.uint8)
        cv2.imwrite(str(folder / f'{i}.png'), image)
        os.utime(folder / f'{i}.png', (1000 + i, 1000 + i))
    os.utime(folder, (999, 999))
    return MediaSequence('a/images', folder)


def test_rows(sequence, tmp_path):
    output = tmp_path / 'poses' / 'a' / 'images.npy'
    counted = []
    length, found = extract_poses(
        sequence, output, Brightness(), advance=counted.append
    )
    assert (length, found) == (5, 3)
    assert sum(counted) == 5
    rows = np.load(output)
    assert rows.shape == (5, 9)
    assert rows.dtype == np.float32
    keypoint, score = read_poses(output, 3, 2)
    seen = np.isfinite(keypoint).all(-1)
    assert seen.tolist() == [
        [frame, frame, False] for frame in (True, True, False, False, True)
    ]
    assert keypoint[:, 0, 0][[0, 1, 4]].tolist() == [10, 20, 50]
    assert score[:, 0].tolist() == [0.5, 0.5, 0, 0, 0.5]
    # Dated as its newest frame, so that a later change shows.
    assert output.stat().st_mtime == 1004


def test_another_person(sequence, tmp_path):
    output = tmp_path / 'poses.npy'
    extract_poses(sequence, output, Brightness(), person=2)
    keypoint, _ = read_poses(output, 3, 2)
    assert keypoint[0, 0, 0] == 510
    with pytest.raises(SequenceError, match=r'images: 2 .*3'):
        extract_poses(sequence, output, Brightness(), person=3)


def test_completed_poses(sequence, tmp_path):
    output = tmp_path / 'poses.npy'
    extract_poses(sequence, output, Raised())
    keypoint, score = read_poses(output, 3, 3)
    assert keypoint[0].tolist()[:2] == [[10, 10, 10]] * 2
    assert score[0, 0] == 0.25


def test_too_few_frames_show_the_person(sequence, tmp_path):
    output = tmp_path / 'poses.npy'
    extract_poses(sequence, output, Brightness(), min_found=0.6)
    output.unlink()
    with pytest.raises(SequenceError, match=r'3 of 5 .*61%'):
        extract_poses(sequence, output, Brightness(), min_found=0.61)
    assert not output.exists()


def test_nobody(sequence, tmp_path):
    for path in sequence.path.iterdir():
        cv2.imwrite(str(path), np.full((4, 4, 3), HIDDEN, np.uint8))
    with pytest.raises(SequenceError, match=sequence.path.name):
        extract_poses(sequence, tmp_path / 'p.npy', Brightness(), min_found=0)


def test_other_length(sequence, tmp_path):
    with pytest.raises(SequenceError, match=r"5 .*'a/images"):
        extract_poses(
            sequence, tmp_path / 'p.npy', Brightness(), expected_frames=6
        )
    assert not (tmp_path / 'p.npy').exists()


def plain_interpolation(keypoint, score, samples, length):
    frames, scores = [], []
    for t in range(length):
        before = max(i for i, s in enumerate(samples) if s <= t)
        after = min(
            (i for i, s in enumerate(samples) if s >= t), default=before
        )
        share = 0.0
        if after != before:
            share = (t - samples[before]) / (samples[after] - samples[before])
        frames.append((1 - share) * keypoint[before] + share * keypoint[after])
        scores.append(np.minimum(score[before], score[after]))
    return np.array(frames), np.array(scores)


@pytest.mark.parametrize(
    ('samples', 'length'),
    [([0], 1), ([0], 3), ([0, 1, 2], 3), ([0, 3, 4, 9], 12), ([0, 6], 7)],
)
def test_poses_between_samples(samples, length):
    rng = np.random.default_rng(0)
    keypoint = rng.normal(size=(len(samples), 4, 2))
    score = rng.uniform(0.1, 1, size=(len(samples), 4))
    if len(samples) > 2:
        keypoint[1, 2] = np.nan
        score[1, 2] = 0
    found = interpolate_poses(keypoint, score, samples, length)
    expected = plain_interpolation(keypoint, score, samples, length)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    assert np.isnan(found[0]).any(-1).tolist() == (found[1] == 0).tolist()


def test_a_time_step(tmp_path):
    files = pytest.importorskip('video_files', reason='needs "features"')
    frames = [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(10)]
    video = files.write_video(tmp_path / 'a.mp4', frames)
    sequence = MediaSequence('a', video)
    full, some = tmp_path / 'full.npy', tmp_path / 'some.npy'
    counted = []
    extract_poses(sequence, full, Brightness())
    length, found = extract_poses(
        *(sequence, some, Brightness()),
        advance=counted.append,
        time_step=0.1,
    )
    assert (length, found, sum(counted)) == (10, 10, 10)
    expected, keypoint = (read_poses(one, 3, 2)[0] for one in (full, some))
    # Every third of 30 frames a second is seen; brightness is linear.
    np.testing.assert_array_equal(keypoint[::3], expected[::3])
    np.testing.assert_allclose(keypoint, expected, atol=2)
    times = [read_timestamps(one).tolist() for one in (full, some)]
    assert times[0] == times[1]


def test_images_have_no_time_step(sequence, tmp_path):
    with pytest.raises(SequenceError, match=sequence.path.name):
        extract_poses(
            sequence, tmp_path / 'p.npy', Brightness(), time_step=0.1
        )
