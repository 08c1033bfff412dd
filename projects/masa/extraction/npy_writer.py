from pathlib import Path

import numpy as np

# Size of NumPy's header of a 2D array with any number of rows.
HEADER_BYTES = 128


class NpyWriter:
    """Write a ``.npy`` file of (T, D) in parts, with T unknown in advance.

    A context manager that writes the header on exit, when T is known, and none
    after an exception. The bytes equal those of ``numpy.save``.

    Args:
        path (Path): The file.
        dtype (str): ``float16`` or ``float32``.

    Attributes:
        shape (tuple[int, int]): Shape of the rows written so far.
    """

    def __init__(self, path: Path, dtype: str):
        self.dtype = np.dtype(dtype)
        self.shape = (0, 0)
        self._file = open(path, 'wb')  # noqa: SIM115
        self._file.write(bytes(HEADER_BYTES))

    def append(self, rows: np.ndarray) -> None:
        """Write rows, (N, D) floating point; D must not change."""
        if self.shape[0] and rows.shape[1] != self.shape[1]:
            raise ValueError(
                f'rows of {self.shape[1]} numbers were written, and then '
                f'come some of {rows.shape[1]}'
            )
        self.shape = (self.shape[0] + len(rows), rows.shape[1])
        self._file.write(rows.astype(self.dtype).tobytes())

    def __enter__(self) -> 'NpyWriter':
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                np.lib.format.write_array_header_1_0(
                    self._file,
                    dict(
                        descr=self.dtype.str,
                        fortran_order=False,
                        shape=self.shape,
                    ),
                )
