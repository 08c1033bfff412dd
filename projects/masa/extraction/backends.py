"""The estimators of poses by name, each imported when it is built."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pose_estimator import PoseEstimator


def _build_mmpose(args: argparse.Namespace, device: str) -> PoseEstimator:
    from .mmpose_estimator import MMPoseEstimator

    return MMPoseEstimator(
        args.target,
        device,
        args.pose_model,
        args.pose_weights,
        args.detector or 'person',
        args.detector_weights,
        args.lifter,
        args.lifter_weights,
        args.random_weights,
    )


def _build_mediapipe(args: argparse.Namespace, device: str) -> PoseEstimator:
    from .mediapipe_estimator import MediaPipeEstimator

    return MediaPipeEstimator(args.target)


BACKENDS = dict(mmpose=_build_mmpose, mediapipe=_build_mediapipe)
