"""Alignment, retrieval and label transfer of tools/align.py."""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ..alignment import Timeline
from ..apis import AlignmentInferencer, EmbeddedSequence, FrameIndex
from ..datasets.frame_labels import labels_of_sequence
from ..datasets.text_files import read_lines
from ..extraction.limits import MediaLimits
from ..support.broken_inputs import show_broken, show_problems
from ..support.files import atomic_path
from ..visualization.sequence_images import SequenceImages
from ..visualization.video import (
    USUAL_RATE,
    frame_interval,
    playback,
    show_in_step,
    write_video,
)

# Highest frame rates in Hz: that of a screen, and one that a GIF, whose
# durations are in hundredths of a second, can hold.
MAX_RATE = {'.mp4': 60.0, '.gif': 25.0}


def run_alignment(args: argparse.Namespace) -> int:
    """Run tools/align.py, and print the results.

    Args:
        args (argparse.Namespace): Options of tools/align.py, and ``asked``,
            the names of those that say what to do.

    Returns:
        int: The exit status: 0, 1 if inputs were left out, 2 if some cannot
        be used and leaving out was not asked for.

    Raises:
        ValueError: If an input, a name or a file cannot be used.
        IndexError: If there is no such frame.
        OSError: If a file cannot be written.
    """
    inferencer = AlignmentInferencer(
        *(args.model, args.weights, args.device, args.features, args.cache),
        frame_rate=args.frame_rate,
        limits=MediaLimits(args.max_pixels, args.max_seconds),
        unsafe_load=args.unsafe_load,
    )
    sequences, problems = inferencer.embed_usable(args.inputs)
    if problems and not args.skip_broken:
        show_broken(problems)
        if args.cache is None and any(one.video for one in sequences):
            print(
                '--cache FOLDER keeps what is extracted from videos for the '
                'next time',
                file=sys.stderr,
            )
        return 2
    try:
        _align(args, inferencer, sequences)
    finally:
        show_problems(problems)
    return 1 if problems else 0


def _align(
    args: argparse.Namespace,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
) -> None:
    if args.sequences:
        sequences = [sequences[_index(sequences, n)] for n in args.sequences]
    alone = args.index and args.asked == ['retrieve']
    if len(sequences) < 2 and not alone:
        raise ValueError(
            f'two sequences are expected at least, but the inputs hold '
            f'{len(sequences)}'
        )
    if args.video or args.matches:
        reference = args.reference and _index(sequences, args.reference)
        timeline = inferencer.align_all(sequences, reference, args.method)
        _show_timeline(sequences, timeline)
        if args.matches:
            _write_matches(args.matches, sequences, timeline)
        if args.video:
            _write_video(args, inferencer, sequences, timeline)
    if args.retrieve:
        _retrieve(args, inferencer, sequences)
    if args.transfer_labels:
        _transfer(args, inferencer, sequences)
    if args.anomaly:
        _score(args, inferencer, sequences)


def _index(sequences: list[EmbeddedSequence], name: str) -> int:
    names = [one.name for one in sequences]
    if name not in names:
        raise ValueError(
            f'there is no sequence {name!r}; there are {", ".join(names)}'
        )
    return names.index(name)


def _apart(
    sequences: list[EmbeddedSequence], name: str
) -> tuple[EmbeddedSequence, list[EmbeddedSequence]]:
    index = _index(sequences, name)
    return sequences[index], [*sequences[:index], *sequences[index + 1 :]]


def _print(table: Table) -> None:
    # Without a terminal, never cut a name to its width.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _show_timeline(
    sequences: list[EmbeddedSequence], timeline: Timeline
) -> None:
    table = Table('sequence', 'frames', 'seconds', 'cost')
    for i, (one, cost) in enumerate(
        zip(sequences, timeline.costs, strict=True)
    ):
        mark = ' (reference)' if i == timeline.reference else ''
        duration = ''
        if one.timestamps is not None:
            first, last = one.timestamps[[0, -1]]
            duration = f'{last - first:.2f}'
        table.add_row(
            f'{one.name}{mark}', str(len(one)), duration, f'{cost:.4g}'
        )
    _print(table)


def _write_rows(path: Path, columns: dict[str, list]) -> None:
    """Write columns of plain values as CSV or JSON."""
    with atomic_path(path) as temporary:
        if path.suffix == '.json':
            temporary.write_text(json.dumps(columns, indent=1) + '\n')
        else:
            with open(temporary, 'w', newline='', encoding='utf-8') as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
    print(path)


def _write_matches(
    path: Path, sequences: list[EmbeddedSequence], timeline: Timeline
) -> None:
    frames = {
        one.name: row.tolist()
        for one, row in zip(sequences, timeline.frames, strict=True)
    }
    seconds = {
        one.name: [one.seconds(frame) for frame in frames[one.name]]
        for one in sequences
    }
    if path.suffix == '.csv':
        columns = {}
        for name in frames:
            columns[name] = frames[name]
            columns[f'{name} [s]'] = seconds[name]
        _write_rows(path, columns)
        return
    names = list(frames)
    _write_rows(
        path,
        dict(
            reference=names[timeline.reference],
            costs=dict(zip(names, timeline.costs.tolist(), strict=True)),
            frames=frames,
            seconds=seconds,
        ),
    )


