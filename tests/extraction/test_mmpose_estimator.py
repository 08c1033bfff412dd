import warnings

import numpy as np
import pytest
import torch
from payload import Payload

from masa.extraction import mmpose_estimator
from masa.extraction.errors import ExtractionError
from masa.extraction.mmpose_estimator import MMPoseEstimator
from masa.extraction.mmpose_lifting import lift
from masa.extraction.mmpose_models import find_model
from masa.support.compat import provide_mmcv_operators

provide_mmcv_operators()
with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    pytest.importorskip('mmpose', reason='needs the extra "skeletons"')
    pytest.importorskip('mmdet', reason='needs the extra "skeletons"')

VIDEO_POSE = (
    'mmpose::body_3d_keypoint/video_pose_lift/h36m/'
    'video-pose-lift_tcn-27frm-supv_8xb128-160e_h36m.py'
)
TINY = (
    'mmpose::body_2d_keypoint/rtmpose/body8/'
    'rtmpose-t_8xb256-420e_body8-256x192.py'
)


def noise(number):
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (number, 60, 80, 3), dtype=np.uint8)


def build(target, **options):
    options = dict(dict(detector='none', random_seed=0), **options)
    estimator = MMPoseEstimator(target, 'cpu', **options)
    estimator.prepare()
    return estimator


@pytest.mark.parametrize(
    ('target', 'joints', 'options'),
    [
        ('body2d', 17, dict(pose_model=TINY)),
        ('hands2d', 42, {}),
    ],
)
def test_one_person_fills_the_picture(target, joints, options):
    estimator = build(target, **options)
    assert len(estimator.skeleton['joints']) == joints
    found = list(estimator.detect(noise(2)))
    assert [len(frame) for frame in found] == [1, 1]
    for (one,) in found:
        assert one.box.tolist() == [0, 0, 80, 60]
        assert one.keypoint.shape == (joints, 2)
        assert one.keypoint_score.shape == (joints,)
        assert np.isfinite(one.keypoint).all()
        assert 0 <= one.keypoint_score.min() <= one.keypoint_score.max() <= 1
    again = build(target, **options)
    assert again.settings == estimator.settings
    for frame, other in zip(found, again.detect(noise(2)), strict=True):
        np.testing.assert_array_equal(frame[0].keypoint, other[0].keypoint)


def test_colours_are_those_that_mmpose_reads(tmp_path):
    """From an image file, which mmpose opens by itself."""
    import cv2
    from mmpose.apis import inference_topdown

    (frame,) = noise(1)
    path = tmp_path / 'frame.png'
    cv2.imwrite(str(path), frame[..., ::-1])
    estimator = build('body2d', pose_model=TINY)
    ((one,),) = estimator.detect([frame])
    (expected,) = inference_topdown(estimator._models['pose'], str(path))
    np.testing.assert_allclose(
        one.keypoint, expected.pred_instances.keypoints[0], atol=1e-3
    )


def test_people_are_found(monkeypatch):
    estimator = build('body2d', pose_model=TINY, detector='person')
    # Random scores lie near one half.
    found = list(estimator.detect(noise(1)))
    assert len(found) == 1
    assert 1 <= len(found[0]) <= mmpose_estimator.MOST_PEOPLE
    prominence = [
        np.prod(one.box[2:] - one.box[:2]) * one.score for one in found[0]
    ]
    assert prominence == sorted(prominence, reverse=True)
    monkeypatch.setattr(mmpose_estimator, 'PERSON_SCORE', 1.0)
    assert list(estimator.detect(noise(1))) == [[]]


def test_a_hand_that_is_not_sure_is_not_found(monkeypatch):
    estimator = build('hands2d')
    ((one,),) = estimator.detect(noise(1))
    scores = one.keypoint_score.reshape(2, 21).mean(1)
    sample = type('Sample', (), {})()
    sample.pred_instances = type('Instances', (), {})()
    sample.pred_instances.keypoints = np.ones((1, 133, 2), np.float32)
    sample.pred_instances.keypoint_scores = np.ones((1, 133), np.float32)
    sample.pred_instances.keypoint_scores[0, 112:] = 0.2
    found = estimator._detection(sample, one.box, 1.0)
    assert np.isfinite(found.keypoint[:21]).all()
    assert np.isnan(found.keypoint[21:]).all()
    assert (found.keypoint_score[21:] == 0).all()
    sample.pred_instances.keypoint_scores[0, 91:] = 0.2
    assert estimator._detection(sample, one.box, 1.0) is None
    assert scores.shape == (2,)


