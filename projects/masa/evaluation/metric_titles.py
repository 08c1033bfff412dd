"""How metrics and methods are presented to people."""

import math
from typing import NamedTuple


class MetricTitle(NamedTuple):
    """How a metric is presented.

    Attributes:
        title (str): Title of a row of a table.
        short (str): Title of a column or of a plot.
        factor (int): 100 for percent, 1 for three digits, 0 for frames.
        smaller_is_better (bool): Whether the smallest value is the best.
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
    'key_event_transfer/dtw_median_error': MetricTitle(
        'by DTW, median error',
        'event error, DTW',
        100,
        smaller_is_better=True,
    ),
    'key_event_transfer/dtw_within_5%': MetricTitle(
        'by DTW, within 5%', 'events within 5%, DTW', 100
    ),
    'activity_separation/nearest_neighbor': MetricTitle(
        'activity of the nearest sequence', 'nearest sequence', 100
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


# The rows of a report that are not models.
_METHOD_TITLES = {
    'raw': 'raw input',
    'window': 'raw input in a window',
    'clock': 'time only',
    'position': 'positional encoding',
    'raw+clock': 'raw input + time',
    'window+clock': 'window + time',
    'raw+model': 'raw input + model',
}


def method_title(name: str) -> str:
    """Return the title of a row of a report.

    Args:
        name (str): A baseline, or a model.

    Returns:
        str: Such as 'time only' for the baseline 'clock'. A model keeps its
        name.

    Example:
        >>> from masa.evaluation.metric_titles import method_title
        >>> method_title('raw+clock')
        'raw input + time'
    """
    return _METHOD_TITLES.get(name, name)


def format_metric(value: float, factor: int) -> str:
    """Write the value of a metric.

    Args:
        value (float): NaN if it is unknown.
        factor (int): Of :class:`MetricTitle`.

    Returns:
        str: The text of a cell.

    Example:
        >>> from masa.evaluation.metric_titles import format_metric
        >>> format_metric(0.8374, factor=100)
        '83.7'
    """
    if math.isnan(value):
        return '-'
    if factor == 1:
        # A regression has no floor, and how far below it is says nothing.
        return f'{value:.3f}' if value > -10 else '< -10'
    return f'{value * (factor or 1):.1f}'
