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
    """A folder of ``.npy`` files that were all made with the same settings.

    ``settings.json`` in it says with which, and beside every file are the
    time stamps of its frames. A file is there only when it is
    complete, so that an interrupted extraction goes on where it stopped.

    Args:
        root (Path): The folder; made by :meth:`claim`.
        dtype (str): ``float16`` or ``float32``, of the files.
        content (str): What the files hold, for messages: ``features`` or
            ``poses``.
    """

    def __init__(self, root: Path, dtype: str, content: str = 'features'):
        self.root = root
        self.dtype = np.dtype(dtype)
        self.content = content

    def path(self, name: str) -> Path:
        """Return where the ``.npy`` file of a sequence belongs.

        :func:`~masa.support.files.output_path` names it.
        """
        return output_path(self.root, name, '.npy')

    def check(self, settings: dict, sequences: list[MediaSequence]) -> None:
        """Check that new files may be put beside those that are there.

        Settings that the folder's lack, or that are lacking here, are not
        compared. An ExtractionError says that the folder's are others, cannot
        be read, or are missing beside files; or that two sequences would have
        one file on file systems that ignore case.
        """
        alike = alike_on_disk(sequence.name for sequence in sequences)
        if alike is not None:
            raise ExtractionError(
                f'the sequences {alike[0]!r} and {alike[1]!r} would have one '
                'file where file names ignore case and accents: rename one'
            )
        file = self.root / SETTINGS_FILE
        advice = 'choose another --output, or delete the folder'
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
        """Write the settings, and remove what a killed run left behind."""
        self.check(settings, sequences)
        folders = {self.path(sequence.name).parent for sequence in sequences}
        for folder in {self.root, *folders}:
            for left in folder.glob('.writing-*'):
                shutil.rmtree(left)
        with atomic_path(self.root / SETTINGS_FILE) as temporary:
            text = json.dumps(settings, indent=2, sort_keys=True)
            temporary.write_text(f'{text}\n')

    def num_frames(self, sequence: MediaSequence) -> int | None:
        """Return of how many frames a sequence has a file.

        It is None if there is none or it has no time stamps beside it, or if
        the video or an image was changed since: files get the time of what
        they were made of. An ExtractionError says that the file holds
        something else.
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
        """Return ``timestamps`` of a record, (T,) float64, if there are any.

        An ExtractionError says that the file of the time stamps cannot be
        read.
        """
        timestamps = read_timestamps(self.path(name))
        return {} if timestamps is None else dict(timestamps=timestamps)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
