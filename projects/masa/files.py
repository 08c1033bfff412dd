import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

# Of the folders that hold what is being written.
_PREFIX = '.writing-'


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path whose file takes the place of another when done.

    An interrupted write leaves the old file as it was. When this is left, the
    new one is on the disk, name and contents.

    Args:
        path (str or Path): File to write; its folder is made if need be.

    Yields:
        Path: Where to write, in the same folder and with the same suffix.

    Raises:
        OSError: If it cannot be written. Names the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file for its owner alone: keep the umask's mode.
    folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=_PREFIX)
    with folder as name, _names(path):
        temporary = Path(name) / path.name
        yield temporary
        with open(temporary, 'rb+') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)


@contextmanager
def _names(path: Path) -> Iterator[None]:
    # Of a full disk, the system does not say which file is concerned.
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def _sync_folder(folder: Path) -> None:
    # Windows opens no folders.
    if os.name == 'nt':
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(
    folder: str | Path, names: Collection[str], suffix: str
) -> int:
    """Remove what :func:`atomic_path` left behind when it was killed.

    Only what was to become one of the caller's own files, and what had not
    been begun: others may be writing to the folder.

    Args:
        folder (str or Path): Where was written.
        names (Collection[str]): Names of the caller's files.
        suffix (str): Of further files of the caller.

    Returns:
        int: How many there were.
    """
    count = 0
    for leftover in Path(folder).glob(f'{_PREFIX}*'):
        content = [one.name for one in leftover.iterdir()]
        if all(n in names or n.endswith(suffix) for n in content):
            shutil.rmtree(leftover)
            count += 1
    return count
