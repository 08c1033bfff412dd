"""Align videos, skeletons or features with a trained model."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from masa.broken_inputs import add_skip_broken, show_broken, show_problems
from masa.command_line import add_unsafe_load, end_with_status
from masa.datasets.frame_labels import labels_of_sequence
from masa.datasets.text_files import read_lines
from masa.files import atomic_path

if TYPE_CHECKING:
    from rich.table import Table

    from masa.alignment import Timeline
    from masa.apis import AlignmentInferencer, EmbeddedSequence

# More pictures a second than a screen shows; and those of a GIF, whose
# durations are hundredths of a second.
MAX_RATE = dict(zip(('.mp4', '.gif'), (60.0, 25.0), strict=True))
VERBS = ('video', 'matches', 'retrieve', 'transfer_labels', 'anomaly')


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 1 if inputs were left out, with 2 '
        'if it could not be done.',
        epilog='Example: python tools/align.py work_dirs/masa_videos '
        'a.mp4 b.mp4 --video aligned.mp4 --matches aligned.csv',
    )
    parser.add_argument(
        'model', type=Path, help='work directory of a training, or a config'
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        type=Path,
        metavar='INPUT',
        help='videos, folders, .npy files, annotation files',
    )
    parser.add_argument(
        '--weights', type=Path, help='checkpoint (default: the last one)'
    )
    add_unsafe_load(parser)
    parser.add_argument('--device', help='such as cuda:0')
    parser.add_argument(
        '--features',
        type=Path,
        default='',
        help='folder that the feature_path of an annotation file is in',
    )
    parser.add_argument(
        '--cache',
        type=Path,
        metavar='FOLDER',
        help='for what is extracted from videos, so that it is done once',
    )
    parser.add_argument(
        '--sequences',
        nargs='+',
        metavar='NAME',
        help='take these of the inputs only, in this order (default: all)',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace files'
    )
    add_skip_broken(parser)
    verbs = parser.add_argument_group('what to do, one or several')
    verbs.add_argument(
        '--video',
        type=Path,
        metavar='FILE',
        help='.mp4 or .gif: the sequences in step and, above, as recorded',
    )
    verbs.add_argument(
        '--matches',
        type=Path,
        metavar='FILE',
        help='.csv or .json: the frame and the second of every sequence at '
        "every moment of the reference's timeline",
    )
    verbs.add_argument(
        '--retrieve',
        metavar='NAME:FRAME',
        help='the same moment in the other sequences, the nearest first',
    )
    verbs.add_argument(
        '--transfer-labels',
        metavar='NAME',
        help='carry its labels over to the others, into --results',
    )
    verbs.add_argument(
        '--anomaly',
        metavar='NAME',
        help='score its frames against the others, into --results',
    )
    options = parser.add_argument_group('options')
    options.add_argument(
        '--results',
        type=Path,
        metavar='FILE',
        help='.csv or .json, of --transfer-labels or --anomaly',
    )
    options.add_argument(
        '--labels',
        type=Path,
        metavar='FILE',
        help='for --transfer-labels: .txt with a label a line, or .csv with '
        'phases of segments, see docs/data.md (default: its phases)',
    )
    options.add_argument(
        '--reference',
        metavar='NAME',
        help='whose timeline (default: the one that is nearest to all)',
    )
    options.add_argument(
        '--method',
        choices=['dtw', 'nearest'],
        default='dtw',
        help='of --video, --matches and --transfer-labels: dtw keeps the '
        'order of the frames, nearest takes the nearest frame in any order '
        '(default: %(default)s)',
    )
    options.add_argument(
        '--frame-rate',
        type=float,
        metavar='HZ',
        help='frames per second of inputs that do not say, such as .npy files',
    )
    options.add_argument(
        '-k', type=int, default=5, help='how many to retrieve'
    )
    options.add_argument(
        '--index',
        type=Path,
        metavar='FILE.faiss',
        help='for --retrieve: look in this index of tools/index_frames.py, '
        'not in the other inputs',
    )
    options.add_argument(
        '--height', type=int, default=240, help="of the video's pictures"
    )
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    asked = [name for name in VERBS if getattr(args, name) is not None]
    if not asked:
        wanted = ', '.join(f'--{name.replace("_", "-")}' for name in VERBS)
        parser.error(f'nothing to do: give some of {wanted}')
    long = {'transfer_labels', 'anomaly'} & set(asked)
    if len(long) != (args.results is not None):
        parser.error(
            '--results goes with one of --transfer-labels and --anomaly'
        )
    with_method = {'video', 'matches', 'transfer_labels'} & set(asked)
    if args.method != 'dtw' and not with_method:
        parser.error(
            '--method goes with --video, --matches or --transfer-labels'
        )
    if args.labels is not None and args.transfer_labels is None:
        parser.error('--labels goes with --transfer-labels')
    if args.index is not None and args.retrieve is None:
        parser.error('--index goes with --retrieve')
    for name, suffixes in (
        ('video', ('.mp4', '.gif')),
        ('matches', ('.csv', '.json')),
        ('results', ('.csv', '.json')),
    ):
        path = getattr(args, name)
        if path is None:
            continue
        if path.suffix not in suffixes:
            parser.error(
                f'--{name} {path} is expected to be {" or ".join(suffixes)}'
            )
        if path.exists() and not args.overwrite:
            parser.error(f'{path} exists; --overwrite replaces it')
    if args.retrieve is not None:
        name, _, frame = args.retrieve.rpartition(':')
        if not name or not frame.lstrip('-').isdigit():
            parser.error(
                f'--retrieve {args.retrieve} is expected to be NAME:FRAME'
            )
    if args.k < 1 or args.height < 16:
        parser.error('-k is expected above 0, and --height above 15')
    if args.frame_rate is not None and not 0 < args.frame_rate < math.inf:
        parser.error('--frame-rate is expected above 0')


def main(argv=None) -> int:
    """Run what is asked for."""
    args = parse_args(argv)
    # Those of files and checkpoints are among them.
    return end_with_status(
        lambda: _run(args), (ValueError, IndexError, ImportError)
    )


def _run(args: argparse.Namespace) -> int:
    # PyTorch takes seconds to import, and the help does not need it.
    from masa.apis import AlignmentInferencer

    inferencer = AlignmentInferencer(
        *(args.model, args.weights, args.device, args.features, args.cache),
        frame_rate=args.frame_rate,
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
    asked = [name for name in VERBS if getattr(args, name) is not None]
    if len(sequences) < 2 and not (args.index and asked == ['retrieve']):
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
    from rich.console import Console

    # Never cut a name to fit a terminal that is not there.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _show_timeline(
    sequences: list[EmbeddedSequence], timeline: Timeline
) -> None:
    from rich.table import Table

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
    import numpy as np

    from masa.visualization.sequence_images import SequenceImages
    from masa.visualization.video import (
        USUAL_RATE,
        frame_interval,
        playback,
        show_in_step,
        write_video,
    )

    sources = [
        SequenceImages(one, inferencer.skeleton, args.height, inferencer.up)
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
    ends = np.array([max(len(one) - 1, 1) for one in sequences])[:, None]
    pictures = show_in_step(
        [one.name for one in sequences],
        [one.at(i) for one, i in zip(sources, recorded, strict=True)],
        [one.at(i) for one, i in zip(sources, aligned, strict=True)],
        recorded / ends,
        aligned / ends,
        args.height,
    )
    count = write_video(args.video, pictures, rate)
    print(f'{args.video}: {count} pictures, {rate:.4g} a second, in real time')


def _retrieve(
    args: argparse.Namespace,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
) -> None:
    from rich.table import Table

    from masa.apis import FrameIndex

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
    table = Table('sequence', 'frame', 'second', 'distance')
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
    import numpy as np

    sequence, references = _apart(sequences, args.anomaly)
    score = inferencer.anomaly_score(sequence, references)
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


if __name__ == '__main__':
    sys.exit(main())