class TestLifting:
    @pytest.fixture(scope='class')
    def motionbert(self):
        return build('body3d', pose_model=TINY)._models['lifter']

    @pytest.fixture(scope='class')
    def walk(self):
        rng = np.random.default_rng(1)
        start = rng.uniform(100, 300, (17, 2))
        return start + rng.normal(size=(300, 17, 2)).cumsum(0)

    def test_all_frames_of_a_window(self, motionbert, walk):
        score = np.full((300, 17), 0.7)
        lifted, found = lift(motionbert, walk, score)
        assert lifted.shape == (300, 17, 3)
        assert np.isfinite(lifted).all()
        assert (lifted[:, 0] == 0).all()
        np.testing.assert_allclose(found, 0.7)
        # Motion matters: frames see each other.
        alone, _ = lift(motionbert, walk[:1], score[:1])
        assert not np.allclose(alone[0], lifted[0], atol=1e-3)

    def test_short_windows_come_whole(self, motionbert, walk):
        score = np.ones((243, 17))
        one, _ = lift(motionbert, walk[:243], score)
        stats = motionbert.dataset_meta['stats_info']
        assert stats['bbox_scale'] == 400
        # Neither place nor size of the person in the picture matters.
        other, _ = lift(motionbert, walk[:243] * 2 + 50, score)
        np.testing.assert_allclose(one, other, atol=1e-4)

    def test_frames_without_the_person(self, motionbert, walk):
        poses = walk[:10].copy()
        poses[3:5] = np.nan
        score = np.ones((10, 17))
        score[3:5] = 0
        lifted, found = lift(motionbert, poses, score)
        lost = np.isnan(lifted).all((1, 2))
        assert np.flatnonzero(lost).tolist() == [3, 4]
        assert (found[3:5] == 0).all()
        assert np.isfinite(lifted[~lost]).all()

    def test_a_window_around_every_frame(self, walk):
        estimator = build('body3d', pose_model=TINY, lifter=VIDEO_POSE)
        model = estimator._models['lifter']
        lifted, _ = lift(model, walk[:40], np.ones((40, 17)))
        assert lifted.shape == (40, 17, 3)
        assert np.isfinite(lifted).all()
        # A frame's window has 13 frames on either side. Its box must stay.
        changed = walk[:40].copy()
        changed[39, 5] += 1e-3
        other, _ = lift(model, changed, np.ones((40, 17)))
        same = np.isclose(lifted, other, atol=1e-9).all((1, 2))
        assert same[:26].all()
        assert not same[39]


class TestWeights:
    @pytest.fixture(scope='class')
    def model(self):
        return build('body2d', pose_model=TINY)

    def load(self, path):
        estimator = MMPoseEstimator(
            'body2d',
            'cpu',
            pose_model=TINY,
            pose_weights=path,
            detector='none',
        )
        estimator.prepare()
        return estimator

    def test_a_checkpoint_with_arrays_beside_its_weights(
        self, model, tmp_path
    ):
        path = tmp_path / 'checkpoint.pth'
        state = model._models['pose'].state_dict()
        sigmas = np.ones(17, np.float32)
        meta = dict(dataset_meta=dict(sigmas=sigmas, one=np.float64(3)))
        torch.save(dict(state_dict=state, meta=meta), path)
        loaded = self.load(path)
        assert loaded.settings['weights'] == model.settings['weights']
        assert loaded.settings['random_weights'] is None

    def test_code_is_not_run(self, tmp_path):
        path = tmp_path / 'bad.pth'
        torch.save(dict(state_dict={}, meta=Payload(tmp_path / 'made')), path)
        with pytest.raises(ExtractionError, match=r'bad\.pth'):
            self.load(path)
        assert not (tmp_path / 'made').exists()

    def test_missing_and_misshapen_weights(self, model, tmp_path):
        path = tmp_path / 'part.pth'
        state = model._models['pose'].state_dict()
        name = next(n for n in state if n.startswith('head.'))
        torch.save({n: v for n, v in state.items() if n != name}, path)
        with pytest.raises(ExtractionError, match=f'1 .*{name}'):
            self.load(path)
        torch.save(dict(state, **{name: torch.zeros(1)}), path)
        with pytest.raises(ExtractionError, match=r'part\.pth'):
            self.load(path)
        path.write_bytes(b'nothing')
        with pytest.raises(ExtractionError, match=r'part\.pth'):
            self.load(path)

    def test_no_connection_says_where_to_get_them(self, monkeypatch):
        def fail(url, **_):
            raise OSError('no route to host')

        monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', fail)
        with pytest.raises(ExtractionError) as caught:
            self.load(None)
        message = str(caught.value)
        assert 'https://download.openmmlab.com/mmpose/v1/projects/' in message
        assert '--pose-weights' in message


def test_what_cannot_be_built(tmp_path):
    with pytest.raises(ExtractionError, match='body2d, body3d, hands2d'):
        MMPoseEstimator('hands3d', 'cpu')
    with pytest.raises(ExtractionError, match=r'nothing\.py'):
        find_model('nothing.py', None, '--pose-weights')
    with pytest.raises(ExtractionError, match='mmpose::nothing'):
        find_model('mmpose::nothing.py', None, '--pose-weights')
    with pytest.raises(ExtractionError, match='mmpose::'):
        find_model('other::a.py', None, '--pose-weights')
    with pytest.raises(ExtractionError, match=r"133 joints.*COCO's 17"):
        build('body2d', pose_model=mmpose_estimator.WHOLE_BODY)


def test_every_default_has_weights():
    for name in (
        mmpose_estimator.BODY,
        mmpose_estimator.WHOLE_BODY,
        mmpose_estimator.LIFTER,
        'person',
    ):
        source = find_model(name, None, '--weights')
        assert source.weights.startswith('https://download.openmmlab.com/')
