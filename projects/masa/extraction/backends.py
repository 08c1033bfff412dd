"""Pose estimators by name; each is imported when it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ExtractionError

if TYPE_CHECKING:
    from pathlib import Path

    from .pose_estimator import PoseEstimator


def _build_mmpose(
    target: str,
    device: str,
    detector: str | None,
    random_weights: int | None,
    **models,
) -> PoseEstimator:
    from .mmpose_estimator import MMPoseEstimator

    return MMPoseEstimator(
        target,
        device,
        detector=detector or 'person',
        random_seed=random_weights,
        **models,
    )


def _build_mediapipe(
    target: str, device: str, pose_weights: Path | None = None, **models
) -> PoseEstimator:
    from .mediapipe_estimator import MediaPipeEstimator

    given = [name for name, value in models.items() if value is not None]
    if given:
        raise ExtractionError(f'{", ".join(given)}: of backend mmpose alone')
    return MediaPipeEstimator(target, pose_weights)


def _build_rtmlib(
    target: str,
    device: str,
    pose_weights: Path | None = None,
    detector: str | None = None,
    detector_weights: Path | None = None,
    **models,
) -> PoseEstimator:
    from .rtmlib_estimator import RTMLibEstimator

    given = [name for name, value in models.items() if value is not None]
    if given:
        raise ExtractionError(f'{", ".join(given)}: of backend mmpose alone')
    return RTMLibEstimator(
        target, device, pose_weights, detector or 'yolox', detector_weights
    )


# Each takes the target, the device and the options that select the models.
BACKENDS = dict(
    mmpose=_build_mmpose, mediapipe=_build_mediapipe, rtmlib=_build_rtmlib
)
