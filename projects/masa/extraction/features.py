import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ..support.files import atomic_path
from .errors import SequenceError
from .feature_model import FeatureModel
from .frames import FrameReader
from .limits import DEFAULT_LIMITS, MediaLimits
from .npy_writer import NpyWriter
from .sequences import MediaSequence, check_length, last_change
from .timestamps import write_timestamps


def extract_features(
    sequence: MediaSequence,
    output: Path,
    model: FeatureModel,
    dtype: str = 'float32',
    batch_size: int = 32,
    workers: int = 1,
    expected_frames: int | None = None,
    limits: MediaLimits = DEFAULT_LIMITS,
    advance: Callable[[int], None] = lambda frames: None,
) -> int:
    """Write the frame features of one sequence; return the frame count T.

    At most two batches of ``batch_size`` frames are in memory; ``workers``
    threads preprocess them. The ``.npy`` file, (T, D) float16 or float32, is
    written atomically and gets the modification time of its source. It depends
    neither on ``workers`` nor on other sequences, and on ``batch_size`` only
    in the last bits. The time stamps of the frames are written beside it.
    ``advance`` is called with the number of frames processed since the last
    call.

    Raises SequenceError if the frames cannot be read, T is not
    ``expected_frames``, or a feature is not finite in ``dtype``.
    """
    changed = last_change(sequence)
    reader = FrameReader(sequence.path, limits)
    with atomic_path(output) as temporary:
        with NpyWriter(temporary, dtype) as writer:
            for images in _batches(reader, model, batch_size, workers):
                rows = _cast(model(images), dtype)
                _check_finite(rows, sequence, writer.shape[0], model.precision)
                writer.append(rows)
                advance(len(rows))
        length = writer.shape[0]
        check_length(sequence, length, expected_frames)
        write_timestamps(output, reader.timestamps)
        # Any later change of the source is then newer than the file.
        os.utime(temporary, ns=(changed, changed))
    return length


def _cast(rows, dtype):
    with np.errstate(over='ignore'):
        return rows.astype(dtype)


def _check_finite(rows, sequence, first, precision):
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise SequenceError(
            f'{sequence.path}: the features of frame '
            f'{first + int(finite.argmin())} are not finite in {rows.dtype}, '
            f'computed in {precision}; try --dtype float32, or without --amp'
        )


def _batches(
    frames: Iterable[np.ndarray],
    model: FeatureModel,
    batch_size: int,
    workers: int,
) -> Iterator[torch.Tensor]:
    """Preprocess the next batch while the model processes this one."""
    with ThreadPoolExecutor(workers) as pool, ThreadPoolExecutor(1) as ahead:
        iterator = iter(frames)
        upcoming = ahead.submit(_batch, iterator, model, batch_size, pool)
        while (batch := upcoming.result()) is not None:
            upcoming = ahead.submit(_batch, iterator, model, batch_size, pool)
            yield batch


def _batch(
    frames: Iterator[np.ndarray],
    model: FeatureModel,
    batch_size: int,
    pool: Executor,
) -> torch.Tensor | None:
    images = list(pool.map(model.prepare, islice(frames, batch_size)))
    return torch.stack(images) if images else None
