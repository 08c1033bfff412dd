import os
import sys
from itertools import islice
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


def test_sides_of_hands():
    assert assign_sides([('Left', 0.9)]) == [0]
    assert assign_sides([('Right', 0.9), ('Left', 0.6)]) == [1, 0]


def test_of_two_hands_of_one_label_the_doubtful_one_is_the_other():
    assert assign_sides([('Left', 0.9), ('Left', 0.6)]) == [0, 1]
    assert assign_sides([('Right', 0.5), ('Right', 0.6)]) == [0, 1]


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mediapipe', None)
    with pytest.raises(ExtractionError, match=r"pip install .*mediapipe\]'"):
        MediaPipeEstimator('body3d')


def test_unknown_target():
    with pytest.raises(ExtractionError, match=r'body2d, .*face'):
        MediaPipeEstimator('face')


def test_without_models(monkeypatch, tmp_path):
    for name, text in (
        ('mediapipe/__init__.py', ''),
        ('mediapipe-1.2.3.dist-info/METADATA', 'Version: 1.2.3'),
    ):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'mediapipe', raising=False)
    with pytest.raises(ExtractionError, match=r'1\.2\.3 .*--pose-weights'):
        MediaPipeEstimator('body3d')


def test_missing_model_file(tmp_path):
    with pytest.raises(ExtractionError, match=r'none\.task'):
        MediaPipeEstimator('body3d', tmp_path / 'none.task')


@pytest.fixture(scope='module')
def mediapipe():
    module = pytest.importorskip(
        'mediapipe', reason='needs the extra "mediapipe"'
    )
    if not hasattr(module, 'solutions'):
        pytest.skip(
            f'MediaPipe {module.__version__} carries no models; 0.10.21, for '
            'NumPy 1 and Python up to 3.12, does'
        )
    return module


# Where MediaPipe keeps the models, and their ranges of pixels by mean and
# standard deviation: pose_detection_cpu.pbtxt has [-1, 1], the others [0, 1].
BUNDLES = {
    'body': {
        'pose_detector': ('pose_detection/pose_detection', 127.5, 127.5),
        'pose_landmarks_detector': (
            *('pose_landmark/pose_landmark_full', 0.0, 255.0),
        ),
    },
    'hands': {
        'hand_detector': ('palm_detection/palm_detection_full', 0.0, 255.0),
        'hand_landmarks_detector': (
            *('hand_landmark/hand_landmark_full', 0.0, 255.0),
        ),
    },
}


@pytest.fixture(scope='module')
def bundles(mediapipe, tmp_path_factory):
    """Model files for MediaPipe Tasks, made of the models of the wheel."""
    from mediapipe.tasks.python.metadata.metadata_writers import (
        metadata_writer,
        model_asset_bundle_utils,
    )

    modules = Path(mediapipe.__file__).parent / 'modules'
    folder = tmp_path_factory.mktemp('bundles')
    for kind, models in BUNDLES.items():
        contents = {}
        for name, (source, mean, deviation) in models.items():
            buffer = bytearray((modules / f'{source}.tflite').read_bytes())
            writer = metadata_writer.MetadataWriter.create(buffer)
            writer.add_image_input([mean], [deviation])
            contents[f'{name}.tflite'] = bytes(writer.populate()[0])
        model_asset_bundle_utils.create_model_asset_bundle(
            contents, str(folder / f'{kind}.task')
        )
    return folder


@pytest.fixture(params=['solutions', 'tasks'])
def model_file(request, bundles):
    """Get the model file for a target."""
    if request.param == 'solutions':
        return lambda target: None
    return lambda target: bundles / f'{target[:-2]}.task'


@pytest.mark.parametrize(
    ('target', 'joints', 'coordinates'),
    [
        ('body2d', 33, 2),
        ('body3d', 33, 3),
        ('hands2d', 42, 2),
        ('hands3d', 42, 3),
    ],
)
def test_nobody_in_noise(model_file, target, joints, coordinates):
    estimator = MediaPipeEstimator(target, model_file(target))
    estimator.prepare()
    assert len(estimator.skeleton['joints']) == joints
    assert estimator.num_coordinates == coordinates
    assert 'mediapipe' in estimator.settings['weights']
    frames = np.random.default_rng(0).integers(0, 255, (3, 60, 80, 3))
    assert list(estimator.detect(frames.astype(np.uint8))) == [[], [], []]


def test_loading_models_does_not_disturb_the_progress(model_file, capfd):
    estimator = MediaPipeEstimator('hands2d', model_file('hands2d'))
    estimator.prepare()
    capfd.readouterr()
    assert list(estimator.detect(np.zeros((2, 60, 80, 3), np.uint8)))
    print('shown', file=sys.stderr)
    assert capfd.readouterr().err == 'shown\n'


def test_no_frames(model_file):
    estimator = MediaPipeEstimator('body2d', model_file('body2d'))
    assert list(estimator.detect([])) == []


def test_model_file_of_another_kind(bundles):
    estimator = MediaPipeEstimator('body2d', bundles / 'hands.task')
    with pytest.raises(ExtractionError, match=r'hands\.task .*body2d'):
        estimator.prepare()


def test_model_files_tell_poses_apart(bundles):
    settings = []
    for model in (None, bundles / 'body.task', bundles / 'body.task'):
        estimator = MediaPipeEstimator('body3d', model)
        estimator.prepare()
        settings.append(estimator.settings)
    assert settings[0] != settings[1] == settings[2]


def _read(name, frames):
    pytest.importorskip('av', reason='needs the extra "features"')
    path = VIDEOS / f'{name}.mp4'
    if not path.exists():
        pytest.skip(f'there is no {path}')
    return list(islice(FrameReader(path), frames))


def _keypoints(target, model, frames):
    """Keypoints (T, V, C), NaN where nothing is found."""
    estimator = MediaPipeEstimator(target, model)
    missing = np.full(
        (len(estimator.skeleton['joints']), estimator.num_coordinates), np.nan
    )
    return np.stack(
        [
            found[0].keypoint if found else missing
            for found in estimator.detect(frames)
        ]
    )


@pytest.mark.realdata
@pytest.mark.parametrize(
    ('target', 'video', 'length', 'median', 'most'),
    # Pixels of a body that is 550 pixels high; meters; pixels. What is found
    # in a frame says where to look in the next one, so that small differences
    # grow with time.
    [
        ('body2d', 'two_people', 5, 0.5, 4),
        ('body3d', 'two_people', 5, 0.005, 0.05),
        ('hands2d', 'arm_wrestling', 120, 0.5, 4),
    ],
)
def test_tasks_and_solutions_find_the_same(
    bundles, target, video, length, median, most
):
    frames = _read(video, length)
    poses = [
        _keypoints(target, model, frames)
        for model in (None, bundles / f'{target[:-2]}.task')
    ]
    # Both find a hand, or neither does, and call it by the same side.
    found = [np.isfinite(pose) for pose in poses]
    assert (found[0] == found[1]).mean() > 0.9
    difference = np.abs(poses[0] - poses[1])[found[0] & found[1]]
    assert np.median(difference) < median
    assert np.quantile(difference, 0.95) < most


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
