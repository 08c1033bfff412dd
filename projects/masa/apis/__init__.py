"""Trained models, and what they embedded, for people who write Python."""

from ..embeddings import EmbeddedSequence
from .alignment_inferencer import AlignmentInferencer
from .frame_index import FrameIndex, FrameMatches

__all__ = [
    'AlignmentInferencer',
    'EmbeddedSequence',
    'FrameIndex',
    'FrameMatches',
]
