"""Body joints of a recording, packed for an archive."""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..datasets.skeletons import PENN_ACTION
from ..datasets.times import frame_times

# Frames of a part. Packed, a part of joints in 3D has up to 33,000 characters,
# of the 65,535 that Milvus takes.
PART = 256
# Levels of a coordinate, and of a score.
_LEVELS, _SCORES = 65535, 255
# Time stamps are whole numbers of this many seconds.
_TICK = 1e-4


class PackedPoses(NamedTuple):
    """The 13 body joints of a recording.

    A coordinate is one of 65,536 levels between the extremes of the
    recording, a score one of 256, a time stamp a multiple of 0.1 ms.

    Attributes:
        parts (list[str]): ``PART`` frames each, the last one fewer.
        layout (dict): What is needed to unpack them: ``dims``, ``low`` and
            ``step`` of the coordinates, the ``first`` second, ``up_axis`` and
            ``img_shape`` where they are known.
        frames (int): Number of frames.
        digest (str): SHA-256 of the content, hexadecimal.
    """

    parts: list[str]
    layout: dict
    frames: int
    digest: str


def pack_poses(record: dict) -> PackedPoses:
    """Pack the body joints of a record.

    Args:
        record (dict): A record with the 13 joints of one person, their scores
            and time stamps, or a frame rate.

    Returns:
        PackedPoses: The joints.

    Raises:
        ValueError: If the times are not known.
    """
    times = frame_times(record)
    if times is None:
        raise ValueError(
            f'the times of {record["frame_dir"]} are not known: give its '
            'frame rate (--frame-rate, in Python frame_rate)'
        )
    (joints,), (score,) = record['keypoint'], record['keypoint_score']
    low = float(joints.min())
    step = (float(joints.max()) - low) / _LEVELS or 1.0
    levels = np.round((joints - low) / step).astype('<u2')
    scores = np.round(score.clip(0, 1) * _SCORES).astype('u1')
    ticks = np.round(times / _TICK).astype('<i8')
    layout = dict(
        dims=joints.shape[-1], low=low, step=step, first=float(times[0])
    )
    up_axis = record['skeleton'].get('up_axis')
    if up_axis is not None:
        layout['up_axis'] = up_axis
    if record.get('img_shape') is not None:
        layout['img_shape'] = [int(one) for one in record['img_shape']]
    digest = hashlib.sha256(json.dumps(layout, sort_keys=True).encode())
    parts = []
    for start in range(0, len(joints), PART):
        frames = slice(start, start + PART)
        content = b''.join(
            values[frames].tobytes() for values in (ticks, levels, scores)
        )
        digest.update(content)
        parts.append(base64.b64encode(zlib.compress(content)).decode())
    return PackedPoses(parts, layout, len(joints), digest.hexdigest())


def unpack_poses(name: str, parts: Iterable[str], layout: dict) -> dict:
    """Make a record of packed poses.

    Args:
        name (str): Id of the sequence.
        parts (Iterable[str]): Consecutive parts of :class:`PackedPoses`.
        layout (dict): As there.

    Returns:
        dict: A record with the 13 joints (1, T, 13, C), their scores and
        ``timestamps``.
    """
    joints = len(PENN_ACTION['joints'])
    dims = layout['dims']
    sizes = np.array([8, 2 * joints * dims, joints])
    ticks, levels, scores = [], [], []
    for part in parts:
        content = zlib.decompress(base64.b64decode(part))
        count = len(content) // sizes.sum()
        ends = np.cumsum(count * sizes)
        ticks.append(np.frombuffer(content[: ends[0]], '<i8'))
        levels.append(np.frombuffer(content[ends[0] : ends[1]], '<u2'))
        scores.append(np.frombuffer(content[ends[1] :], 'u1'))
    times = np.concatenate(ticks) * _TICK
    keypoint = np.concatenate(levels) * layout['step'] + layout['low']
    score = np.concatenate(scores) / _SCORES
    record = dict(
        frame_dir=name,
        total_frames=len(times),
        timestamps=times,
        keypoint=keypoint.astype(np.float32).reshape(1, -1, joints, dims),
        keypoint_score=score.astype(np.float32).reshape(1, -1, joints),
        skeleton=PENN_ACTION | {'up_axis': layout.get('up_axis')},
    )
    if 'img_shape' in layout:
        record['img_shape'] = tuple(layout['img_shape'])
    return record


def parts_around(
    start: float, end: float, frames: int, duration: float
) -> range:
    """Find the parts that hold a stretch, if frames come at about one rate.

    Args:
        start (float): First second, counted from the first frame; may be
            minus infinity.
        end (float): Last second; may be infinity.
        frames (int): Number of frames of the recording.
        duration (float): Seconds from its first frame to the last.

    Returns:
        range: The parts, and one more at each end.

    Example:
        >>> parts_around(40.0, 45.0, 9000, 300.0)
        range(3, 7)
    """
    rate = (frames - 1) / duration if duration else 0.0
    last = (frames - 1) // PART
    low, high = (
        int(min(max(second, 0.0), duration) * rate) // PART
        for second in (start, end)
    )
    return range(max(low - 1, 0), min(high + 1, last) + 1)
