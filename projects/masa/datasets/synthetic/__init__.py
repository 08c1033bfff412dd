from .dataset import SyntheticSequenceDataset, make_annotations

__all__ = ['SyntheticSequenceDataset', 'make_annotations']
