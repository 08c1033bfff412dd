"""Files of MATLAB, in which datasets hold labels and skeletons."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scipy.io.matlab import MatReadError

from .errors import AnnotationError


@contextmanager
def read_as(path: Path, kind: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an error that names it.

    Args:
        path (Path): The file.
        kind (str): What it is expected to be, such as ``'a label file'``.

    Yields:
        None: Nothing.

    Raises:
        AnnotationError: If it is damaged, or not of the expected layout.
    """
    try:
        yield
    except (
        MatReadError,
        zlib.error,
        OSError,
        LookupError,
        TypeError,
        ValueError,
        # MATLAB's newer format, which is HDF5.
        NotImplementedError,
    ) as error:
        raise AnnotationError(
            f'{path} cannot be read as {kind}: {error}'
        ) from error
