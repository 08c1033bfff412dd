"""How figures are called and written for people."""

import math
from typing import NamedTuple


class MetricTitle(NamedTuple):
    """How a figure is presented.

    Attributes:
        title (str): For a row of a table.
        short (str): For the head of a column, or over a figure.
        factor (int): 100 for percent, 1 for three digits, 0 for frames.
        smaller_is_better (bool): Whether the least is the best.
    """

    title: str
    short: str
    factor: int
    smaller_is_better: bool = False


METRIC_TITLES = {
    'phase_classification/accuracy_10': MetricTitle(
        'phase classification, 10%', 'phases 10%', 100
    ),
    'phase_classification/accuracy_50': MetricTitle(
        '50% of the labels', 'phases 50%', 100
    ),
    'phase_classification/accuracy_100': MetricTitle(
        '100%', 'phases 100%', 100
    ),
    'phase_progress/r2': MetricTitle('phase progress, R²', 'progress', 1),
    'kendalls_tau/tau': MetricTitle("Kendall's tau", 'tau', 1),
    'frame_retrieval/ap@5': MetricTitle('frame retrieval, AP@5', 'AP@5', 100),
    'frame_retrieval/ap@10': MetricTitle('AP@10', 'AP@10', 100),
    'frame_retrieval/ap@15': MetricTitle('AP@15', 'AP@15', 100),
    'cross_activity_retrieval/ap@5': MetricTitle(
        'AP@5 among all activities', 'AP@5, all', 100
    ),
    'action_recognition/accuracy': MetricTitle(
        'action recognition', 'recognition', 100
    ),
    'key_event_transfer/median_error': MetricTitle(
        'key event transfer, median error, % of the length',
        'event error',
        100,
        smaller_is_better=True,
    ),
    'key_event_transfer/within_5%': MetricTitle(
        'within 5%', 'events within 5%', 100
    ),
    'activity_separation/nearest_neighbor': MetricTitle(
        'activity of the nearest clip', 'nearest clip', 100
    ),
    'activity_separation/ami': MetricTitle('activity clusters, AMI', 'AMI', 1),
    'alignment_error/mean_frames': MetricTitle(
        'alignment error, frames, mean',
        'frames off, mean',
        0,
        smaller_is_better=True,
    ),
    'alignment_error/median_frames': MetricTitle(
        'median', 'frames off, median', 0, smaller_is_better=True
    ),
}


def format_metric(value: float, factor: int) -> str:
    """Write a figure.

    Args:
        value (float): NaN if it is not known.
        factor (int): Of :class:`MetricTitle`.

    Returns:
        str: For a table.
    """
    if math.isnan(value):
        return '-'
    if factor == 1:
        # A regression has no floor, and how far below it is says nothing.
        return f'{value:.3f}' if value > -10 else '< -10'
    return f'{value * (factor or 1):.1f}'
