from functools import wraps

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

# Colors for color-blind readers (Okabe and Ito, 2008). Further classes differ
# in their markers.
COLORS = (
    *('#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9'),
    *('#f0e442', '#7f7f7f'),
)
MARKERS = 'osD^vPX*<>'
RIGHT = '#009e73'
WRONG = '#d55e00'
PROGRESS = 'viridis'
_SETTINGS = {
    'font.size': 9,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.titlesize': 10,
    'legend.frameon': False,
    'figure.dpi': 100,
}


def new_figure(width: float, height: float, **kwargs) -> Figure:
    """Make a figure outside Matplotlib's global state.

    Args:
        width (float): Width in inches.
        height (float): Height in inches.
        **kwargs: Arguments of ``Figure``.

    Returns:
        Figure: An empty figure.
    """
    with rc_context(_SETTINGS):
        return Figure(figsize=(width, height), layout='constrained', **kwargs)


def styled(function):
    """Draw with this package's settings instead of the user's."""

    @wraps(function)
    def draw(*args, **kwargs):
        with rc_context(_SETTINGS):
            return function(*args, **kwargs)

    return draw


def class_style(index: int) -> tuple[str, str]:
    """Return a color and a marker, distinct for up to 80 classes.

    Args:
        index (int): Index of the class.

    Returns:
        tuple[str, str]: Color and marker of Matplotlib.
    """
    marker = MARKERS[(index // len(COLORS)) % len(MARKERS)]
    return COLORS[index % len(COLORS)], marker


def evenly(length: int, most: int) -> np.ndarray:
    """Select up to ``most`` items, evenly spaced.

    Args:
        length (int): Number of items.
        most (int): Largest number to select.

    Returns:
        np.ndarray: Ascending indices, int64.
    """
    if length <= most:
        return np.arange(length)
    return np.linspace(0, length - 1, most).round().astype(np.int64)
