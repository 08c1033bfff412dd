from . import transforms
from .annotation import AnnotationError, load_annotations, save_annotations
from .collate import collate_for_transport
from .keyed_random import KeyedRandom
from .named_splits import check_named_splits
from .samplers import LengthBucketBatchSampler
from .schema import Problem, check_annotations
from .sequence_dataset import SequenceDataset
from .synthetic import SyntheticSequenceDataset

__all__ = [
    'AnnotationError',
    'KeyedRandom',
    'LengthBucketBatchSampler',
    'Problem',
    'SequenceDataset',
    'SyntheticSequenceDataset',
    'check_annotations',
    'check_named_splits',
    'collate_for_transport',
    'load_annotations',
    'save_annotations',
    'transforms',
]