def _write_video(
    args: argparse.Namespace,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
    timeline: Timeline,
) -> None:
    sources = [
        SequenceImages(
            *(one, inferencer.skeleton, args.height, inferencer.up),
            limits=inferencer.limits,
        )
        for one in sequences
    ]
    unknown = [one.name for one in sequences if one.timestamps is None]
    if unknown:
        print(
            f'{", ".join(unknown)}: no frame rate is known, {USUAL_RATE:g} '
            'frames a second are played; --frame-rate sets it'
        )
    timestamps = [
        np.arange(len(one)) / USUAL_RATE
        if one.timestamps is None
        else one.timestamps
        for one in sequences
    ]
    rate = min(
        max(1 / frame_interval(times) for times in timestamps),
        MAX_RATE[args.video.suffix],
    )
    recorded, aligned = playback(
        timestamps, timeline.frames, timeline.reference, rate
    )
    # A sequence of a single frame has no duration.
    progress = [
        (times - times[0]) / (np.ptp(times) or 1.0) for times in timestamps
    ]
    pictures = show_in_step(
        [one.name for one in sequences],
        [one.at(i) for one, i in zip(sources, recorded, strict=True)],
        [one.at(i) for one, i in zip(sources, aligned, strict=True)],
        *(
            np.stack([p[row] for p, row in zip(progress, rows, strict=True)])
            for rows in (recorded, aligned)
        ),
        args.height,
    )
    count = write_video(args.video, pictures, rate)
    print(f'{args.video}: {count} pictures, {rate:.4g} a second, in real time')


def _retrieve(
    args: argparse.Namespace,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
) -> None:
    name, _, frame = args.retrieve.rpartition(':')
    query, others = _apart(sequences, name)
    if args.index is None:
        names = [one.name for one in others]
        matches = inferencer.retrieve(query, int(frame), others, args.k)
        seconds = [others[m.sequence].seconds(m.frame) for m in matches]
    else:
        index = FrameIndex.load(args.index)
        names = index.names
        matches = inferencer.retrieve(query, int(frame), index, args.k)
        seconds = [index.seconds(m.sequence, m.frame) for m in matches]
    table = Table('sequence', 'frame', 'time [s]', 'distance')
    for match, second in zip(matches, seconds, strict=True):
        table.add_row(
            names[match.sequence],
            str(match.frame),
            '' if second is None else f'{second:.3f}',
            f'{match.distance:.4g}',
        )
    _print(table)


def _read_labels(path: Path, labelled: EmbeddedSequence) -> list[str]:
    if path.suffix.lower() == '.csv':
        return labels_of_sequence(
            path,
            labelled.name,
            len(labelled),
            labelled.timestamps,
        )
    labels = read_lines(path)
    if len(labels) != len(labelled):
        raise ValueError(
            f'{path} is expected to hold a label for each of the '
            f'{len(labelled)} frames of {labelled.name}, one a line, but '
            f'holds {len(labels)}'
        )
    return labels


def _transfer(
    args: argparse.Namespace,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
) -> None:
    labelled, others = _apart(sequences, args.transfer_labels)
    labels = None
    if args.labels is not None:
        labels = _read_labels(args.labels, labelled)
    carried = inferencer.transfer_labels(labelled, others, labels, args.method)
    foreign = [
        one.name
        for one in others
        if labelled.activity and one.activity not in ('', labelled.activity)
    ]
    if foreign:
        print(
            f'note: {len(foreign)} sequences are of other activities than '
            f'{labelled.name} ({labelled.activity}), such as {foreign[0]}; '
            '--sequences chooses some'
        )
    columns: dict[str, list] = dict(sequence=[], frame=[], second=[], label=[])
    for other, found in zip(others, carried, strict=True):
        columns['sequence'] += [other.name] * len(found)
        columns['frame'] += range(len(found))
        columns['second'] += map(other.seconds, range(len(found)))
        columns['label'] += found.tolist()
    _write_rows(args.results, columns)


def _score(
    args: argparse.Namespace,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
) -> None:
    sequence, references = _apart(sequences, args.anomaly)
    score = inferencer.anomaly_score(sequence, references)
    if len(references) == 1:
        print(
            'with a single reference the score is a squared distance; with '
            'two or more, about 1 is usual'
        )
    frames = list(range(len(score)))
    seconds = list(map(sequence.seconds, frames))
    at = int(score.argmax())
    when = '' if seconds[at] is None else f' ({seconds[at]:.3f} s)'
    print(
        f'{sequence.name}: median {np.median(score):.3g}, largest '
        f'{score.max():.3g} at frame {at}{when}'
    )
    _write_rows(
        args.results,
        dict(frame=frames, second=seconds, score=score.round(6).tolist()),
    )
