import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope

from ..datasets.gaps import fill_invisible_joints

# Human3.6M's pictures, in whose pixels lifters take their input (the sizes
# vary by 2).
PICTURE = (1000, 1000)
# At a time, in all windows together: of MotionBERT, one window.
BATCH_FRAMES = 256


def lift(
    model: torch.nn.Module, keypoint: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lift one person's 2D poses to 3D.

    A lifter that gives all frames of a window (MotionBERT) goes through the
    sequence window by window, the last of which overlaps the one before so
    that it is whole; one that gives a window's target frame (VideoPose3D)
    sees a window around every frame. The person is put where the lifter's
    training data has people, by one box for the whole sequence: by a box of
    every frame, a squat would become a larger person.

    Args:
        model (torch.nn.Module): From mmpose, for Human3.6M's joints.
        keypoint (np.ndarray): COCO's joints in pixels, (T, 17, 2); NaN where
            the person is not found.
        score (np.ndarray): (T, 17).

    Returns:
        tuple[np.ndarray, np.ndarray]: Human3.6M's joints about the pelvis,
        meters, (T, 17, 3), NaN where the person is not found, and scores,
        (T, 17).
    """
    from mmpose.apis import convert_keypoint_definition

    found = np.isfinite(keypoint).all((1, 2))
    # The mean pose is not asked for: frames lack all joints or none.
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
    """Frames of every window, by the config of the lifter's data."""
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
    """Move and scale (T, 17, 2) to the training data's usual box."""
    upper_left, lower_right = poses.min((0, 1)), poses.max((0, 1))
    size = max((lower_right - upper_left).max(), np.finfo(np.float32).tiny)
    centered = poses - (upper_left + lower_right) / 2
    return centered / size * stats['bbox_scale'] + stats['bbox_center']


def _lift_windows(
    model: torch.nn.Module, windows: list[np.ndarray], whole: bool
) -> list[np.ndarray]:
    """Arrays of (W, 17, 2) to arrays of (W, 17, 3), or (1, 17, 3).

    ``inference_pose_lifter_model`` asks for one frame's target only, and so
    shows MotionBERT one frame at a time.
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
                    # The pipelines are those of evaluation.
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
