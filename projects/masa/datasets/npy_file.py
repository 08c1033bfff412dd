"""Arrays in ``.npy`` and ``.npz`` files whose claims are checked first.

``numpy.load`` allocates what a header asks for before it finds out that the
file does not hold so much.
"""

import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

# What deflate can make of a byte at most.
_MOST_EXPANSION = 1032
# Headers of plain arrays fit in 128 bytes; numpy's own limit is 10,000.
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_npy_header(file: BinaryIO, size: int) -> None:
    """Check that an array is as large as its header says.

    ``file`` is read from the first byte of the header to that of the array;
    both together have ``size`` bytes. A ValueError says that it is no ``.npy``
    array, one of objects, or would need more bytes.
    """
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADER_READERS[version](file)
    except KeyError as error:
        raise ValueError(f'version {version} of .npy is not read') from error
    except Exception as error:
        # A damaged header is damaged Python, which may raise nearly anything.
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
    """Map the array of a ``.npy`` file into memory, read-only.

    An OSError says that the file cannot be opened, a ValueError that it is no
    complete array.
    """
    with open(path, 'rb') as file:
        check_npy_header(file, os.fstat(file.fileno()).st_size)
    return np.load(path, mmap_mode='r', allow_pickle=False)


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of a ``.npz`` file.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict[str, np.ndarray]: The arrays by name. They take less than 1,033
        times the bytes of the file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is no whole archive of arrays, or claims to hold
            more than can be in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_sizes(members, os.path.getsize(path))
            return {
                member.filename.removesuffix('.npy'): _read_member(
                    archive, member
                )
                for member in members
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
    # Members that share bytes would multiply what these expand to.
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
