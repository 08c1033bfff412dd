"""Poses that other programs estimated or recorded, read from their files."""

from .formats import read_pose_file
from .search import PoseSource, find_pose_files
from .sequence import PoseSequence

__all__ = ['PoseSequence', 'PoseSource', 'find_pose_files', 'read_pose_file']
