"""Poses that other programs estimated or recorded, read from their files."""

from .formats import read_pose_file, read_pose_sequences
from .search import PoseSource, find_pose_files
from .sequence import DetectedPeople, PoseSequence, RecordedPeople

__all__ = [
    'DetectedPeople',
    'PoseSequence',
    'PoseSource',
    'RecordedPeople',
    'find_pose_files',
    'read_pose_file',
    'read_pose_sequences',
]
