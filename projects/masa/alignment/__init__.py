"""Alignment as pure functions of embeddings.

Embeddings are (T, D) arrays with one row per frame. Nothing here depends on
models, files or videos.
"""

from .anomaly import anomaly_score
from .follow import Follower, Position
from .labels import transfer_labels
from .pair import Alignment, align_pair
from .retrieval import Match, retrieve_frames
from .timeline import Timeline, align_all, central_sequence

__all__ = [
    'Alignment',
    'Follower',
    'Match',
    'Position',
    'Timeline',
    'align_all',
    'align_pair',
    'anomaly_score',
    'central_sequence',
    'retrieve_frames',
    'transfer_labels',
]
