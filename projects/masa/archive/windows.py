"""Embedding moments of long recordings, in windows of a few seconds."""

import numpy as np

from ..apis.embedding_inferencer import EmbeddingInferencer
from ..datasets.parts import SEARCH_MOMENTS
from ..datasets.times import frame_times
from ..embeddings import EmbeddedSequence

# Seconds of a window, which is what the embedding of a moment depends on, and
# between two moments. How they were chosen: docs/archive.md.
WINDOW, STEP = 0.6, 0.1


def embed_moments(
    inferencer: EmbeddingInferencer, record: dict
) -> tuple[np.ndarray, np.ndarray]:
    """Embed moments of a recording, however long.

    Windows of ``WINDOW`` seconds are embedded, each as if it were all there
    is, and begin half a window apart. Of a moment it is the mean over the
    windows that it is in, the more the nearer it is to their middles.

    Args:
        inferencer (EmbeddingInferencer): The model.
        record (dict): A record with joints and time stamps.

    Returns:
        tuple[np.ndarray, np.ndarray]: The frames nearest to moments ``STEP``
        seconds apart, (M,) int64, and their embeddings, (M, D) float32.

    Raises:
        ValueError: If the model refuses the record.
    """
    times = frame_times(record)
    # Warns of what is wrong with it; nothing is embedded as a whole.
    inferencer.model.prepare(record)
    sequence = EmbeddedSequence(
        record['frame_dir'], np.empty((len(times), 0)), times, record=record
    )
    frames = nearest_frames(times, STEP)
    last = max(times[-1] - WINDOW, times[0])
    seconds = np.arange(times[0], last, WINDOW / 2)
    starts = np.searchsorted(times, [*seconds, last])
    ends = [*np.searchsorted(times, seconds + WINDOW), len(times)]
    # Of recordings with gaps, some windows are empty, or the same.
    parts = sorted(
        {
            (int(start), int(end))
            for start, end in zip(starts, ends, strict=True)
            if start < end
        }
    )
    embedded = inferencer.part_embedder(sequence, SEARCH_MOMENTS)(parts)
    total = np.zeros((len(frames), embedded[0].shape[1]))
    weights = np.zeros(len(frames))
    for (start, end), embedding in zip(parts, embedded, strict=True):
        inside = slice(*np.searchsorted(frames, (start, end)))
        places = frames[inside] - start
        weight = np.minimum(places + 1, end - start - places)
        total[inside] += weight[:, None] * embedding[places]
        weights[inside] += weight
    return frames, (total / weights[:, None]).astype(np.float32)


def nearest_frames(times: np.ndarray, step: float) -> np.ndarray:
    """Find the frames nearest to evenly spaced moments.

    Args:
        times (np.ndarray): Time stamps in seconds, increasing, (T,).
        step (float): Seconds between moments.

    Returns:
        np.ndarray: (M,) int64, each frame once.

    Example:
        >>> nearest_frames(np.array([0.0, 0.04, 0.08, 0.12, 0.5]), 0.1)
        array([0, 2, 4])
    """
    moments = np.arange(times[0], times[-1] + step / 2, step)
    after = np.searchsorted(times, moments).clip(0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    is_nearer = moments - times[before] < times[after] - moments
    return np.unique(np.where(is_nearer, before, after))
