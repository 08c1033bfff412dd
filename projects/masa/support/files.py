import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Bytes of a file that are in memory at a time.
_CHUNK = 2**20
# Prefix of the temporary folders of files being written.
_PREFIX = '.writing-'
# File systems allow 255 bytes; files written beside another may have a longer
# suffix.
_LONGEST_NAME = 240
_LONGEST_PATH = 1000
# Names that Windows reserves, with any suffix.
_RESERVED = re.compile(
    r'(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)',
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f%<>:"\\|?*\ud800-\udfff]')
_NOT_IN_ARCHIVES = re.compile(
    r'[\x00-\x1f\x7f%\\\ud800-\udfff]|^/|(?<![^/])\.+(?=/|$)'
)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Write a file atomically, through a temporary path.

    An interrupted write leaves the old file unchanged. On exit, the name and
    the contents of the new file have been synced to the disk.

    Args:
        path (str or Path): The file. Its folder is created if necessary.

    Yields:
        Path: Path to write to, with the same name.

    Raises:
        OSError: If it cannot be written. It names the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not mkstemp, whose files only their owner can read.
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
    # The error for a full disk does not name the file.
    try:
        yield
    except OSError as error:
        # Without errno, an error with a file name loses its message.
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def _sync_folder(folder: Path) -> None:
    # Windows cannot open folders.
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
    """Remove leftovers of :func:`atomic_path` in a killed process.

    Removes only temporary files of the given names and empty folders, as other
    processes may be writing to the folder.

    Args:
        folder (str or Path): The folder.
        names (Collection[str]): Names of the files that were being written.
        suffix (str): Suffix of further such files.

    Returns:
        int: Number of temporary folders removed.
    """
    count = 0
    for leftover in Path(folder).glob(f'{_PREFIX}*'):
        content = [one.name for one in leftover.iterdir()]
        if all(n in names or n.endswith(suffix) for n in content):
            shutil.rmtree(leftover)
            count += 1
    return count


def add_to_digest(digest: 'hashlib._Hash', path: Path) -> None:
    """Add the content of a file to a digest, however large it is.

    Args:
        digest (hashlib._Hash): Of :mod:`hashlib`, such as SHA-256.
        path (Path): The file.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)


def output_path(folder: str | Path, name: str, suffix: str = '') -> Path:
    """Return the path of an output file named by a sequence id.

    The path is always inside the folder, and different names give different
    paths that are valid on Linux, macOS and Windows. Slashes separate folders.
    Invalid characters are percent-encoded as in URLs (``%3A`` for a colon):
    control characters, backslashes, any of ``% < > : " | ? *``, a dot or space
    at the start or end of a part (and so ``..``), and the first letter of a
    name reserved by Windows (``aux``). An empty part, as before the slash of
    an absolute path, becomes ``%``. Names that are too long end in ``%~`` and
    a digest. Most names stay unchanged.

    On file systems that ignore case or Unicode normalization, different paths
    may be one file: see :func:`alike_on_disk`.

    Args:
        folder (str or Path): Folder of the outputs.
        name (str): Any text, such as the id of a sequence.
        suffix (str): Suffix of the file, such as ``.npy``. Defaults to none.

    Returns:
        Path: The path.
    """
    *folders, last = name.split('/')
    # A folder must not have the name of a file, such as settings.json.
    endings = tuple({suffix, '.json'} - {''})
    parts = [_file_name(one, '', endings) for one in folders]
    parts.append(_file_name(last, suffix))
    if sum(len(part.encode()) + 1 for part in parts) > _LONGEST_PATH:
        parts = [_shortened('%2F'.join(parts), name, suffix)]
    return Path(folder, *parts)


def alike_on_disk(names: Iterable[str]) -> tuple[str, str] | None:
    """Find two names that are one file on some file systems.

    File systems of macOS and Windows ignore case; that of macOS also ignores
    Unicode normalization.

    Args:
        names (Iterable[str]): Different names, for :func:`output_path`.

    Returns:
        tuple[str, str], optional: The first such pair; None if there is none.
    """
    seen: dict[str, str] = {}
    for name in names:
        path = unicodedata.normalize('NFD', output_path('', name).as_posix())
        other = seen.setdefault(
            unicodedata.normalize('NFD', path.casefold()), name
        )
        if other != name:
            return other, name
    return None


def archive_name(name: str) -> str:
    """Percent-encode a name for use in the name of an archive member.

    Args:
        name (str): Any text.

    Returns:
        str: The text with slashes kept, but invalid characters and relative
        parts such as ``..`` encoded as in URLs. The inverse is
        ``urllib.parse.unquote(name, errors='surrogatepass')``.
    """
    return _NOT_IN_ARCHIVES.sub(lambda found: _percent(found[0]), name)


def _file_name(text: str, suffix: str, unlike: tuple[str, ...] = ()) -> str:
    """Turn a part of a name into a file name without the given endings."""
    escaped = _FORBIDDEN.sub(lambda found: _percent(found[0]), text) or '%'
    if _RESERVED.match(escaped) or escaped[0] in '. ':
        escaped = _percent(escaped[0]) + escaped[1:]
    if escaped[-1] in '. ':
        escaped = escaped[:-1] + _percent(escaped[-1])
    for ending in unlike:
        if escaped.lower().endswith(ending):
            dot = len(escaped) - len(ending)
            escaped = escaped[:dot] + _percent('.') + escaped[dot + 1 :]
    if len(escaped.encode()) + len(suffix) > _LONGEST_NAME:
        return _shortened(escaped, text, suffix)
    return escaped + suffix


def _shortened(escaped: str, text: str, suffix: str) -> str:
    content = text.encode('utf-8', 'surrogatepass')
    end = f'%~{hashlib.sha256(content).hexdigest()[:32]}{suffix}'
    head = escaped.encode()[: _LONGEST_NAME - len(end)]
    return head.decode(errors='ignore') + end


def _percent(text: str) -> str:
    return ''.join(
        f'%{byte:02X}' for byte in text.encode('utf-8', 'surrogatepass')
    )
