"""Metrics as pure functions of arrays.

Embeddings are lists of (T_i, D) arrays, phases lists of (T_i,) integer
arrays. Nothing here depends on models, datasets or configs.
"""

from ...embeddings.neighbors import nearest_frames, pair_neighbors
from ...embeddings.spread import (
    CollapseWarning,
    has_collapsed,
    relative_spread,
)
from .activity import (
    Separation,
    action_recognition_accuracy,
    activity_separation,
    nearest_clip_hits,
    nearest_clip_labels,
    nearest_other_hits,
    phase_runs,
    predict_actions,
    uniform_frames,
)
from .alignment import (
    TauScore,
    TimeDeviation,
    TransferScore,
    alignment_error,
    kendalls_tau,
    key_event_transfer_error,
)
from .phases import (
    phase_classification_accuracy,
    phase_progress_r2,
    phase_progress_targets,
    predict_phases,
)
from .retrieval import frame_retrieval_ap, sequence_retrieval_precision

__all__ = [
    'CollapseWarning',
    'Separation',
    'TauScore',
    'TimeDeviation',
    'TransferScore',
    'action_recognition_accuracy',
    'activity_separation',
    'alignment_error',
    'frame_retrieval_ap',
    'has_collapsed',
    'kendalls_tau',
    'key_event_transfer_error',
    'nearest_clip_hits',
    'nearest_clip_labels',
    'nearest_frames',
    'nearest_other_hits',
    'pair_neighbors',
    'phase_classification_accuracy',
    'phase_progress_r2',
    'phase_progress_targets',
    'phase_runs',
    'predict_actions',
    'predict_phases',
    'relative_spread',
    'sequence_retrieval_precision',
    'uniform_frames',
]
