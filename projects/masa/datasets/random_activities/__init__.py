"""Random activities with ground-truth correspondence, to train on.

An activity is drawn as key poses of a body on a canonical timeline; its
performances differ in body, style, tempo, pauses, cut ends, camera and the
errors of pose detectors. So do those of recorded motion. A model that aligns
them aligns motion that it has never seen: docs/random_activities.md.
"""

from ...support.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    names={
        'activity': ['RandomActivity', 'draw_activity', 'draw_sibling'],
        'dataset': ['RandomActivityDataset'],
        'performance': ['Performance', 'draw_performance'],
        'recorded_motion': ['RecordedMotionDataset'],
    },
)
