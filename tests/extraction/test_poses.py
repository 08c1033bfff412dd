import os

import cv2
import numpy as np
import pytest

from masa.extraction.errors import SequenceError
from masa.extraction.pose_estimator import Detection, PoseEstimator
from masa.extraction.poses import extract_poses, read_poses
from masa.extraction.sequences import MediaSequence

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
