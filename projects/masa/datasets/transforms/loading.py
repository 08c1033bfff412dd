import os

from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ..npy_file import map_npy
from .checks import name_of, require


@TRANSFORMS.register_module()
class LoadFrameFeatures(BaseTransform):
    """Opens a sequence's per-frame features without reading them.

    The file is mapped into memory, so that only the frames that a later
    transform picks are read from disk.

    Required Keys:

        - feature_path
        - total_frames (optional)

    Added Keys:

        - feature
        - total_frames (if it was not known)
    """

    def transform(self, results: dict) -> dict:
        """Map the file.

        Args:
            results (dict): The sample. ``feature_path`` is a ``.npy`` file
                of shape (T, D), float16 or float32.

        Returns:
            dict: The sample with ``feature``, a read-only map of (T, D).

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is no such array, or its number of frames
                is not ``total_frames``. The file is named.
        """
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

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
