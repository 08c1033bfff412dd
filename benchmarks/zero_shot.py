"""Evaluate models on data that they were not trained on.

    python benchmarks/zero_shot.py --penn data/penn.pkl --utd data/utd.pkl
        --models work_dirs/pretrain_skeleton model.onnx -o zero_shot.json

Models are work directories of trainings or files of masa export. Beside one
that was trained on Penn Action, --split names the sequences that it was not
trained on. The training-free baselines come first (docs/evaluation.md); their
raw inputs are all joints of the data, normalized. Evaluated are

- Penn Action with key events as phases (docs/datasets.md): --choice takes the
  activities on which models are chosen, the default, --report the others, and
  --both all of them.
  The same again with sequences at four times and a quarter of the frame rate,
  all of them or every second one, and with white noise of 6% of the torso on
  every joint;
- UTD-MHAD: the nearest sequence of another subject, and a classifier of 16
  frames in order that is fitted on the other subjects;
- synthetic data of the ten built-in activities (docs/synthetic_data.md).

At another frame rate the embeddings are interpolated at the original frames,
which alone are judged.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa.apis import AlignmentInferencer
from masa.comparison.table import format_markdown
from masa.datasets.records import complete_record, read_records
from masa.datasets.synthetic import make_annotations
from masa.datasets.transforms import NormalizeSkeleton
from masa.embeddings import EmbeddedSequence, SequenceCollection
from masa.evaluation import (
    SequenceEvaluator,
    baseline_embeddings,
    format_table,
    save_report,
)
from masa.evaluation import metrics as M
from masa.extraction.errors import ExtractionError

CHOICE = ('golf_swing', 'jumping_jacks', 'pushup', 'tennis_forehand')
REPORT = ('baseball_swing', 'bench_press', 'situp')
BASELINES = (
    'raw',
    'window',
    'clock',
    'position',
    'raw+clock',
    'window+clock',
)
# Beside changed sequences: time does not change with them.
CHANGED_BASELINES = ('raw', 'window')
NOISE = 0.06


class Dataset(NamedTuple):
    """Records and how they are judged.

    Attributes:
        title (str): Its name.
        records (list[dict]): Complete records.
        normalize (NormalizeSkeleton): Makes the raw inputs.
        metrics (list): The metrics.
        folds (list[list[str]]): Splits of all sequences, once or more; the
            figures are means over them.
        changes (dict[str, Callable]): What is evaluated by its name.
    """

    title: str
    records: list[dict]
    normalize: NormalizeSkeleton
    metrics: list
    folds: list[list[str]]
    changes: dict[str, Callable]


def interpolate(values, known, wanted):
    """Interpolate (n, ...) at other places, linearly; the ends are held."""
    columns = values.reshape(len(values), -1).T
    found = [np.interp(wanted, known, column) for column in columns]
    return np.stack(found, -1).reshape(len(wanted), *values.shape[1:])


def keep(record, number):
    """Return a record as it is, and the places of its frames."""
    return record, np.arange(record['total_frames'])


def at_rate(rate, step):
    """Change the frame rate of every ``step``-th sequence."""

    def change(record, number):
        record, frames = keep(record, number)
        if number % step:
            return record, frames
        if rate < 1:
            places = frames[:: round(1 / rate)]
        else:
            places = np.linspace(0, frames[-1], round(rate * frames[-1]) + 1)

        def resample(values):
            moved = interpolate(values.swapaxes(0, 1), frames, places)
            return moved.swapaxes(0, 1).astype(np.float32)

        record = dict(
            record,
            total_frames=len(places),
            keypoint=resample(record['keypoint']),
        )
        if record.get('frame_rate') is not None:
            record['frame_rate'] *= rate
        if record.get('timestamps') is not None:
            times = np.interp(places, frames, record['timestamps'])
            record['timestamps'] = times
        score = record.get('keypoint_score')
        if score is not None:
            # Between two frames a joint is known if it is in both.
            known = resample(score > 0) == 1
            record['keypoint_score'] = resample(score) * known
        return record, places

    return change


def add_noise(record, number, normalize):
    """Add white noise to every joint, in torso lengths."""
    record = normalize(dict(record))
    rng = np.random.default_rng(number)
    noise = rng.normal(scale=NOISE, size=record['keypoint'].shape)
    return keep(dict(record, keypoint=record['keypoint'] + noise), number)


def penn_action(
    path: Path, activities: Sequence[str], split: str | None
) -> Dataset:
    """Read the sequences with key events, those of one split or all."""
    records = [
        record
        for record in read_records(path, split=split)
        if record['activity'] in activities and record.get('phase') is not None
    ]
    if not records:
        raise SystemExit(f'{path} has no {", ".join(activities)} with phases')
    normalize = NormalizeSkeleton()
    changes = {
        '': keep,
        'at 4 times the frame rate': at_rate(4, 1),
        'half at 4 times the frame rate': at_rate(4, 2),
        'at a quarter of the frame rate': at_rate(1 / 4, 1),
        'half at a quarter of the frame rate': at_rate(1 / 4, 2),
        'with noise': lambda *one: add_noise(*one, normalize),
    }
    title = f'Penn Action, {", ".join(activities)}'
    folds = [['val'] * len(records)]
    return Dataset(title, records, normalize, frame_metrics(), folds, changes)


def frame_metrics():
    """Return the metrics of data with phases."""
    return [
        M.FrameRetrieval(k=(5,)),
        M.CrossActivityRetrieval(k=(5,)),
        M.KendallsTau(stride=2),
        M.KeyEventTransfer(),
        M.ActivitySeparation(),
    ]


def utd_mhad(path: Path) -> Dataset:
    """Read the sequences, once for every subject that is held out."""
    records = read_records(path)
    subjects = [record['subject'] for record in records]
    folds = [
        ['val' if subject == one else 'train' for subject in subjects]
        for one in sorted(set(subjects))
    ]
    return Dataset(
        'UTD-MHAD',
        records,
        NormalizeSkeleton(),
        [M.ActivitySeparation(), M.ActionRecognition(num_frames=16)],
        folds,
        {'': keep},
    )


def synthetic(sequences: int) -> Dataset:
    """Generate sequences of a split that no config trains on."""
    annotations = make_annotations(dict(test=sequences))
    records = [
        complete_record(
            dict(record, skeleton=annotations['skeleton']),
            annotations['activities'],
            '',
        )
        for record in annotations['annotations']
    ]
    return Dataset(
        'Synthetic data',
        records,
        NormalizeSkeleton(rotation='sequence', up_axis='y'),
        [*frame_metrics(), M.AlignmentError()],
        [['val'] * len(records)],
        {'': keep},
    )


def collect(records, normalize) -> SequenceCollection:
    """Take the normalized joints as inputs and embeddings."""
    sequences = []
    for record in records:
        joints = normalize(dict(record))['keypoint'][0]
        joints = joints.reshape(len(joints), -1)
        sequences.append(
            EmbeddedSequence(
                name=record['frame_dir'],
                embedding=joints,
                inputs=joints,
                phase=record.get('phase'),
                canonical_time=record.get('canonical_time'),
                activity=record['activity'],
            )
        )
    return SequenceCollection.from_sequences(sequences)


def evaluate(
    dataset: Dataset, change: Callable, baselines: Sequence[str], models: dict
) -> dict:
    """Evaluate baselines and models on changed records; rows by method."""
    truth = collect(dataset.records, dataset.normalize)
    evaluator = SequenceEvaluator(dataset.metrics)
    records, places = [], []
    for number, record in enumerate(dataset.records):
        record, frames = change(record, number)
        # They are of the original frames.
        records.append(dict(record, phase=None, canonical_time=None))
        places.append(frames)

    def judge(embeddings):
        judged = truth.with_embeddings(
            [
                interpolate(embedding, known, np.arange(len(whole)))
                for embedding, known, whole in zip(
                    embeddings, places, truth.embeddings, strict=True
                )
            ]
        )
        reports = [
            evaluator.compute_report(replace(judged, splits=splits))
            for splits in dataset.folds
        ]
        rows = [report['rows']['model'] for report in reports]
        return {key: np.mean([row[key] for row in rows]) for key in rows[0]}

    changed = collect(records, dataset.normalize)
    rows = {
        name: judge(baseline_embeddings(changed, name).embeddings)
        for name in baselines
    }
    for name, model in models.items():
        try:
            sequences = model.embed(records)
        except ExtractionError as error:
            # Models of one layout take no other.
            print(f'{name}: not on {dataset.title}: {error}', flush=True)
            continue
        rows[name] = judge([one.embedding for one in sequences])
    return rows


def main() -> None:
    """Evaluate, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--penn', type=Path, metavar='FILE')
    parser.add_argument(
        '--split', help='split of Penn Action (default: all sequences)'
    )
    parser.add_argument('--utd', type=Path, metavar='FILE')
    parser.add_argument(
        '--synthetic',
        type=int,
        default=12,
        metavar='N',
        help='sequences of each activity, 0 for none (default: 12)',
    )
    parser.add_argument('--models', nargs='*', default=[])
    parser.add_argument('--no-baselines', action='store_true')
    parser.add_argument(
        '--no-changes',
        action='store_true',
        help='without other frame rates and noise',
    )
    side = parser.add_mutually_exclusive_group()
    side.add_argument(
        '--choice', dest='activities', action='store_const', const=CHOICE
    )
    side.add_argument(
        '--report', dest='activities', action='store_const', const=REPORT
    )
    side.add_argument(
        '--both',
        dest='activities',
        action='store_const',
        const=CHOICE + REPORT,
    )
    parser.set_defaults(activities=CHOICE)
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        metavar='FILE.json',
        help='tables in Markdown go beside it, to FILE.md',
    )
    args = parser.parse_args()
    datasets = []
    if args.penn:
        datasets.append(penn_action(args.penn, args.activities, args.split))
    if args.utd:
        datasets.append(utd_mhad(args.utd))
    if args.synthetic:
        datasets.append(synthetic(args.synthetic))
    models = {
        name: AlignmentInferencer(name, device='cpu') for name in args.models
    }
    results, page = {}, ''
    for dataset in datasets:
        for what, change in dataset.changes.items():
            if what and args.no_changes:
                continue
            baselines = CHANGED_BASELINES if what else BASELINES
            if args.no_baselines:
                baselines = ()
            title = f'{dataset.title}, {what}' if what else dataset.title
            title += f' ({len(dataset.records)} sequences)'
            rows = evaluate(dataset, change, baselines, models)
            if not rows:
                continue
            columns = list(next(iter(rows.values())))
            print(f'{title}\n')
            print(format_table(dict(columns=columns, rows=rows)), flush=True)
            print()
            cells = {
                name: dict(
                    labels='none',
                    seeds=0,
                    values={
                        key: (value, np.nan) for key, value in row.items()
                    },
                )
                for name, row in rows.items()
            }
            results[title] = rows
            page += f'## {title}\n\n{format_markdown(cells)}\n'
            if args.output:
                save_report(results, args.output)
                args.output.with_suffix('.md').write_text(page, 'utf-8')


if __name__ == '__main__':
    main()
