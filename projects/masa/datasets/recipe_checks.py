"""Check an annotation file against the needs of the shipped recipes."""

from collections.abc import Iterator, Sequence

import numpy as np

from .packed_poses import is_packed
from .problem import Problem
from .schema import record_name
from .skeletons import layouts_of

# How to use sequences of several people.
ADVICE = (
    "dict(type='SelectPerson') first in every pipeline chooses a person, "
    'SelectPerson(people=2) a pair: docs/data.md, "Several people"'
)
# Parts of the skeleton description, and the transforms that read them.
_NEEDED = dict(
    root='NormalizeSkeleton',
    torso='NormalizeSkeleton',
    flip_pairs='FlipSkeleton',
    bones='JointAngleNoise',
)
_SPLITS = ('train', 'val')


def people_of(records: Sequence[dict]) -> dict[int, list[str]]:
    """Return the ids of sequences with joints, by number of people."""
    names: dict[int, list[str]] = {}
    for number, record in enumerate(records):
        if 'keypoint' in record:
            names.setdefault(len(record['keypoint']), []).append(
                record_name(record, number)
            )
    return dict(sorted(names.items()))


def count_people(names: dict[int, list[str]]) -> str:
    """Describe the numbers of people, as ``1 in 26 ('a', ...)``."""
    return ', '.join(
        f'{count} in {len(ids)} ({ids[0]!r}{", ..." if ids[1:] else ""})'
        for count, ids in names.items()
    )


def check_for_recipes(annotations: dict) -> Iterator[Problem]:
    """Find what the shipped recipes would reject or select in a file.

    The annotations must be valid, with packed poses unpacked if they were
    read. ``expected`` names the recipes or transforms concerned and a fix.
    """
    records = annotations['annotations']
    split = annotations.get('split')
    if split is not None and not set(_SPLITS) <= split.keys():
        yield Problem(
            '',
            'split',
            f'{" and ".join(_SPLITS)}, which the recipes read; else name '
            'yours in train_dataloader.dataset.split and so on, or train '
            'with --no-validate',
            ', '.join(split),
        )
    elsewhere = sum(map(is_packed, records))
    if elsewhere:
        yield Problem(
            '',
            'raw_file',
            'files of poses, which --poses FOLDER opens and '
            'data_prefix.skeleton of the dataset names',
            f'{elsewhere} sequences whose poses are not checked',
        )
    with_joints = [record for record in records if 'keypoint' in record]
    for key, what in (
        ('keypoint', 'joints, which the recipes for skeletons'),
        ('feature_path', 'features, which the recipes for features'),
    ):
        having = sum(key in record for record in records)
        if 0 < having < len(records) - elsewhere * (key == 'keypoint'):
            yield Problem(
                '',
                key,
                f'{what} read, in every sequence of their splits',
                f'in {having} of {len(records)}',
            )
    if with_joints:
        yield from _check_skeleton(annotations.get('skeleton'), with_joints)
    people = people_of(with_joints)
    if people.keys() - {1}:
        yield Problem(
            '',
            'keypoint',
            'one person in every sequence; of several, SelectPerson of the '
            'recipes for skeletons takes the one of the highest score '
            '(docs/data.md, "Several people")',
            count_people(people),
        )


def _check_skeleton(
    skeleton: dict | None, records: list[dict]
) -> Iterator[Problem]:
    lacking = [key for key in _NEEDED if (skeleton or {}).get(key) is None]
    if not lacking:
        return
    joints = np.shape(records[0]['keypoint'])[2]
    transforms = dict.fromkeys(_NEEDED[key] for key in lacking)
    layouts = ' or '.join(layouts_of(joints)) or 'yours'
    yield Problem(
        '',
        'skeleton',
        f'{", ".join(lacking)}, which {", ".join(transforms)} of the recipes '
        f'for skeletons read; for {joints} joints that is {layouts} of '
        'masa.datasets.skeletons, which join_annotations.py --skeleton adds',
        'no skeleton' if skeleton is None else ', '.join(skeleton),
    )
