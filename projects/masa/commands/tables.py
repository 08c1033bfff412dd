"""Tables of results: on the terminal, as CSV and as JSON."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ..alignment import Comparison, Occurrence, Timeline
from ..embeddings import EmbeddedSequence
from ..support.files import atomic_path


def print_table(table: Table) -> None:
    """Print a table, at full width where there is no terminal.

    Args:
        table (Table): The table.
    """
    # Without a terminal, never cut a name to its width.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def show_timeline(
    sequences: list[EmbeddedSequence], timeline: Timeline
) -> None:
    """Print the length and the cost of each aligned sequence.

    Where some frames of the reference have no counterpart, also the share of
    those that do.

    Args:
        sequences (list[EmbeddedSequence]): The sequences.
        timeline (Timeline): Their alignment.
    """
    table = Table('sequence', 'frames', 'seconds', 'cost')
    shares = (timeline.frames >= 0).mean(axis=1)
    is_partial = bool((shares < 1).any())
    if is_partial:
        table.add_column('matched')
    for i, (one, cost) in enumerate(
        zip(sequences, timeline.costs, strict=True)
    ):
        mark = ' (reference)' if i == timeline.reference else ''
        duration = '' if one.duration is None else f'{one.duration:.2f}'
        shown = 'nothing matches' if np.isnan(cost) else f'{cost:.4g}'
        cells = [f'{one.name}{mark}', str(len(one)), duration, shown]
        table.add_row(*cells, *[f'{shares[i]:.0%}'] * is_partial)
    print_table(table)


def show_occurrences(
    recording: str, found: list[Occurrence], references: list[str]
) -> None:
    """Print occurrences and their number.

    Args:
        recording (str): Name of the recording.
        found (list[Occurrence]): The occurrences.
        references (list[str]): Name of the reference nearest to each.
    """
    if found:
        table = Table('', 'start', 'end', 'seconds', 'score', 'reference')
        for i, (one, name) in enumerate(zip(found, references, strict=True)):
            if one.start is None:
                ends = f'frame {one.start_frame}', f'frame {one.end_frame - 1}'
                lasts = ''
            else:
                ends = f'{one.start:.2f} s', f'{one.end:.2f} s'
                lasts = f'{one.end - one.start:.2f}'
            mark = ' (mirrored)' if one.mirrored else ''
            table.add_row(
                *(str(i + 1), *ends, lasts, f'{one.score:.2f}'),
                f'{name}{mark}',
            )
        print_table(table)
    hint = '' if found else '; --tolerance admits what differs more'
    print(f'{recording}: {len(found)} found{hint}')


def write_occurrences(
    path: Path, recording: str, found: list[Occurrence], references: list[str]
) -> None:
    """Write the frames and seconds of occurrences.

    Args:
        path (Path): The file, ``.csv`` or ``.json``.
        recording (str): Name of the recording.
        found (list[Occurrence]): The occurrences.
        references (list[str]): Name of the reference nearest to each.

    Raises:
        OSError: If the file cannot be written.
    """
    columns = {
        'first frame': [one.start_frame for one in found],
        'last frame': [one.end_frame - 1 for one in found],
        'start [s]': [one.start for one in found],
        'end [s]': [one.end for one in found],
        'score': [round(one.score, 4) for one in found],
        'cost': [round(one.cost, 6) for one in found],
        'mirrored': [one.mirrored for one in found],
        'reference': references,
    }
    write_columns(path, columns, f'{len(found)} occurrences in {recording}')


def write_repetitions(path: Path, comparisons: list[Comparison]) -> None:
    """Write the scores of repetitions and what stands out most in each.

    Args:
        path (Path): The file, ``.csv``.
        comparisons (list[Comparison]): In the order of the recording.

    Raises:
        OSError: If the file cannot be written.
    """
    attempts = [one.attempt for one in comparisons]
    columns = {
        'first frame': [one.first_frame for one in comparisons],
        'last frame': [
            one.first_frame + len(one.attempt) - 1 for one in comparisons
        ],
        'start [s]': [one.seconds(0) for one in attempts],
        'end [s]': [one.seconds(-1) for one in attempts],
        'score': [round(one.score, 4) for one in comparisons],
        'mirrored': [one.mirrored for one in comparisons],
        'what stands out most': [one.what_stands_out for one in comparisons],
    }
    write_columns(path, columns, f'{len(comparisons)} repetitions')


def write_columns(path: Path, columns: dict[str, list], what: str) -> None:
    """Write columns of plain values as CSV or JSON, and say so.

    Args:
        path (Path): The file, ``.csv`` or ``.json``.
        columns (dict[str, list]): Values by the name of the column, of one
            length for CSV.
        what (str): What is written, for the line that says so.

    Raises:
        OSError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        if path.suffix.lower() == '.json':
            temporary.write_text(json.dumps(columns, indent=1) + '\n')
        else:
            with open(temporary, 'w', newline='', encoding='utf-8') as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
    print(f'{path}: {what}')


def write_matches(
    path: Path, sequences: list[EmbeddedSequence], timeline: Timeline
) -> None:
    """Write the frames and seconds of all sequences at the same moments.

    Args:
        path (Path): The file, ``.csv`` or ``.json``.
        sequences (list[EmbeddedSequence]): The sequences.
        timeline (Timeline): Their alignment.

    Raises:
        OSError: If the file cannot be written.
    """
    what = f'{timeline.frames.shape[1]} moments of {len(sequences)} sequences'
    frames = {
        one.name: [None if frame < 0 else frame for frame in row.tolist()]
        for one, row in zip(sequences, timeline.frames, strict=True)
    }
    seconds = {
        one.name: [
            None if frame is None else one.seconds(frame)
            for frame in frames[one.name]
        ]
        for one in sequences
    }
    if path.suffix.lower() == '.csv':
        columns = {}
        for name in frames:
            columns[name] = frames[name]
            columns[f'{name} [s]'] = seconds[name]
        write_columns(path, columns, what)
        return
    names = list(frames)
    # JSON has no NaN.
    costs = [None if np.isnan(cost) else cost for cost in timeline.costs]
    write_columns(
        path,
        dict(
            reference=names[timeline.reference],
            costs=dict(zip(names, costs, strict=True)),
            frames=frames,
            seconds=seconds,
        ),
        what,
    )
