import os

from ..npy_file import map_npy
from .base import SequenceTransform
from .checks import name_of, require


class LoadFrameFeatures(SequenceTransform):
    """Open a sequence's per-frame features without reading them.

    The file is mapped into memory, so that only the frames that a later
    transform picks are read from disk.

    Required Keys:

        - feature_path
        - total_frames (optional)

    Added Keys:

        - feature
        - total_frames (if it was not known)

    Raises:
        FileNotFoundError: When called, if there is no such file.
        ValueError: When called, if the file is no ``.npy`` array of shape
            (T, D), float16 or float32, or T is not ``total_frames``. The
            file is named.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        >>> path = f'{folder.name}/a.npy'
        >>> np.save(path, np.ones((5, 384), np.float32))
        >>> sample = LoadFrameFeatures()(dict(feature_path=path))
        >>> sample['feature'].shape
        (5, 384)
    """

    def transform(self, results: dict) -> dict:
        """Add ``feature``, a read-only map of (T, D)."""
        path = os.fspath(require(results, 'feature_path', self))
        where = f'feature file {path!r} of sequence {name_of(results)}'
        if not os.path.isfile(path):
            raise FileNotFoundError(f'{where} does not exist')
        try:
            feature = map_npy(path)
        except ValueError as error:
            raise ValueError(
                f'{where} is expected to be a complete .npy array of numbers, '
                f'but {error}'
            ) from error
        if feature.ndim != 2 or 0 in feature.shape:
            raise ValueError(
                f'{where} is expected to have the shape (frames, channels), '
                f'one of each at least, but has {feature.shape}'
            )
        if feature.dtype.kind != 'f' or feature.dtype.itemsize not in (2, 4):
            raise ValueError(
                f'{where} is expected to hold float16 or float32, but holds '
                f'{feature.dtype}'
            )
        total = results.setdefault('total_frames', len(feature))
        if len(feature) != total:
            raise ValueError(
                f'{where} is expected to have {total} frames, as the '
                f"annotation's total_frames says, but has {len(feature)}"
            )
        results['feature'] = feature
        return results
