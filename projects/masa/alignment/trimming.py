import numpy as np
import scipy

# Poses are smoothed over this share of the reference.
SMOOTHED = 0.1
# A body stands still up to this distance from the pose at the end, in mean
# squared distances between the frames of the reference.
STILL = 0.05


def pauses_at_ends(
    reference: np.ndarray, part: np.ndarray, length: float
) -> tuple[int, int]:
    """Measure for how long a part stands still longer than a reference does.

    A movement begins where the pose is farther from the first one than noise
    would be, and ends likewise. What precedes and follows it is compared.

    Args:
        reference (np.ndarray): Poses, (R, D), without NaN.
        part (np.ndarray): Poses of a part of a recording, (T, E) likewise.
        length (float): How long the reference lasts in frames of the
            recording.

    Returns:
        tuple[int, int]: Frames of the part to leave out at its start and at
        its end; 0 if the part, or the reference, does not move.

    Example:
        >>> import numpy as np
        >>> step = np.repeat([0.0, 1.0], 10)[:, None]
        >>> rest = np.zeros((30, 1))
        >>> pauses_at_ends(step, np.concatenate([rest, step]), 20)
        (30, 0)
    """
    rate = length / len(reference)
    spread = 2 * float(reference.var(0).sum())
    size = max(1, round(SMOOTHED * len(reference)))
    usual = _standstills(reference, size, STILL * spread)
    found = _standstills(part, max(1, round(size * rate)), STILL * spread)
    if sum(usual) >= len(reference) or sum(found) >= len(part):
        return 0, 0
    start, end = (
        max(0, round(own - rate * other))
        for own, other in zip(found, usual, strict=True)
    )
    return start, end


def _standstills(
    poses: np.ndarray, size: int, limit: float
) -> tuple[int, int]:
    """Count the frames before the first movement and after the last one."""
    poses = scipy.ndimage.uniform_filter1d(poses, size, axis=0, mode='nearest')
    counts = []
    for ordered in (poses, poses[::-1]):
        apart = ordered - ordered[0]
        moved = np.einsum('td,td->t', apart, apart) > limit
        counts.append(int(moved.argmax()) if moved.any() else len(poses))
    return counts[0], counts[1]
