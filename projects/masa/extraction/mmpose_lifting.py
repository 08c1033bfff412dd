import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope

from ..datasets.gaps import fill_invisible_joints

# Image size of Human3.6M, up to 2 pixels, in which lifters take coordinates.
PICTURE = (1000, 1000)
# Frames in a batch of windows; MotionBERT then gets one window.
BATCH_FRAMES = 256


def lift(
    model: torch.nn.Module, keypoint: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lift one person's 2D poses to 3D.

    A lifter that predicts all frames of a window (MotionBERT) gets consecutive
    windows; the last one overlaps its predecessor so that it is full. A lifter
    that predicts one target frame (VideoPose3D) gets a window around each
    frame. The poses are moved and scaled to the usual bounding box of the
    lifter's training data, by one box for the whole sequence: with one box per
    frame, a person would grow while squatting.

    Args:
        model (torch.nn.Module): Lifter of mmpose for Human3.6M's joints.
        keypoint (np.ndarray): COCO's joints in pixels, (T, 17, 2); NaN in
            frames without the person.
        score (np.ndarray): Scores of the joints, (T, 17).

    Returns:
        tuple[np.ndarray, np.ndarray]: Human3.6M's joints relative to the
        pelvis in meters, (T, 17, 3), NaN in frames without the person, and
        their scores, (T, 17).
    """
    from mmpose.apis import convert_keypoint_definition

    found = np.isfinite(keypoint).all((1, 2))
    # The mean pose is not needed: a frame lacks all joints or none.
    filled = fill_invisible_joints(
        keypoint, np.isfinite(keypoint).all(-1), [], np.zeros((17, 2))
    )
    joints = convert_keypoint_definition(
        np.concatenate([filled, score[..., None]], -1), 'coco', 'h36m'
    )
    poses = _place(joints[..., :2], model.dataset_meta['stats_info'])
    score = np.where(found[:, None], joints[..., 2], 0)
    data = model.cfg.test_dataloader.dataset
    length = len(poses)
    whole = bool(data.get('multiple_target'))
    windows = _windows(length, data)
    lifted = np.full((length, 17, 3), np.nan)
    size = max(BATCH_FRAMES // len(windows[0]), 1)
    for first in range(0, len(windows), size):
        batch = windows[first : first + size]
        output = _lift_windows(
            model, [poses[window] for window in batch], whole
        )
        for i, (window, result) in enumerate(zip(batch, output, strict=True)):
            lifted[window if whole else first + i] = result
    lifted -= lifted[:, :1]
    lifted[~found] = np.nan
    return lifted, score


def _windows(length: int, data: dict) -> list[np.ndarray]:
    """Return the frames of each window, by the lifter's data config."""
    from mmpose.apis import extract_pose_sequence

    size = data.get('multiple_target')
    if size:
        last = max(length - size, 0)
        starts = [*range(0, last, size), last]
        return [np.arange(s, min(s + size, length)) for s in starts]
    frames = list(range(length))
    return [
        np.array(
            extract_pose_sequence(
                frames,
                i,
                data.get('causal', False),
                data.get('seq_len', 1),
                data.get('seq_step', 1),
            )
        )
        for i in range(length)
    ]


def _place(poses: np.ndarray, stats: dict) -> np.ndarray:
    """Move and scale poses (T, 17, 2) to the box of the training data."""
    upper_left, lower_right = poses.min((0, 1)), poses.max((0, 1))
    size = max((lower_right - upper_left).max(), np.finfo(np.float32).tiny)
    centered = poses - (upper_left + lower_right) / 2
    return centered / size * stats['bbox_scale'] + stats['bbox_center']


def _lift_windows(
    model: torch.nn.Module, windows: list[np.ndarray], whole: bool
) -> list[np.ndarray]:
    """Lift windows (W, 17, 2) to (W, 17, 3) or, one target each, (1, 17, 3).

    ``inference_pose_lifter_model`` sets a target for one frame only, and so
    gives MotionBERT one frame at a time.
    """
    with DefaultScope.overwrite_default_scope('mmpose'):
        pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
    items = []
    for poses in windows:
        targets = len(poses) if whole else 1
        items.append(
            pipeline(
                dict(
                    model.dataset_meta,
                    keypoints=poses.astype(np.float32),
                    keypoints_visible=np.ones(poses.shape[:2], np.float32),
                    # Evaluation pipelines require a target.
                    lifting_target=np.zeros((targets, 17, 3), np.float32),
                    lifting_target_visible=np.ones(
                        (targets, 17, 1), np.float32
                    ),
                    factor=np.zeros(len(poses), np.float32),
                    camera_param=dict(w=PICTURE[0], h=PICTURE[1]),
                )
            )
        )
    with torch.no_grad():
        results = model.test_step(pseudo_collate(items))
    return [
        np.asarray(result.pred_instances.keypoints).reshape(-1, 17, 3)
        for result in results
    ]
