"""Read ``.npy`` and ``.npz`` files after checking their headers.

``numpy.load`` allocates the size in the header before it notices that the file
is smaller.
"""

import math
import os
import zipfile
import zlib
from collections.abc import Container
from pathlib import Path
from typing import BinaryIO

import numpy as np

# Largest compression ratio of deflate.
_MOST_EXPANSION = 1032
# Version 3 is only for structured types with Unicode names.
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_npy_header(file: BinaryIO, size: int) -> None:
    """Check that a file is as large as the header of its array says.

    ``file`` is read up to the first byte of the data; header and data have
    ``size`` bytes. Raises ValueError if it is no ``.npy`` array, an array of
    objects, or too large for ``size``.
    """
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADER_READERS[version](file)
    except KeyError as error:
        raise ValueError(f'version {version} of .npy is not read') from error
    except Exception as error:
        # A damaged header is parsed as Python and may raise nearly anything.
        raise ValueError(f'it is no .npy array: {error}') from error
    if dtype.hasobject:
        raise ValueError('it holds Python objects, which can run code')
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f'its header has the impossible shape {shape}')
    needed = file.tell() + math.prod(shape) * dtype.itemsize
    if needed > size:
        raise ValueError(
            f'its header says {dtype} of shape {shape}, which takes {needed} '
            f'bytes, but there are {size}'
        )


def map_npy(path: str | os.PathLike) -> np.ndarray:
    """Memory-map the array of a ``.npy`` file, read-only.

    Raises OSError if the file cannot be opened, ValueError if it is no
    complete array.
    """
    with open(path, 'rb') as file:
        check_npy_header(file, os.fstat(file.fileno()).st_size)
    return np.load(path, mmap_mode='r', allow_pickle=False)


def read_npz(
    path: str | os.PathLike, names: Container[str] | None = None
) -> dict[str, np.ndarray]:
    """Read arrays of a ``.npz`` file.

    Args:
        path (str | os.PathLike): The file.
        names (Container[str], optional): Those to read, of those there.
            Defaults to all.

    Returns:
        dict[str, np.ndarray]: Arrays by name, at most 1,033 times as large as
        the file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is no complete archive of arrays, or claims to
            contain more than it can.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_sizes(members, os.path.getsize(path))
            named = {
                member.filename.removesuffix('.npy'): member
                for member in members
            }
            return {
                name: _read_member(archive, member)
                for name, member in named.items()
                if names is None or name in names
            }
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
    ) as error:
        raise ValueError(f'it is no whole .npz archive: {error}') from error


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError('it holds an array twice')
    # Overlapping members would multiply the expanded size.
    if sum(member.compress_size for member in members) > size:
        raise ValueError('its parts claim more bytes than the file has')
    for member in members:
        if member.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise ValueError(f'{member.filename} is not stored or deflated')
        if member.file_size > _MOST_EXPANSION * (member.compress_size + 1):
            raise ValueError(
                f'{member.filename} claims {member.file_size} bytes from '
                f'{member.compress_size}'
            )


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> np.ndarray:
    with archive.open(member) as file:
        try:
            check_npy_header(file, member.file_size)
        except ValueError as error:
            raise ValueError(f'{Path(member.filename)}: {error}') from error
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
