"""Find problems of the data that the loaders of a config would hit."""

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
    """Find all problems of the data for training and testing.

    Builds the datasets of all loaders with their splits and pipelines.
    ``ann_file``, ``features`` and ``poses`` replace the annotation file,
    ``data_prefix.feature`` and ``data_prefix.skeleton`` of the config. Returns
    the problems with the names of their loaders. Raises OSError if a file
    cannot be read, and ValueError if a dataset has an invalid argument or no
    annotation file that ``ann_file`` could replace.
    """
    found: dict[Problem, list[str]] = {}
    known: list[tuple[dict, list[Problem]]] = []

    # Built at most once.
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
    """Replace paths; return whether there is an annotation file."""
    # Datasets that repeat or concatenate others.
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
