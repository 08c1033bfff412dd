import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from ..datasets.skeletons import COCO_17, H36M_17, HANDS_42
from .errors import ExtractionError
from .feature_weights import digest_of
from .mmpose_lifting import lift
from .mmpose_models import ModelSource, find_model, load_weights
from .pose_estimator import Detection, PoseEstimator

BODY = (
    'mmpose::body_2d_keypoint/rtmpose/body8/'
    'rtmpose-m_8xb256-420e_body8-256x192.py'
)
WHOLE_BODY = (
    'mmpose::wholebody_2d_keypoint/rtmpose/coco-wholebody/'
    'rtmpose-m_8xb64-270e_coco-wholebody-256x192.py'
)
LIFTER = (
    'mmpose::body_3d_keypoint/motionbert/h36m/'
    'motionbert_dstformer-ft-243frm_8xb32-120e_h36m.py'
)
# Defaults of ``MMPoseInferencer``.
PERSON_SCORE = 0.3
PERSON_OVERLAP = 0.3
# Only the largest boxes of a crowd, as each costs a forward pass.
MOST_PEOPLE = 10
# mmpose's threshold for drawing joints; a hand counts as found if the mean
# score of its joints reaches it.
HAND_SCORE = 0.3
# Joints of the left and the right hand in COCO-WholeBody.
HANDS = (slice(91, 112), slice(112, 133))

TARGETS = dict(
    body2d=(COCO_17, 2),
    # Human3.6M itself has them in coordinates of the room, too.
    body3d=(H36M_17 | dict(up_axis='-y'), 3),
    hands2d=(HANDS_42, 2),
)


