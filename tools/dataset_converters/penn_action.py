"""Turn Penn Action's official labels into an annotation file."""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from masa.datasets.annotation import AnnotationError, save_annotations
from masa.datasets.penn_action import make_annotations
from masa.datasets.penn_labels import THIRTEEN_ACTIVITIES, read_label_file
from masa.datasets.penn_phases import (
    Phases,
    phases_from_key_events,
    phases_from_pickles,
)
from masa.datasets.schema import check_annotations


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Example: python tools/dataset_converters/penn_action.py '
        'Penn_Action/labels data/penn_action.pkl --activities 13 '
        '--phases key_events.json --val-share 0.2',
    )
    parser.add_argument(
        'labels', type=Path, help='folder of the label files, 0001.mat on'
    )
    parser.add_argument(
        'output', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    parser.add_argument(
        '--phases',
        type=Path,
        nargs='+',
        metavar='FILE',
        help='phase labels: one JSON file of key events, or the pickles of '
        'CARL (train.pkl val.pkl)',
    )
    parser.add_argument(
        '--activities',
        choices=['13', 'all'],
        default='13',
        help='the thirteen activities that have key events, or all fifteen '
        '(default: 13)',
    )
    parser.add_argument(
        '--val-share',
        type=float,
        default=0.0,
        help='share of the training sequences of every activity that makes a '
        'split "val" (default: 0, none)',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of that draw (default: 0)'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output file'
    )
    args = parser.parse_args(argv)
    if not 0 <= args.val_share < 1:
        parser.error(f'--val-share is {args.val_share}, expected in [0, 1)')
    if not args.labels.is_dir():
        parser.error(f'there is no folder {args.labels}')
    if args.output.suffix not in ('.pkl', '.npz', '.json'):
        parser.error(f'{args.output} is expected to be .pkl, .npz or .json')
    suffixes = {path.suffix for path in args.phases or ()}
    if '.json' in suffixes and len(args.phases) > 1:
        parser.error('--phases takes one JSON file, or pickles alone')
    if args.output.exists() and not args.overwrite:
        parser.error(f'{args.output} exists; --overwrite replaces it')
    return args


def read_phases(paths: list[Path] | None, sequences: list) -> Phases | None:
    """Read phase labels from whichever kind of file is given."""
    if paths is None:
        return None
    if paths[0].suffix == '.json':
        return phases_from_key_events(paths[0], sequences)
    return phases_from_pickles(paths, sequences)


def summary(annotations: dict) -> Table:
    """Tabulate what the annotations hold."""
    splits = annotations['split']
    split_of = {name: split for split in splits for name in splits[split]}
    table = Table('activity', *splits, 'with phases', 'invisible joints')
    records = annotations['annotations']
    groups = [
        (activity, [r for r in records if r['label'] == label])
        for label, activity in enumerate(annotations['activities'])
    ]
    for activity, group in [*groups, ('all', records)]:
        kinds = [split_of[record['frame_dir']] for record in group]
        score = np.concatenate([r['keypoint_score'][0] for r in group])
        table.add_row(
            activity,
            *(str(kinds.count(split)) for split in splits),
            str(sum('phase' in record for record in group)),
            f'{(score == 0).mean():.1%}',
        )
    return table


def main(argv=None) -> int:
    """Run the conversion."""
    args = parse_args(argv)
    try:
        paths = sorted(args.labels.glob('*.mat'))
        if not paths:
            raise AnnotationError(f'{args.labels} holds no *.mat files')
        sequences = [read_label_file(path) for path in paths]
        if args.activities == '13':
            sequences = [
                one for one in sequences if one.activity in THIRTEEN_ACTIVITIES
            ]
        blind = [one.name for one in sequences if not one.visible.any()]
        phases = read_phases(args.phases, sequences)
        annotations = make_annotations(
            sequences, phases, args.val_share, args.seed
        )
        problems = check_annotations(annotations)
        if problems:
            raise AnnotationError(
                f'{args.labels} has what an annotation file may not have:\n  '
                + '\n  '.join(map(str, problems))
            )
        save_annotations(annotations, args.output)
    except (AnnotationError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    Console().print(summary(annotations))
    if blind:
        print(f'left out, no joint is ever visible: {", ".join(blind)}')
    if phases is not None and phases.resampled:
        print(
            f'{len(phases.resampled)} sequences had phase labels of another '
            'length, which were resampled'
        )
    if phases is not None and phases.unmatched:
        print(
            f'{len(phases.unmatched)} sequences with phase labels are not '
            'among those converted'
        )
    if 'test' not in annotations['split']:
        print(
            'no sequence of the official test split is among the labels, so '
            'there is no split "test"'
        )
    print(
        f'{args.output}: {len(annotations["annotations"])} sequences; next: '
        f'python tools/check_data.py {args.output}'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
