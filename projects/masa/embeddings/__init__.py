"""Embedded sequences, sets of them, and the nearest neighbors of frames.

What alignment, evaluation and applications share. Embeddings are (T, D)
arrays with one row per frame. Nothing here depends on models or configs.
"""

from .collection import SequenceCollection
from .sequence import EmbeddedSequence

__all__ = ['EmbeddedSequence', 'SequenceCollection']