class MMPoseEstimator(PoseEstimator):
    """Estimate poses with a detector, a top-down model and a lifter of mmpose.

    Args:
        target (str): ``body2d``, COCO's joints in pixels; ``body3d``,
            Human3.6M's joints lifted to 3D, relative to the pelvis, in meters
            up to the scale that one camera leaves open, x right, y down and z
            forward; ``hands2d``, two hands in pixels.
        device (str): Such as ``cuda:0``.
        pose_model (str, optional): Config of a top-down model with COCO's 17
            joints, or for hands with COCO-WholeBody's 133; see
            :func:`find_model`. Defaults to RTMPose-m.
        pose_weights (Path, optional): Its weights. Defaults to those in the
            model zoo of mmpose.
        detector (str): Config of an mmdet detector whose class 0 is the
            person; ``person`` for mmpose's default, RTMDet-m; ``none`` if one
            person fills the image.
        detector_weights (Path, optional): Its weights.
        lifter (str, optional): Config of a lifter from Human3.6M's joints.
            Defaults to MotionBERT, fine-tuned.
        lifter_weights (Path, optional): Its weights.
        random_seed (int, optional): Seed of random weights, for a trial run.

    Raises:
        ExtractionError: If mmpose is not installed, or the target or a config
            is unknown.
    """

    def __init__(
        self,
        target: str,
        device: str,
        pose_model: str | None = None,
        pose_weights: Path | None = None,
        detector: str = 'person',
        detector_weights: Path | None = None,
        lifter: str | None = None,
        lifter_weights: Path | None = None,
        random_seed: int | None = None,
    ):
        if target not in TARGETS:
            raise ExtractionError(
                f'--backend mmpose does {", ".join(TARGETS)}, not {target}'
            )
        self.target = target
        self.device = device
        self.random_seed = random_seed
        self.skeleton, self.num_coordinates = TARGETS[target]
        hands = target == 'hands2d'
        name = pose_model or (WHOLE_BODY if hands else BODY)
        self._sources = dict(
            pose=find_model(name, pose_weights, '--pose-weights')
        )
        if detector != 'none':
            self._sources['detector'] = find_model(
                detector, detector_weights, '--detector-weights'
            )
        if target == 'body3d':
            self._sources['lifter'] = find_model(
                lifter or LIFTER, lifter_weights, '--lifter-weights'
            )
        self._models: dict[str, torch.nn.Module] = {}
        self.settings = dict(
            models={
                role: source.name for role, source in self._sources.items()
            },
            random_weights=random_seed,
        )

    def prepare(self) -> None:
        """Load the models; see :class:`PoseEstimator`."""
        for role, source in self._sources.items():
            build = _build_detector if role == 'detector' else _build_pose
            if self.random_seed is not None:
                torch.manual_seed(self.random_seed)
            model = build(source, self.device)
            if self.random_seed is None:
                load_weights(model, source)
            self._models[role] = model
        check_joints(
            self._models['pose'].dataset_meta,
            self.target,
            self._sources['pose'].name,
        )
        self.settings['weights'] = {
            role: digest_of(model) for role, model in self._models.items()
        }

    def detect(
        self, frames: Iterable[np.ndarray]
    ) -> Iterator[list[Detection]]:
        """Find people; see :class:`PoseEstimator`."""
        from mmpose.apis import inference_topdown

        for frame in frames:
            # mmpose and mmdet expect BGR.
            picture = np.ascontiguousarray(frame[..., ::-1])
            boxes, scores = self._find_people(picture)
            samples = (
                inference_topdown(self._models['pose'], picture, boxes)
                if len(boxes)
                else []
            )
            found = [
                self._detection(sample, box, score)
                for sample, box, score in zip(
                    samples, boxes, scores, strict=True
                )
            ]
            yield [detection for detection in found if detection is not None]

    def complete(
        self, keypoint: np.ndarray, keypoint_score: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lift poses to 3D for ``body3d``; see :class:`PoseEstimator`."""
        if self.target != 'body3d':
            return keypoint, keypoint_score
        return lift(self._models['lifter'], keypoint, keypoint_score)

    def _find_people(
        self, picture: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Detect people: boxes (N, 4) and scores (N,)."""
        if 'detector' not in self._models:
            height, width = picture.shape[:2]
            return np.array([[0, 0, width, height]], np.float32), np.ones(1)
        from mmdet.apis import inference_detector
        from mmpose.evaluation.functional import nms

        found = inference_detector(self._models['detector'], picture)
        found = found.pred_instances.cpu().numpy()
        keep = (found.labels == 0) & (found.scores > PERSON_SCORE)
        boxes, scores = found.bboxes[keep], found.scores[keep]
        rows = np.concatenate([boxes, scores[:, None]], axis=1)
        stays = nms(rows, PERSON_OVERLAP)
        boxes, scores = boxes[stays], scores[stays]
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        largest = np.argsort(-area * scores, kind='stable')[:MOST_PEOPLE]
        return boxes[largest], scores[largest]

    def _detection(self, sample, box, score) -> Detection | None:
        keypoint = sample.pred_instances.keypoints[0].astype(np.float64)
        keypoint_score = sample.pred_instances.keypoint_scores[0]
        keypoint_score = np.clip(keypoint_score, 0, 1)
        if self.target == 'hands2d':
            keypoint = np.concatenate([keypoint[hand] for hand in HANDS])
            keypoint_score = np.concatenate(
                [keypoint_score[hand] for hand in HANDS]
            )
            lost = np.repeat(
                keypoint_score.reshape(2, -1).mean(1) < HAND_SCORE, 21
            )
            if lost.all():
                return None
            keypoint[lost], keypoint_score[lost] = np.nan, 0
        return Detection(box, float(score), keypoint, keypoint_score)


def check_joints(meta: dict, target: str, model: str) -> None:
    """Check that a pose model has the joints of a target.

    Names are compared, as models of animals and of Human3.6M have as many
    joints as COCO. ``meta`` is the model's ``dataset_meta``. Raises
    ExtractionError if the joints differ.
    """
    names = [name for _, name in sorted(meta['keypoint_id2name'].items())]
    if target == 'hands2d':
        expected = {91: 'left_hand_root', 112: 'right_hand_root'}
        layout = "COCO-WholeBody's 133"
        fits = len(names) == 133
    else:
        expected = dict(enumerate(COCO_17['joints']))
        layout = "COCO's 17"
        fits = len(names) == len(expected)
    if not fits or any(names[i] != name for i, name in expected.items()):
        raise ExtractionError(
            f'{model} gives {len(names)} joints, {", ".join(names[:5])} and '
            f'so on, expected {layout} for {target}'
        )


def _build_pose(source: ModelSource, device: str) -> torch.nn.Module:
    from mmpose.apis import init_model

    # Otherwise mmpose downloads the weights that init_cfg names.
    source.config.model.pop('init_cfg', None)
    return init_model(source.config, None, device)


def _build_detector(source: ModelSource, device: str) -> torch.nn.Module:
    from mmdet.apis import init_detector
    from mmpose.utils import adapt_mmdet_pipeline

    # mmdet warns that there are no weights; they are loaded later.
    with warnings.catch_warnings(record=True):
        # Without a palette mmdet builds a dataset to get one.
        model = init_detector(source.config, None, 'coco', device)
    model.cfg = adapt_mmdet_pipeline(model.cfg)
    return model
