import json
from collections.abc import Iterable
from pathlib import Path

from masa.files import atomic_path

from .section import TOLERANCE, Section, table, three_digits

_HEAD = """\
# Performance

Made by `python benchmarks/performance.py`: measurements, figures and text.
Every ratio is of two measurements of one run on one machine; times alone say
little about another. `--only training_step memory` measures some sections
anew, `--device cuda` trains on a GPU.
"""


def save_result(folder: Path, section: Section, result: dict) -> None:
    """Keep what a section measured.

    Args:
        folder (Path): Of all results.
        section (Section): Whose.
        result (dict): What JSON can hold.
    """
    with atomic_path(folder / f'{section.name}.json') as path:
        path.write_text(json.dumps(result, indent=1))


def load_results(folder: Path, sections: Iterable[Section]) -> dict[str, dict]:
    """Read what was measured.

    Args:
        folder (Path): Of all results.
        sections (Iterable[Section]): Which to look for.

    Returns:
        dict[str, dict]: Results by section; those not measured are missing.
    """
    paths = {s.name: folder / f'{s.name}.json' for s in sections}
    return {
        name: json.loads(path.read_text())
        for name, path in paths.items()
        if path.exists()
    }


def write_page(
    page: Path, sections: Iterable[Section], results: dict[str, dict]
) -> None:
    """Write the page and its figures.

    Args:
        page (Path): The Markdown file; figures go into ``figures`` beside it.
        sections (Iterable[Section]): In the order of the page.
        results (dict[str, dict]): By section; others are left out.
    """
    measured = [section for section in sections if section.name in results]
    parts = [_HEAD, _figures(measured, results)]
    for section in measured:
        result = results[section.name]
        parts.append(
            f'## {section.title}\n\n{section.describe(result)}\n'
            f'{_machine(result["machine"])}'
        )
        for name, figure in section.draw(result).items():
            path = page.parent / 'figures' / f'performance_{name}.png'
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=110)
    with atomic_path(page) as temporary:
        temporary.write_text('\n'.join(parts))


def _figures(sections: list[Section], results: dict[str, dict]) -> str:
    rows = [
        expectation.row(results[section.name]['figures'].get(expectation.key))
        for section in sections
        for expectation in section.expectations
    ]
    header = ['', 'goal', 'predicted', 'measured', 'prediction']
    return f"""\
## Figures

Predictions were committed before these sections first ran; one that is off by
more than a factor of {TOLERANCE} is called missed. Those of the training step
knew older figures of one core, those of start-up a profile of the imports,
that of MMEngine's collate an older run.

{table(header, rows)}
"""


def _machine(machine: dict) -> str:
    versions = ', '.join(f'{k} {v}' for k, v in machine['versions'].items())
    device = machine['device']
    where = '' if device == 'CPU' else f', {device}'
    return (
        f'<sub>{machine["processor"]}, {machine["cores"]} cores, '
        f'{three_digits(machine["memory_gib"])} GiB{where}; '
        f'{machine["threads"]} threads; Python {machine["python"]}, '
        f'{versions}.</sub>\n'
    )
