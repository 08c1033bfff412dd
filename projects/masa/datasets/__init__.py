from ..support.lazy import lazy_names

# Reading and checking files must not import PyTorch.
__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    ['transforms'],
    {
        'annotation': ['load_annotations', 'save_annotations'],
        'collate': ['collate_joined_tensors'],
        'errors': ['AnnotationError'],
        'interleaved': ['InterleavedDataset'],
        'keyed_random': ['KeyedRandom'],
        'named_splits': ['check_named_splits'],
        'problem': ['Problem'],
        'samplers': ['LengthBucketBatchSampler'],
        'schema': ['check_annotations'],
        'sequence_dataset': ['SequenceDataset'],
        'synthetic': ['SyntheticSequenceDataset'],
    },
)
