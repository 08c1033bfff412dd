"""What was extracted from videos, kept by their content."""

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path

from ..support.files import add_to_digest, atomic_path
from .frames import list_images
from .output_folder import OutputFolder
from .sequences import MediaSequence
from .timestamps import timestamps_path

# Above so many bytes, what was used longest ago is deleted.
MAX_BYTES = 2**30
# Says where the cache is, instead of the user's cache folder.
VARIABLE = 'MASA_CACHE'


def default_cache() -> Path:
    """Return the folder of the cache, in the user's cache folder.

    The environment variable ``MASA_CACHE`` names another.
    """
    from platformdirs import user_cache_path

    named = os.environ.get(VARIABLE)
    return Path(named) if named else user_cache_path('masa', appauthor=False)


class ContentCache:
    """Keeps what was extracted from a video by its content and the settings.

    A video that was moved or renamed is found again, and one that was changed
    is not. Several processes may use one folder.

    Args:
        root (Path): The folder, created when something is stored.
        max_bytes (int): Size above which what was used longest ago is
            deleted. Defaults to 1 GiB.
    """

    def __init__(self, root: Path, max_bytes: int = MAX_BYTES):
        self.root = root
        self.max_bytes = max_bytes
        # Of the contents of files, by their paths and states.
        self._digests: dict[tuple, bytes] = {}

    def fetch(
        self, sequence: MediaSequence, settings: dict, folder: OutputFolder
    ) -> bool:
        """Copy what is kept of a sequence into a folder.

        Args:
            sequence (MediaSequence): The sequence.
            settings (dict): How its file is made, weights included.
            folder (OutputFolder): Gets the file and its time stamps.

        Returns:
            bool: Whether it was kept.
        """
        kept = self._path(sequence, settings)
        source = folder.path(sequence.name)
        try:
            # Marks it as used.
            os.utime(kept)
            # Whoever sees the file may count on its time stamps.
            for one, other in (
                (timestamps_path(kept), timestamps_path(source)),
                (kept, source),
            ):
                with atomic_path(other) as temporary:
                    shutil.copyfile(one, temporary)
        except FileNotFoundError:
            return False
        return folder.num_frames(sequence) is not None

    def store(
        self, sequence: MediaSequence, settings: dict, folder: OutputFolder
    ) -> None:
        """Keep the file of a sequence; see :meth:`fetch`.

        If it cannot be written a warning says so.
        """
        made = folder.path(sequence.name)
        kept = self._path(sequence, settings)
        try:
            for one, other in (
                (timestamps_path(made), timestamps_path(kept)),
                (made, kept),
            ):
                with atomic_path(other) as temporary:
                    shutil.copyfile(one, temporary)
            self._prune()
        except OSError as error:
            warnings.warn(
                'what was extracted is not kept for the next time in '
                f'{self.root} ({error}): --cache FOLDER or {VARIABLE} names '
                'another folder, and --cache none keeps nothing',
                stacklevel=2,
            )

    def size(self) -> int:
        """Return the number of bytes that are kept."""
        return sum(size for _, size, _ in self._entries())

    def _path(self, sequence: MediaSequence, settings: dict) -> Path:
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        path = sequence.path
        for file in list_images(path) if path.is_dir() else [path]:
            # In one digest of all, the ends of files would be lost.
            digest.update(self._digest(file))
        name = digest.hexdigest()
        return self.root / name[:2] / f'{name}.npy'

    def _digest(self, file: Path) -> bytes:
        """Hash the content of a file, once as long as it does not change."""
        status = file.stat()
        times = status.st_mtime_ns, status.st_ctime_ns
        state = file, status.st_size, *times
        if state not in self._digests:
            content = hashlib.sha256()
            add_to_digest(content, file)
            self._digests[state] = content.digest()
        return self._digests[state]

    def _entries(self) -> list[tuple[float, int, Path]]:
        """List when each file was used last, its size and path."""
        found = []
        for path in self.root.glob('??/*.npy'):
            try:
                status = path.stat()
            except FileNotFoundError:
                # Another process has deleted it.
                continue
            found.append((status.st_mtime, status.st_size, path))
        return sorted(found)

    def _prune(self) -> None:
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        # What was stored last stays, however large it is.
        for _, size, path in entries[:-1]:
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            timestamps_path(path).unlink(missing_ok=True)
            total -= size
