"""Cut records of joints into parts, and stack those of one length."""

from collections.abc import Iterator, Sequence

import numpy as np

from .people import find_people

# Frames of a stack at most: of more, arrays would leave the processor's cache.
STACKED_FRAMES = 4096
# At how many moments parts are encoded in which something is looked for, or
# that are followed. As much is found as at 48 (docs/performance.md).
SEARCH_MOMENTS = 24

# First frame of a part, and the one after its last.
Part = tuple[int, int]


def places_among(trained: int, moments: int) -> np.ndarray:
    """Spread fewer moments evenly over those that an encoder knows.

    Args:
        trained (int): At how many moments it was trained to encode.
        moments (int): At how many it is to encode.

    Returns:
        np.ndarray: The places of the moments, (moments,) float32, between
        -1/2 and trained - 1/2.

    Example:
        >>> places_among(6, 3)
        array([0.5, 2.5, 4.5], dtype=float32)
    """
    places = (np.arange(moments) + 0.5) * (trained / moments) - 0.5
    return places.astype(np.float32)


def crop_record(record: dict, start: int, end: int) -> dict:
    """Take frames of a record with joints.

    Args:
        record (dict): The record, or a sample that transforms made of it.
        start (int): The first frame.
        end (int): The frame after the last.

    Returns:
        dict: The part as a record of its own, without labels.
    """
    frames = slice(start, end)
    return _fields(record, end - start) | {
        key: record[key][:, frames]
        for key in ('keypoint', 'keypoint_score')
        if record.get(key) is not None
    }


def stack_parts(
    record: dict, parts: Sequence[Part]
) -> Iterator[tuple[np.ndarray, dict]]:
    """Stack the parts of a record that are of one length.

    Transforms that ``takes_stacks`` treat each part as if it were alone.

    Args:
        record (dict): As for :func:`crop_record`, joints (M, T, V, C).
        parts (Sequence[Part]): The parts.

    Yields:
        tuple[np.ndarray, dict]: Positions of N parts in ``parts``, and a
        sample that holds them, its joints (N, M, T', V, C).
    """
    parts = np.array(parts).reshape(-1, 2)
    lengths = parts[:, 1] - parts[:, 0]
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        count = -(-len(same) * length // STACKED_FRAMES)
        for chosen in np.array_split(same, count):
            frames = parts[chosen, :1] + np.arange(length)
            yield (
                chosen,
                _fields(record, int(length))
                | dict(stacked=True)
                | {
                    key: record[key][:, frames].swapaxes(0, 1)
                    for key in ('keypoint', 'keypoint_score')
                    if record.get(key) is not None
                },
            )


def stands_alone(record: dict) -> np.ndarray:
    """Find the frames whose body can be selected without looking at others.

    :class:`~masa.datasets.transforms.SelectPerson` and
    :class:`~masa.datasets.transforms.SelectBodyJoints` then make the same of
    a frame in a part as in the whole: there is one person, who is in it, and
    scores say which joints are missing, or none is.

    Args:
        record (dict): A record with joints (M, T, V, C).

    Returns:
        np.ndarray: (T,), bool.
    """
    keypoint, score = record['keypoint'], record.get('keypoint_score')
    if len(keypoint) > 1:
        return np.zeros(keypoint.shape[1], bool)
    (alone,) = find_people(keypoint, score)
    if score is None:
        alone &= (keypoint[0] != 0).any(-1).all(-1)
    return alone


def _fields(record: dict, frames: int) -> dict:
    kept = ('frame_dir', 'skeleton', 'img_shape', 'frame_rate', 'video')
    return {key: record[key] for key in kept if key in record} | dict(
        total_frames=frames, is_part=True
    )
