from functools import wraps

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

# Okabe and Ito (2008), told apart by colour-blind people too; more classes
# than these differ by their marker.
COLOURS = (
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
    """Make a figure that no window and no global state knows of.

    Args:
        width (float): Inches.
        height (float): Inches.
        **kwargs: Of ``Figure``.

    Returns:
        Figure: Empty, white.
    """
    with rc_context(_SETTINGS):
        return Figure(figsize=(width, height), layout='constrained', **kwargs)


def styled(function):
    """Draw with the settings of this package, whatever the user's are."""

    @wraps(function)
    def draw(*args, **kwargs):
        with rc_context(_SETTINGS):
            return function(*args, **kwargs)

    return draw


def class_style(index: int) -> tuple[str, str]:
    """Return a colour and a marker, together different for 80 classes.

    Args:
        index (int): Of the class.

    Returns:
        tuple[str, str]: Colour and marker of matplotlib.
    """
    marker = MARKERS[(index // len(COLOURS)) % len(MARKERS)]
    return COLOURS[index % len(COLOURS)], marker


def evenly(length: int, most: int) -> np.ndarray:
    """Choose at most so many of a number of things, evenly.

    Args:
        length (int): How many there are.
        most (int): How many to choose at most.

    Returns:
        np.ndarray: Ascending indices, int64.
    """
    if length <= most:
        return np.arange(length)
    return np.linspace(0, length - 1, most).round().astype(np.int64)
