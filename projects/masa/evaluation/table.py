import json
import math
import numbers
from pathlib import Path

from ..support.files import atomic_path

WIDTH = 100


def format_table(report: dict, per_activity: bool = False) -> str:
    """Lay a report out as plain text.

    Rows are the model and the controls, columns the figures, in as many
    blocks as their width asks for; the metric stands above its figures.

    Args:
        report (dict): Report of :class:`SequenceEvaluator`.
        per_activity (bool): Whether a table per activity stands before it.

    Returns:
        str: The table; a figure that is not known is a '-'. Where there is
        no figure at all, a line that says so.
    """
    columns = report['columns']
    if not columns:
        return (
            'no figure: the annotation file has neither phases nor two '
            'activities in what is evaluated'
        )
    tables = []
    if per_activity:
        for activity, rows in report['per_activity'].items():
            known = [c for c in columns if any(c in r for r in rows.values())]
            tables.append(_format_rows(activity, known, rows))
    # The last is what a terminal still shows.
    tables.append(_format_rows('mean', columns, report['rows']))
    return '\n\n'.join(tables)


def _format_rows(title, columns, rows):
    stub = max(map(len, [title, *rows]))
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
                ['', title, *rows],
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
    """The figures of one metric, as lines of equal width.

    Args:
        metric (str): Stands above the figures.
        keys (list[str]): Their names.
        rows (dict[str, dict[str, float]]): Figures by method.
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
    """Write a report as JSON, completely or not at all.

    Args:
        report (dict): Report of :class:`SequenceEvaluator`, or any nest of
            dicts and lists; numbers that are not finite become null.
        path (str or Path): The file.
    """
    text = json.dumps(plain_values(report), indent=2, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')


def plain_values(value):
    """Turn NumPy's numbers into Python's, and those not finite into None.

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
