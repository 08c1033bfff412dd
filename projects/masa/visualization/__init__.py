"""From arrays to figures, pages and video."""

from .drawing import draw_bones, draw_poses, flatten_poses
from .embedding_map import Projection, embedding_map, project_frames
from .image_grids import alignment_strips, phase_strips, retrieval_grid
from .metric_figures import (
    confusion_matrix,
    label_share_curve,
    read_scalars,
    read_validations,
    training_curves,
    validation_curves,
)
from .similarity import similarity_matrix
from .video import frames_at, show_in_step, write_video

__all__ = [
    'Projection',
    'alignment_strips',
    'confusion_matrix',
    'draw_bones',
    'draw_poses',
    'embedding_map',
    'flatten_poses',
    'frames_at',
    'label_share_curve',
    'phase_strips',
    'project_frames',
    'read_scalars',
    'read_validations',
    'retrieval_grid',
    'show_in_step',
    'similarity_matrix',
    'training_curves',
    'validation_curves',
    'write_video',
]
