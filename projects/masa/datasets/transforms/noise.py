import numpy as np


def smooth_noise(
    rng: np.random.Generator,
    num_frames: int,
    size: tuple[int, ...],
    correlation_frames: float,
) -> np.ndarray:
    """Draw Gaussian noise that changes smoothly over the frames.

    Independent standard normal numbers sit on knots ``correlation_frames``
    apart; a frame takes the four nearest, weighted by a cubic B-spline whose
    weights are scaled so that their squares add up to one. Every frame, the
    first and last too, therefore has mean 0 and variance exactly 1. The
    correlation of two frames falls to about one half over
    ``correlation_frames`` and to about 0.05 over twice that.

    Noise that is filtered at the sequence's own length, as CASA's, loses half
    of its size at both ends; a covariance matrix needs ``T x T`` numbers.
    This takes ``O(T)``.

    Args:
        rng (np.random.Generator): Source of the draws.
        num_frames (int): Frames ``T``, one or more.
        size (tuple[int, ...]): Shape of the independent series.
        correlation_frames (float): Distance of the knots in frames, above 0.

    Returns:
        np.ndarray: ``(T, *size)``, float64.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> smooth_noise(rng, 4, (), correlation_frames=2).round(2).tolist()
        [0.42, 0.01, -0.35, -0.35]
    """
    # An offset drawn once, so that no frame is tied to a knot.
    position = np.arange(num_frames) / correlation_frames + rng.random()
    left = position.astype(np.int64)
    u = position - left
    weights = np.stack(
        [
            (1 - u) ** 3,
            3 * u**3 - 6 * u**2 + 4,
            -3 * u**3 + 3 * u**2 + 3 * u + 1,
            u**3,
        ],
        axis=1,
    )
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    series = int(np.prod(size))
    knots = rng.standard_normal((int(left[-1]) + 4, series))
    noise = weights[:, :1] * knots[left]
    for k in range(1, 4):
        noise += weights[:, k : k + 1] * knots[left + k]
    return noise.reshape(num_frames, *size)
