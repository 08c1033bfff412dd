import json
from pathlib import Path

import numpy as np

from ..support.files import atomic_path
from .errors import ExtractionError


def timestamps_path(output: Path) -> Path:
    """Return the path of the time stamps of a ``.npy`` file."""
    return output.with_suffix('.timestamps.json')


def write_timestamps(output: Path, timestamps: np.ndarray | None) -> None:
    """Write time stamps in seconds, (T,), beside a ``.npy`` file.

    None for folders of images.
    """
    seconds = None if timestamps is None else timestamps.round(6).tolist()
    with atomic_path(timestamps_path(output)) as temporary:
        temporary.write_text(json.dumps(seconds) + '\n', encoding='utf-8')


def read_timestamps(output: Path) -> np.ndarray | None:
    """Read what :func:`write_timestamps` wrote.

    Returns (T,) float64 or None. Raises ExtractionError if the file is
    damaged.
    """
    path = timestamps_path(output)
    try:
        seconds = json.loads(path.read_bytes())
        return None if seconds is None else np.array(seconds, np.float64)
    except (ValueError, TypeError) as error:
        raise ExtractionError(
            f'{path} cannot be read; delete it to have it made anew: {error}'
        ) from error
