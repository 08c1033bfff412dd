import os
import sys
from pathlib import Path

import numpy as np
import pytest

from masa.extraction.errors import ExtractionError
from masa.extraction.frames import FrameReader
from masa.extraction.mediapipe_estimator import (
    MediaPipeEstimator,
    assign_sides,
)
from masa.extraction.poses import extract_poses, read_poses
from masa.extraction.sequences import MediaSequence

SHARED = Path(
    os.environ.get('MASA_SHARED', Path(__file__).parents[2] / '../shared')
)
VIDEOS = SHARED / 'videos'
VIDEO = VIDEOS / 'two_people.mp4'


def test_labels_of_mirrored_pictures_are_turned_round():
    assert assign_sides([('Left', 0.9)]) == [1]
    assert assign_sides([('Right', 0.9), ('Left', 0.6)]) == [0, 1]


def test_of_two_hands_of_one_label_the_doubtful_one_is_the_other():
    assert assign_sides([('Left', 0.9), ('Left', 0.6)]) == [1, 0]
    assert assign_sides([('Right', 0.5), ('Right', 0.6)]) == [1, 0]


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mediapipe', None)
    with pytest.raises(ExtractionError, match=r"pip install .*mediapipe\]'"):
        MediaPipeEstimator('body3d')


def test_unknown_target():
    with pytest.raises(ExtractionError, match=r'body2d, .*face'):
        MediaPipeEstimator('face')


@pytest.fixture(scope='module')
def mediapipe():
    return pytest.importorskip(
        'mediapipe', reason='needs the extra "mediapipe"'
    )


@pytest.mark.parametrize(
    ('target', 'joints', 'coordinates'),
    [
        ('body2d', 33, 2),
        ('body3d', 33, 3),
        ('hands2d', 42, 2),
        ('hands3d', 42, 3),
    ],
)
def test_nobody_in_noise(mediapipe, target, joints, coordinates):
    estimator = MediaPipeEstimator(target)
    estimator.prepare()
    assert len(estimator.skeleton['joints']) == joints
    assert estimator.num_coordinates == coordinates
    assert 'mediapipe' in estimator.settings['weights']
    frames = np.random.default_rng(0).integers(0, 255, (3, 60, 80, 3))
    assert list(estimator.detect(frames.astype(np.uint8))) == [[], [], []]


def test_loading_models_does_not_disturb_the_progress(mediapipe, capfd):
    estimator = MediaPipeEstimator('hands2d')
    estimator.prepare()
    capfd.readouterr()
    assert list(estimator.detect(np.zeros((2, 60, 80, 3), np.uint8)))
    print('shown', file=sys.stderr)
    assert capfd.readouterr().err == 'shown\n'


def test_no_frames(mediapipe):
    assert list(MediaPipeEstimator('body2d').detect([])) == []


@pytest.mark.realdata
@pytest.mark.parametrize(
    ('video', 'target', 'length', 'expected'),
    [
        # Of bodies, arms here and legs there.
        ('arm_wrestling', 'body2d', 280, 167),
        ('test', 'body2d', 300, 235),
        ('arm_wrestling', 'hands2d', 280, 231),
    ],
)
def test_parts_of_bodies(mediapipe, tmp_path, video, target, length, expected):
    pytest.importorskip('av', reason='needs the extra "features"')
    path = VIDEOS / f'{video}.mp4'
    if not path.exists():
        pytest.skip(f'there is no {path}')
    estimator = MediaPipeEstimator(target)
    estimator.prepare()
    frames, found = extract_poses(
        MediaSequence(video, path), tmp_path / 'poses.npy', estimator
    )
    assert frames == length
    # Counted once; other processors round otherwise.
    assert abs(found - expected) <= 0.05 * length


@pytest.mark.realdata
class TestVideo:
    @pytest.fixture(scope='class')
    def poses(self, mediapipe, tmp_path_factory):
        pytest.importorskip('av', reason='needs the extra "features"')
        if not VIDEO.exists():
            pytest.skip(f'there is no {VIDEO}')
        found = {}
        for target, coordinates in (('body2d', 2), ('body3d', 3)):
            estimator = MediaPipeEstimator(target)
            estimator.prepare()
            path = tmp_path_factory.mktemp('poses') / f'{target}.npy'
            counts = extract_poses(
                MediaSequence('two_people', VIDEO), path, estimator
            )
            assert counts == (72, 72)
            found[target] = read_poses(path, 33, coordinates)
        return found

    def test_pixels_lie_in_the_picture(self, poses):
        keypoint, score = poses['body2d']
        height, width = next(iter(FrameReader(VIDEO))).shape[:2]
        assert (keypoint > 0).all()
        assert (keypoint < (width, height)).all()
        assert score.min() >= 0
        assert np.median(score) > 0.9

    def test_metres_are_those_of_a_body(self, poses):
        keypoint, _ = poses['body3d']
        names = MediaPipeEstimator('body3d').skeleton['joints']
        joint = {name: keypoint[:, i] for i, name in enumerate(names)}
        hips = (joint['left_hip'] + joint['right_hip']) / 2
        assert np.abs(hips).max() < 0.02
        height = joint['left_ankle'] - joint['nose']
        # y points down.
        assert 1.0 < np.median(height[:, 1]) < 1.8
        # He faces the camera: his left is on the picture's right.
        side = joint['left_shoulder'] - joint['right_shoulder']
        assert 0.2 < np.median(side[:, 0]) < 0.6
