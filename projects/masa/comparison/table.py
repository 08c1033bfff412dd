from collections.abc import Iterable, Sequence

import numpy as np

from ..evaluation.evaluator import MODEL
from ..evaluation.metric_titles import (
    METRIC_TITLES,
    format_metric,
    method_title,
)
from .results import ComparisonResult
from .trainings import CONTROLS


def comparison_rows(
    results: Iterable[ComparisonResult], single: bool = False
) -> dict[str, dict]:
    """Average the metrics of every method over seeds.

    Args:
        results (Iterable[ComparisonResult]): Results of all trainings.
        single (bool): Whether to take the models of single activities, and
            average over the activities. Otherwise those of all activities
            are taken. Defaults to False.

    Returns:
        dict[str, dict]: For every method and every baseline of the
        evaluation: ``labels``; ``seeds``, their number; ``seconds`` of the
        trainings of one seed, NaN where unknown; and ``values``, (mean,
        sample standard deviation over seeds) by metric. The deviation is NaN
        for a single seed and for the baselines, which have none.
    """
    found: dict[str, dict[int, list]] = {}
    for result in results:
        if single == (result.training.activity is None):
            continue
        for name, values in _figures(result):
            seeds = found.setdefault(name, {})
            seeds.setdefault(result.training.seed, []).append((result, values))
    return {name: _row(seeds) for name, seeds in found.items()}


def _figures(result: ComparisonResult):
    """Yield name and metrics of a method, or of the baselines."""
    report, activity = result.report, result.training.activity
    rows = report['rows']
    if activity is not None:
        rows = report['per_activity'].get(activity, {})
    for name, row in rows.items():
        own = result.training.method if name == MODEL else name
        yield own, {k: np.nan if v is None else v for k, v in row.items()}


def _row(seeds: dict[int, list]) -> dict:
    per_seed = []
    for parts in seeds.values():
        keys = dict.fromkeys(key for _, values in parts for key in values)
        per_seed.append(
            {
                key: np.mean([values.get(key, np.nan) for _, values in parts])
                for key in keys
            }
        )
    first, _ = next(iter(seeds.values()))[0]
    trained = first.training.method != CONTROLS
    values = {}
    for key in dict.fromkeys(key for one in per_seed for key in one):
        numbers = np.array([one.get(key, np.nan) for one in per_seed])
        several = trained and len(numbers) > 1
        spread = numbers.std(ddof=1) if several else np.nan
        values[key] = float(numbers.mean()), float(spread)
    seconds = [
        sum(np.nan if r.seconds is None else r.seconds for r, _ in one)
        for one in seeds.values()
    ]
    return dict(
        labels=first.labels,
        seeds=len(seeds) if trained else 0,
        seconds=float(np.mean(seconds)) if trained else np.nan,
        values=values,
    )


def format_comparison(results: Sequence[ComparisonResult]) -> str:
    """Format the results of a comparison in Markdown.

    Args:
        results (Sequence[ComparisonResult]): Results of all trainings.

    Returns:
        str: A table of the models of all activities, and one of the models
        of single activities, if there are results of them.
    """
    titles = (
        'One model for all activities',
        'One model for every activity, average',
    )
    tables = [
        format_markdown(comparison_rows(results, single))
        for single in (False, True)
    ]
    return '\n'.join(
        f'### {title}\n\n{table}'
        for title, table in zip(titles, tables, strict=True)
        if table
    )


def format_markdown(rows: dict[str, dict]) -> str:
    """Format the metrics of all methods as a table in Markdown.

    MASA comes first, the evaluation's baselines last. The best value of a
    column is bold; others within the deviation over seeds may be as good.

    Args:
        rows (dict[str, dict]): Of :func:`comparison_rows`.

    Returns:
        str: The table, empty if there are no metrics.
    """
    names = sorted(
        rows, key=lambda name: (not rows[name]['seeds'], name != 'masa')
    )
    columns = [
        key
        for key in METRIC_TITLES
        if any(key in rows[name]['values'] for name in names)
    ]
    if not columns:
        return ''
    lines = [
        ['method', 'labels', *(METRIC_TITLES[key].short for key in columns)],
        ['---', '---', *('---:' for _ in columns)],
    ]
    best = {key: _best(key, rows) for key in columns}
    for name in names:
        cells = [method_title(name), rows[name]['labels']]
        for key in columns:
            mean, spread = rows[name]['values'].get(key, (np.nan, np.nan))
            factor = METRIC_TITLES[key].factor
            text = format_metric(mean, factor)
            if text == best[key]:
                text = f'**{text}**'
            if not np.isnan(spread) and mean > -10:
                text += f' ± {format_metric(spread, factor)}'
            cells.append(text)
        lines.append(cells)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'


def _best(key: str, rows: dict[str, dict]) -> str:
    metric = METRIC_TITLES[key]
    means = [
        row['values'][key][0] for row in rows.values() if key in row['values']
    ]
    choose = np.nanmin if metric.smaller_is_better else np.nanmax
    return format_metric(float(choose(means)), metric.factor)
