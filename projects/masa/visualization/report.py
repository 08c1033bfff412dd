import base64
import io
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jinja2
import numpy as np
import torch
from matplotlib.figure import Figure

from .. import __version__
from ..evaluation.evaluator import MODEL
from ..evaluation.metric_titles import (
    METRIC_TITLES,
    format_metric,
    method_title,
)
from ..support.files import atomic_path
from .paper_results import paper_results
from .run_figures import RunFigures


def write_report(
    path: Path,
    run: RunFigures,
    figures: Sequence[tuple[str, str, Figure]],
) -> None:
    """Write a self-contained HTML report of a training.

    Args:
        path (Path): The ``.html`` file.
        run (RunFigures): The training.
        figures (Sequence[tuple[str, str, Figure]]): Names, captions and
            figures in the order of the page.
    """
    config = run.inferencer.model.config
    page = _TEMPLATE.render(
        title=Path(config.filename or run.work_dir).stem,
        counts=_counts(run),
        methods=[
            'this model' if name == MODEL else method_title(name)
            for name in (run.report['rows'] if run.report else ())
        ],
        table=metric_table(run.report) if run.report else [],
        paper=paper_results(Path(config.filename or '').stem),
        notes=run.report['notes'] + run.report['warnings']
        if run.report
        else [],
        figures=[
            (name, caption, _inline(figure))
            for name, caption, figure in figures
        ],
        versions=_versions(),
        seed=config.get('randomness', {}).get('seed'),
        config=config.pretty_text,
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding='utf-8')


def metric_table(report: dict) -> list[dict]:
    """Format the metrics of a report.

    Args:
        report (dict): Report of ``SequenceEvaluator``.

    Returns:
        list[dict]: One dict per metric with ``key``, ``title`` and ``cells``:
        pairs of the text and whether it is the best of its row.
    """
    table = []
    for key, metric in METRIC_TITLES.items():
        if key not in report['columns']:
            continue
        values = [row.get(key) for row in report['rows'].values()]
        numbers = np.array(
            [np.nan if value is None else value for value in values], float
        )
        if np.isnan(numbers).all():
            continue
        best = (np.nanmin if metric.smaller_is_better else np.nanmax)(numbers)
        table.append(
            dict(
                key=key,
                title=metric.title,
                cells=[
                    (format_metric(number, metric.factor), number == best)
                    for number in numbers
                ],
            )
        )
    return table


def _counts(run: RunFigures) -> str:
    frames = sum(map(len, run.evaluated))
    activities = {one.activity for one in run.evaluated} - {''}
    text = f'{len(run.evaluated)} sequences, {frames} frames'
    if activities:
        text += f', {len(activities)} activities'
    return text


def _versions() -> str:
    found = [f'masa {__version__}']
    for name in ('mmengine', 'mmaction2', 'numpy', 'scikit-learn'):
        found.append(f'{name} {version(name)}')
    return ', '.join([*found, f'torch {torch.__version__}'])


def _inline(figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format='png', dpi=130)
    return base64.b64encode(data.getvalue()).decode('ascii')


_TEMPLATE = jinja2.Environment(
    autoescape=True, trim_blocks=True, lstrip_blocks=True
).from_string(
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff;
  --soft: #666; --line: #ddd; --mark: #0a6b4b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181b; --soft: #a5a5a5; --line: #3a3d42;
    --mark: #5fd0a5; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); max-width: 62rem; margin: 0 auto;
  padding: 1rem; }
h1 { margin-bottom: 0; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; }
p.soft, figcaption, td.soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--paper); white-space: normal; min-width: 9rem; }
td.best { font-weight: 700; color: var(--mark); }
figure { margin: 1rem 0 2rem; }
img { width: 100%; max-width: max-content; min-width: 34rem; height: auto;
  border-radius: 4px; background: #fff; }
pre { overflow-x: auto; font-size: .8rem; border: 1px solid var(--line);
  padding: .7rem; }
</style>
<h1>{{ title }}</h1>
<p class="soft">Evaluated on {{ counts }}. Seed {{ seed }}.</p>
{% if table %}
<h2>Metrics</h2>
<div class="scroll"><table>
<tr><th></th>
{% for name in methods %}
<th>{{ name }}</th>
{% endfor %}
{% if paper %}<th>paper</th>{% endif %}</tr>
{% for row in table %}
<tr><td>{{ row.title }}</td>
{% for text, best in row.cells %}
<td class="{{ 'best' if best }}">{{ text }}</td>
{% endfor %}
{% if paper %}
<td class="soft">{{ paper.get(row.key, '') }}</td>
{% endif %}
</tr>
{% endfor %}
</table></div>
<p class="soft">The other columns are training-free baselines: the model's
raw input, the frame's relative time t / T and the positional encoding of t.
{% if paper %}The paper's results use other features, labels and splits, so
they are no direct comparison.{% endif %}</p>
{% for note in notes %}<p class="soft">{{ note }}</p>{% endfor %}
{% else %}
<p>No metrics yet: <code>masa test</code> computes them.</p>
{% endif %}
<h2>Figures</h2>
{% for name, caption, data in figures %}
<figure id="{{ name }}">
<div class="scroll">
<img alt="{{ caption }}" src="data:image/png;base64,{{ data }}">
</div>
<figcaption>{{ caption }}</figcaption>
</figure>
{% endfor %}
<h2>How it was made</h2>
<p class="soft">{{ versions }}</p>
<details><summary>Config</summary><pre>{{ config }}</pre></details>
</html>
"""
)
