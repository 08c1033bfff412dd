"""Trained models, and what they embedded, for people who write Python."""

from .alignment_inferencer import AlignmentInferencer
from .embedded_sequence import EmbeddedSequence
from .frame_index import FrameIndex, FrameMatches

__all__ = [
    'AlignmentInferencer',
    'EmbeddedSequence',
    'FrameIndex',
    'FrameMatches',
]
