import json
import math
import numbers
from pathlib import Path

from .files import atomic_path

WIDTH = 100


def format_table(report: dict, per_activity: bool = False) -> str:
    """Lay a report out as plain text.

    Rows are the model and the controls, columns the figures, in as many
    blocks as their width asks for; the metric stands above its figures.

    Args:
        report (dict): Report of :class:`SequenceEvaluator`.
        per_activity (bool): Whether to add a table per activity.

    Returns:
        str: The table; a figure that is not known is a '-'.
    """
    columns = report['columns']
    tables = [_format_rows('mean', columns, report['rows'])]
    if per_activity:
        for activity, rows in report['per_activity'].items():
            known = [c for c in columns if any(c in r for r in rows.values())]
            tables.append(_format_rows(activity, known, rows))
    return '\n\n'.join(tables)


def _format_rows(title, columns, rows):
    names = [title, *rows]
    stub = max(map(len, names))
    blocks, width = [[]], stub
    for column in columns:
        size = 2 + _column_width(column, rows)
        if blocks[-1] and width + size > WIDTH:
            blocks.append([])
            width = stub
        blocks[-1].append(column)
        width += size
    return '\n\n'.join(
        _format_block(title, stub, block, rows) for block in blocks
    )


def _column_width(column, rows):
    metric, _, key = column.rpartition('/')
    cells = [_format_value(row.get(column)) for row in rows.values()]
    return max(map(len, (metric, key, *cells)))


def _format_block(title, stub, columns, rows):
    heads = [column.rpartition('/') for column in columns]
    widths = [_column_width(column, rows) for column in columns]
    lines = [
        ('', [head[0] for head in heads]),
        (title, [head[2] for head in heads]),
    ]
    lines += [
        (name, [_format_value(row.get(column)) for column in columns])
        for name, row in rows.items()
    ]
    # A metric is named above the first of its figures only.
    above = lines[0][1]
    above[1:] = [
        '' if heads[i][0] == heads[i + 1][0] else heads[i + 1][0]
        for i in range(len(heads) - 1)
    ]
    return '\n'.join(
        '  '.join(
            [name.ljust(stub)]
            + [cell.rjust(w) for cell, w in zip(cells, widths, strict=True)]
        ).rstrip()
        for name, cells in lines
    )


def _format_value(value):
    if value is None or math.isnan(value):
        return '-'
    return f'{value:.4f}'


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
