"""Tables and the picture of what time_to_answer.py measured."""

import os
import platform
from datetime import date
from pathlib import Path

import masa
from masa.embeddings.threads import num_threads

BEGIN = '<!-- time_to_answer.py: what follows is rewritten by it -->'
END = '<!-- time_to_answer.py: end -->'


def describe_machine() -> str:
    """Say when and on what was measured."""
    return (
        f'masa {masa.__version__}, Python {platform.python_version()}, '
        f'{platform.system()}, {num_threads()} threads; load of the machine '
        f'before: {os.getloadavg()[0]:.1f}; {date.today().isoformat()}.'
    )


def make_markdown(results: dict) -> str:
    """Make the tables of all parts that were measured.

    Args:
        results (dict): Of :func:`time_to_answer.main`, parts by name.

    Returns:
        str: Markdown, a table for each part with what it was measured on.
    """
    blocks = []
    for name, part in results.items():
        head, *rows = TABLES[name](part['rows'])
        lines = [head, ['---'] * len(head), *rows]
        table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
        blocks.append(f'{table}\n\n{part["machine"]}')
    return '\n\n'.join(blocks)


def write_page(path: Path, markdown: str) -> None:
    """Replace what stands between the marks of a page.

    Args:
        path (Path): The page.
        markdown (str): Of :func:`make_markdown`.

    Raises:
        ValueError: If the page does not have each mark once, in this order.
    """
    text = path.read_text(encoding='utf-8')
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended) or BEGIN in rest or END in after:
        raise ValueError(
            f'{path} is expected to have the line {BEGIN} and after it '
            f'{END}, once each'
        )
    page = f'{before}{BEGIN}\n\n{markdown}\n\n{END}{after}'
    path.write_text(page, encoding='utf-8')


def draw_growth(rows: dict, path: Path) -> None:
    """Draw how the time grows with the length and with the number.

    Args:
        rows (dict): Of :func:`time_to_answer.measure_growth`.
        path (Path): The picture, ``.png``.
    """
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, len(rows), figsize=(9, 3.6), layout='constrained', sharey=True
    )
    for axes, (unit, part) in zip(panels, rows.items(), strict=True):
        for name, seconds in part['seconds'].items():
            axes.loglog(part['sizes'], seconds, 'o-', label=name)
        axes.set_xlabel(unit)
        axes.set_xticks(part['sizes'], [f'{size:,}' for size in part['sizes']])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend()
    panels[0].set_ylabel('seconds')
    figure.savefig(path, dpi=120)


def _of_programs(rows: list[dict]) -> list[list[str]]:
    return [
        ['wall-clock / CPU seconds', 'first', 'again'],
        *(
            [
                row['name'],
                *(f'{wall:.2f} / {cpu:.2f}' for wall, cpu in row['runs']),
                *[''] * (2 - len(row['runs'])),
            ]
            for row in rows
        ),
    ]


def _of_calls(rows: list[dict]) -> list[list[str]]:
    return [
        ['in one process, milliseconds a call', 'median', '99th percentile'],
        *(
            [row['name'], f'{row["median"]:.2f}', f'{row["high"]:.2f}']
            for row in rows
        ),
    ]


def _of_retrieval(rows: list[dict]) -> list[list[str]]:
    return [
        [
            f'index of {rows[0]["frames"]:,} frames',
            *('ms a frame', 'recall', 'MiB', 'CPU s to build'),
        ],
        *(
            [
                f'`{row["name"]}`',
                f'{row["ms"]:.1f}',
                f'{row["recall"]:.3f}',
                f'{row["mib"]:,.0f}',
                f'{row["build"]:.0f}',
            ]
            for row in rows
        ),
    ]


def _of_growth(rows: dict) -> list[list[str]]:
    lines = []
    for unit, part in rows.items():
        sizes = [f'{size:,}' for size in part['sizes']]
        lines.append([f'seconds, by {unit}', *sizes])
        lines += [
            [name, *(f'{one:.2f}' for one in seconds)]
            for name, seconds in part['seconds'].items()
        ]
    width = max(map(len, lines))
    return [line + [''] * (width - len(line)) for line in lines]


TABLES = dict(
    commands=_of_programs,
    videos=_of_programs,
    calls=_of_calls,
    retrieval=_of_retrieval,
    growth=_of_growth,
    test=_of_programs,
    demo=_of_programs,
)
