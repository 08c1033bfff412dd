import numpy as np

# Two containers of one recording round its time stamps differently.
ROUNDING = 0.01


def frame_times(record: dict) -> np.ndarray | None:
    """Return the time stamps of a record's frames.

    Args:
        record (dict): With ``total_frames``. ``timestamps`` go before
            ``frame_rate``, from which the times are counted from 0.

    Returns:
        np.ndarray, optional: Seconds, (T,) float64; None if the record has
        neither.

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
    """Say whether two records may be of one recording, by their times.

    Args:
        first (dict): A record.
        second (dict): Another one, of as many frames.

    Returns:
        bool: True if they agree to 10 ms, or one has no times.
    """
    one, other = frame_times(first), frame_times(second)
    if one is None or other is None:
        return True
    return bool(np.abs((one - one[0]) - (other - other[0])).max() < ROUNDING)
