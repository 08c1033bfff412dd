import json
import math
import numbers
from pathlib import Path

from ..support.files import atomic_path
from .metric_titles import method_title

WIDTH = 100


def format_table(report: dict, per_activity: bool = False) -> str:
    """Format a report as a plain-text table.

    Rows are the model and the baselines, columns the metrics, in as many
    blocks as their width needs. A metric's name stands above its columns.

    Args:
        report (dict): Report of :class:`SequenceEvaluator`.
        per_activity (bool): Whether to add a table for every activity.

    Returns:
        str: The table, with '-' for unknown values; or one line if the
        report has no value.
    """
    columns = report['columns']
    if not columns:
        return (
            'no figure: the annotation file has neither phases nor two '
            'activities among the evaluated sequences'
        )
    tables = []
    if per_activity:
        for activity, rows in report['per_activity'].items():
            known = [c for c in columns if any(c in r for r in rows.values())]
            tables.append(_format_rows(activity, known, rows))
    # A terminal shows the end of a long text.
    tables.append(_format_rows('mean', columns, report['rows']))
    return '\n\n'.join(tables)


def _format_rows(title, columns, rows):
    names = [title, *map(method_title, rows)]
    stub = max(map(len, names))
    groups = [
        _Group(metric, [c.rpartition('/')[2] for c in columns], rows)
        for metric, columns in _group_by_metric(columns).items()
    ]
    blocks, width = [[]], stub
    for group in groups:
        if blocks[-1] and width + 2 + group.width > WIDTH:
            blocks.append([])
            width = stub
        blocks[-1].append(group)
        width += 2 + group.width
    return '\n\n'.join(
        '\n'.join(
            '  '.join([name.ljust(stub), *cells]).rstrip()
            for name, *cells in zip(
                ['', *names],
                *(group.lines for group in block),
                strict=True,
            )
        )
        for block in blocks
    )


def _group_by_metric(columns):
    groups = {}
    for column in columns:
        groups.setdefault(column.rpartition('/')[0], []).append(column)
    return groups


class _Group:
    """The columns of one metric, as lines of equal width.

    Args:
        metric (str): Title above the columns.
        keys (list[str]): Names of the columns.
        rows (dict[str, dict[str, float]]): Values by method.
    """

    def __init__(self, metric, keys, rows):
        table = [keys] + [
            [_format_value(row.get(f'{metric}/{key}')) for key in keys]
            for row in rows.values()
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        body = [
            '  '.join(
                cell.rjust(width)
                for cell, width in zip(line, widths, strict=True)
            )
            for line in table
        ]
        self.width = max(len(metric), len(body[0]))
        self.lines = [metric.ljust(self.width)]
        self.lines += [line.rjust(self.width) for line in body]


def _format_value(value):
    if value is None or math.isnan(value):
        return '-'
    return f'{value:.4f}' if abs(value) < 1000 else f'{value:.4g}'


def save_report(report: dict, path: str | Path) -> None:
    """Write a report as JSON, atomically.

    Args:
        report (dict): Report of :class:`SequenceEvaluator`, or any nest of
            dicts and lists; numbers that are not finite become null.
        path (str or Path): The file.
    """
    text = json.dumps(plain_values(report), indent=2, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')


def plain_values(value):
    """Convert NumPy numbers to Python numbers, and NaN and inf to None.

    Args:
        value (object): A number, a string, or a nest of dicts and sequences.

    Returns:
        object: The same in plain Python types.
    """
    if isinstance(value, dict):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if isinstance(value, numbers.Real) and not isinstance(
        value, (bool, numbers.Integral)
    ):
        return float(value) if math.isfinite(value) else None
    return value.item() if hasattr(value, 'item') else value
