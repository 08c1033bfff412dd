"""Check that records have what the transforms of a pipeline read."""

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

import numpy as np

from .feature_checks import check_feature_file
from .problem import Problem, is_finite, not_finite
from .recipe_checks import ADVICE, count_people, people_of
from .transforms import (
    DualAugmentation,
    LoadFrameFeatures,
    NormalizeSkeleton,
    PackSequenceInputs,
    SelectPerson,
)


def check_pipeline_inputs(
    records: Sequence[dict],
    skeleton: dict | None,
    transforms: Sequence[Callable],
) -> list[Problem]:
    """Find problems that would stop the pipeline during training.

    Reads the headers of feature files and normalizes each skeleton once.
    Transforms of other packages may change anything, so the checks stop there.
    The paths in the records must be complete.
    """
    ours = list(takewhile(_is_ours, transforms))
    problems: list[Problem] = []
    for transform in ours:
        if isinstance(transform, SelectPerson):
            records, found = _select_people(records, transform)
            problems += found
        elif isinstance(transform, LoadFrameFeatures):
            problems += _check_features(records)
        elif isinstance(transform, NormalizeSkeleton):
            problems += _check_bodies(records, skeleton, transform)
        elif isinstance(transform, PackSequenceInputs):
            problems += _check_modalities(records, skeleton, transform)
    if not problems and records:
        for transform in ours:
            if isinstance(transform, DualAugmentation):
                problems += _check_spatial(records[0], skeleton, transform)
    return problems


def _is_ours(transform: Callable) -> bool:
    package = __name__.partition('.')[0]
    return type(transform).__module__.partition('.')[0] == package


def _select_people(
    records: Sequence[dict], select: SelectPerson
) -> tuple[list[dict], list[Problem]]:
    """Select people; leave out records without any."""
    selected, problems = [], []
    for record in records:
        try:
            # Later transforms decide whether joints are needed.
            has_joints = 'keypoint' in record
            selected.append(select(dict(record)) if has_joints else record)
        except ValueError as error:
            expected = 'people that SelectPerson takes'
            name = record['frame_dir']
            problems.append(Problem(name, 'keypoint', expected, error.args[0]))
    return selected, problems


def _check_features(records: Sequence[dict]) -> Iterator[Problem]:
    channels = 0
    for record in records:
        name = record['frame_dir']
        if 'feature_path' not in record:
            yield Problem(
                name, 'feature_path', 'a path, for features are loaded', 'none'
            )
            continue
        found, width = check_feature_file(
            name, record, '', channels, read_values=False
        )
        yield from found
        channels = channels or width


def _check_bodies(
    records: Sequence[dict], skeleton: dict | None, normalize: Callable
) -> Iterator[Problem]:
    for record in records:
        name = record['frame_dir']
        expected = 'a body that NormalizeSkeleton takes'
        try:
            with np.errstate(all='ignore'):
                done = normalize(dict(record, skeleton=skeleton))
        except (KeyError, ValueError) as error:
            yield Problem(name, 'keypoint', expected, error.args[0])
            continue
        if not is_finite(done['keypoint']).all():
            found = not_finite(done['keypoint'])
            yield Problem(name, 'keypoint', 'finite normalized joints', found)


def _check_modalities(
    records: Sequence[dict],
    skeleton: dict | None,
    pack: PackSequenceInputs,
) -> Iterator[Problem]:
    if 'keypoint' not in pack.modalities:
        return
    bones = (skeleton or {}).get('bones')
    if 'bone' in pack.modalities and (bones is None or len(bones) == 0):
        expected = 'bones, whose directions are packed'
        yield Problem('', 'skeleton.bones', expected, 'none')
    people = people_of(records)
    if len(people) > 1:
        expected = f'as many people in every sequence; {ADVICE}'
        yield Problem('', 'keypoint', expected, count_people(people))
    for record in records:
        name = record['frame_dir']
        if 'keypoint' not in record:
            yield Problem(name, 'keypoint', 'joints, which are packed', 'none')
        if (
            'missing' in pack.modalities
            and record.get('keypoint_score') is None
        ):
            expected = 'scores, which say what joints are missing'
            yield Problem(name, 'keypoint_score', expected, 'none')


def _check_spatial(
    record: dict, skeleton: dict | None, augmentation: DualAugmentation
) -> Iterator[Problem]:
    """Apply the augmentation once, to check the skeleton description."""
    sample = dict(record, skeleton=skeleton, rng=np.random.default_rng(0))
    for transform in takewhile(_is_ours, augmentation.spatial):
        try:
            sample = transform(sample)
        except (KeyError, ValueError) as error:
            expected = f'what {type(transform).__name__} takes'
            yield Problem(
                record['frame_dir'], 'skeleton', expected, error.args[0]
            )
