"""Trained models for people who write Python."""

from .alignment_inferencer import AlignmentInferencer
from .embedded_sequence import EmbeddedSequence

__all__ = ['AlignmentInferencer', 'EmbeddedSequence']
