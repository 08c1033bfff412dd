"""Figures, reports and videos of sequences and embeddings."""

from ..support.lazy import lazy_names

# Registering the hook of this package must not import Matplotlib, which
# training does not need.
__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    names={
        'drawing': ['draw_bones', 'draw_poses', 'flatten_poses'],
        'embedding_figures_hook': ['EmbeddingFiguresHook'],
        'player': [
            'Mark',
            'Player',
            'Track',
            'aligned_player',
            'player_page',
        ],
        'projection': ['Projection', 'embedding_map', 'project_frames'],
        'image_grids': ['alignment_strips', 'phase_strips', 'retrieval_grid'],
        'metric_figures': [
            'confusion_matrix',
            'label_share_curve',
            'read_scalars',
            'read_validations',
            'training_curves',
            'validation_curves',
        ],
        'similarity': ['similarity_matrix'],
        'video': ['frames_at', 'show_in_step', 'write_video'],
    },
)
