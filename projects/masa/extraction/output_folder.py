import json
import shutil
from pathlib import Path

import numpy as np

from ..support.files import alike_on_disk, atomic_path, output_path
from .errors import ExtractionError
from .sequences import MediaSequence, last_change
from .timestamps import read_timestamps, timestamps_path

SETTINGS_FILE = 'settings.json'


class OutputFolder:
    """A folder of ``.npy`` files made with the same settings.

    ``settings.json`` holds the settings, and beside each file are the time
    stamps of its frames. Files appear only when complete, so that an
    interrupted extraction can continue.

    Args:
        root (Path): The folder; created by :meth:`claim`.
        dtype (str): Data type of the files, ``float16`` or ``float32``.
        content (str): What the files hold, for messages: ``features`` or
            ``poses``.
    """

    def __init__(self, root: Path, dtype: str, content: str = 'features'):
        self.root = root
        self.dtype = np.dtype(dtype)
        self.content = content

    def path(self, name: str) -> Path:
        """Return the path of the ``.npy`` file of a sequence.

        See :func:`~masa.support.files.output_path`.
        """
        return output_path(self.root, name, '.npy')

    def check(self, settings: dict, sequences: list[MediaSequence]) -> None:
        """Check that new files may be added to the folder.

        Only settings present on both sides are compared. Raises
        ExtractionError if the folder's settings differ, cannot be read, or are
        missing although there are files; or if two sequences would share a
        file on file systems that ignore case.
        """
        alike = alike_on_disk(sequence.name for sequence in sequences)
        if alike is not None:
            raise ExtractionError(
                f'the sequences {alike[0]!r} and {alike[1]!r} would have one '
                'file where file names ignore case and accents: rename one'
            )
        file = self.root / SETTINGS_FILE
        advice = 'each kind needs a folder of its own: name another'
        if not file.exists():
            for path in (self.path(sequence.name) for sequence in sequences):
                if path.exists():
                    raise ExtractionError(
                        f'{path} was made with settings that are '
                        f'not known, as there is no {file}: {advice}'
                    )
            return
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise ExtractionError(f'{file} cannot be read: {error}') from error
        if not isinstance(found, dict):
            raise ExtractionError(
                f'{file} is expected to hold settings, but holds {found!r}'
            )
        different = [
            f'{key} {_short(found[key])}, not {_short(settings[key])}'
            for key in settings
            if key in found and found[key] != settings[key]
        ]
        if different:
            raise ExtractionError(
                f'the {self.content} in {self.root} were made with '
                f'{"; ".join(different)}: {advice}'
            )

    def claim(self, settings: dict, sequences: list[MediaSequence]) -> None:
        """Write the settings and remove leftovers of killed runs."""
        self.check(settings, sequences)
        folders = {self.path(sequence.name).parent for sequence in sequences}
        for folder in {self.root, *folders}:
            for left in folder.glob('.writing-*'):
                shutil.rmtree(left)
        with atomic_path(self.root / SETTINGS_FILE) as temporary:
            text = json.dumps(settings, indent=2, sort_keys=True)
            temporary.write_text(f'{text}\n')

    def num_frames(self, sequence: MediaSequence) -> int | None:
        """Return the number of frames in the finished file of a sequence.

        None if the file or its time stamps are missing, or the source was
        changed later: files get the modification time of their source. Raises
        ExtractionError if the file is not of the expected format.
        """
        path = self.path(sequence.name)
        if not (path.exists() and timestamps_path(path).exists()):
            return None
        try:
            array = np.load(path, mmap_mode='r', allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ExtractionError(
                f'{path} cannot be read; delete it to have it made anew: '
                f'{error}'
            ) from error
        if array.ndim != 2 or array.dtype != self.dtype:
            raise ExtractionError(
                f'{path} is expected to hold {self.dtype} of (frames, '
                f'channels), but holds {array.dtype} of {array.shape}; '
                'delete it to have it made anew'
            )
        if last_change(sequence) > path.stat().st_mtime_ns:
            return None
        return len(array)

    def time_fields(self, name: str) -> dict:
        """Return the ``timestamps`` field of a record, (T,) float64, if known.

        Raises ExtractionError if the file of time stamps cannot be read.
        """
        timestamps = read_timestamps(self.path(name))
        return {} if timestamps is None else dict(timestamps=timestamps)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
