import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from ..embeddings.checks import check_sequences
from .style import PROGRESS, WRONG, new_figure, styled


@styled
def similarity_matrix(
    first: np.ndarray,
    second: np.ndarray,
    path: np.ndarray | None = None,
    phases: tuple[np.ndarray, np.ndarray] | None = None,
    names: tuple[str, str] = ('first', 'second'),
) -> Figure:
    """Draw the distance matrix of the frames of two sequences.

    Args:
        first (np.ndarray): Embeddings, (T, D).
        second (np.ndarray): Embeddings, (S, D).
        path (np.ndarray, optional): Matched pairs of frames, (P, 2).
        phases (tuple, optional): Phases of both, (T,) and (S,) integers,
            negative where unknown; drawn along the axes.
        names (tuple[str, str]): Names of the sequences.

    Returns:
        Figure: The matrix; small distances are dark.

    Raises:
        ValueError: If shapes differ, or the path leaves the matrix.
    """
    first, second = check_sequences([first, second])
    distances = cdist(first, second, 'sqeuclidean')
    figure = new_figure(5.4, 5.4 * min(max(len(first) / len(second), 0.5), 2))
    axes = figure.subplots()
    shown = axes.imshow(
        np.sqrt(distances), cmap='gray', aspect='auto', origin='lower'
    )
    if path is not None:
        path = np.asarray(path)
        if path.min() < 0 or (path.max(0) >= distances.shape).any():
            raise ValueError(
                f'the path is expected within {distances.shape}, but reaches '
                f'{path.max(0).tolist()}'
            )
        axes.plot(*path[:, ::-1].T, color=WRONG, lw=2, label='alignment')
        axes.legend(loc='lower right', labelcolor='white')
    if phases is not None:
        for phase, length in zip(phases, distances.shape, strict=True):
            if np.shape(phase) != (length,):
                raise ValueError(
                    f'phases are expected for {length} frames, but have the '
                    f'shape {np.shape(phase)}'
                )
        side = axes.inset_axes([-0.05, 0, 0.03, 1])
        below = axes.inset_axes([0, -0.05, 1, 0.03])
        _draw_band(side, np.asarray(phases[0])[:, None])
        _draw_band(below, np.asarray(phases[1])[None])
        axes.tick_params(pad=14)
    axes.set(xlabel=f'frame of {names[1]}', ylabel=f'frame of {names[0]}')
    figure.colorbar(shown, ax=axes, label='distance', shrink=0.7)
    return figure


def _draw_band(axes, phases: np.ndarray) -> None:
    axes.imshow(phase_colors(phases), aspect='auto', origin='lower')
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def phase_colors(phases: np.ndarray) -> np.ndarray:
    """Return a color for each phase, white if unknown.

    Args:
        phases (np.ndarray): Integers, of any shape.

    Returns:
        np.ndarray: RGB in [0, 1], (..., 3).
    """
    last = max(int(phases.max()), 1)
    colors = colormaps[PROGRESS](np.clip(phases / last, 0, 1))[..., :3]
    return np.where((phases >= 0)[..., None], colors, 1.0)
