"""What the data loaders of a config would refuse."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache

from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from ..registry import DATASETS, MODELS
from ..support.config_checks import find_width_mismatch
from .errors import AnnotationError
from .problem import Problem

LOADERS = ('train', 'val', 'test')


def check_loaders(
    config: Config,
    ann_file: str | None = None,
    features: str | None = None,
    poses: str | None = None,
) -> dict[Problem, list[str]]:
    """Find everything for which training or testing would refuse its data.

    The datasets of all loaders are built, with their splits and pipelines:
    what they refuse is what is found, with the loaders that do. ``ann_file``,
    ``features`` and ``poses`` take the places of the annotation file,
    ``data_prefix.feature`` and ``data_prefix.skeleton`` of the config. An
    OSError says that a file cannot be read; a ValueError that a dataset has an
    argument that it does not take, or none reads an annotation file in whose
    place ``ann_file`` could be.
    """
    found: dict[Problem, list[str]] = {}
    known: list[tuple[dict, list[Problem]]] = []

    # Only when there are data for it, and once for all loaders.
    @cache
    def model() -> nn.Module | None:
        return MODELS.build(config.model) if config.get('model') else None

    for loader in LOADERS:
        settings = (config.get(f'{loader}_dataloader') or {}).get('dataset')
        if settings is None:
            continue
        settings = deepcopy(settings)
        replaced = _replace(settings, ann_file, features, poses)
        if ann_file is not None and not replaced:
            raise ValueError(
                f'the dataset of {loader}_dataloader reads no annotation '
                f'file, in whose place {ann_file} could be'
            )
        problems = next((p for s, p in known if s == settings), None)
        if problems is None:
            problems = _check(settings, loader, model)
            known.append((settings, problems))
        for problem in problems:
            found.setdefault(problem, []).append(loader)
    return found


def _replace(
    settings: dict,
    ann_file: str | None,
    features: str | None,
    poses: str | None,
) -> bool:
    """Put files and folders in; return whether an annotation file is read."""
    # Datasets that repeat or join others hold them.
    inner = settings.get('datasets') or settings.get('dataset')
    if inner is not None:
        inner = inner if isinstance(inner, list) else [inner]
        read = [_replace(part, ann_file, features, poses) for part in inner]
        return any(read)
    if ann_file is not None and 'ann_file' in settings:
        settings.update(ann_file=ann_file, data_root='')
    folders = dict(feature=features, skeleton=poses)
    folders = {k: v for k, v in folders.items() if v is not None}
    if folders:
        settings['data_prefix'] = {
            **(settings.get('data_prefix') or {}),
            **folders,
        }
    return 'ann_file' in settings


def _check(
    settings: dict, loader: str, model: Callable[[], nn.Module | None]
) -> list[Problem]:
    field = f'{loader}_dataloader'
    try:
        with DefaultScope.overwrite_default_scope('mmaction'):
            dataset = DATASETS.build(settings)
            dataset.full_init()
            finding = find_width_mismatch(model(), dataset, field)
    except AnnotationError as error:
        if error.problems:
            return error.problems
        return [Problem('', field, 'sequences to read', str(error))]
    if finding is None:
        return []
    expected = 'sequences as wide as the model'
    return [Problem('', field, expected, finding.message)]
