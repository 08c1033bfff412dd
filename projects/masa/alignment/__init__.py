"""Alignment as pure functions of embeddings.

Embeddings are (T, D) arrays with one row per frame. Nothing here depends on
models, files or videos. Comparisons also take the joints of a body, and are
saved to files.
"""

from .anomaly import anomaly_score
from .explanation import Comparison, save_comparisons
from .follow import Follower, Position
from .joint_angles import joint_angles
from .joint_difference import JointDifference
from .labels import transfer_labels
from .occurrences import Occurrence, find_occurrences
from .pair import Alignment, align_pair
from .reference_set import ReferenceSet, compare
from .retrieval import Match, retrieve_frames
from .timeline import Timeline, align_all, central_sequence

__all__ = [
    'Alignment',
    'Comparison',
    'Follower',
    'JointDifference',
    'Match',
    'Occurrence',
    'Position',
    'ReferenceSet',
    'Timeline',
    'align_all',
    'align_pair',
    'anomaly_score',
    'central_sequence',
    'compare',
    'find_occurrences',
    'joint_angles',
    'retrieve_frames',
    'save_comparisons',
    'transfer_labels',
]
