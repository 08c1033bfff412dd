import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path whose file takes the place of another when done.

    An interrupted write leaves the old file as it was.

    Args:
        path (str or Path): File to write; its folder is made if need be.

    Yields:
        Path: Where to write, in the same folder and with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file for its owner alone: keep the umask's mode.
    folder = tempfile.TemporaryDirectory(dir=path.parent, prefix='.writing-')
    with folder as name:
        temporary = Path(name) / path.name
        yield temporary
        with open(temporary, 'rb+') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
