import numpy as np

# Seconds; containers round the time stamps of a recording differently.
ROUNDING = 0.01


def frame_times(record: dict) -> np.ndarray | None:
    """Return the time stamps of a record's frames.

    Args:
        record (dict): Record with ``total_frames``. ``timestamps`` take
            precedence over ``frame_rate``, by which times start at 0.

    Returns:
        np.ndarray, optional: Time stamps in seconds, (T,) float64; None if the
        record has neither.

    Example:
        >>> from masa.datasets.times import frame_times
        >>> frame_times(dict(total_frames=3, frame_rate=10))
        array([0. , 0.1, 0.2])
    """
    if record.get('timestamps') is not None:
        return np.asarray(record['timestamps'], dtype=np.float64)
    rate = record.get('frame_rate')
    if rate is None:
        return None
    return np.arange(record['total_frames']) / float(rate)


def same_times(first: dict, second: dict) -> bool:
    """Return whether two records may be of one recording.

    That is, their times agree to 10 ms, or one has no times. Both must have
    the same number of frames.
    """
    times = [frame_times(record) for record in (first, second)]
    if any(seconds is None for seconds in times):
        return True
    elapsed = [seconds - seconds[0] for seconds in times]
    return bool(np.abs(elapsed[0] - elapsed[1]).max() < ROUNDING)
