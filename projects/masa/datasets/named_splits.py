"""Check that annotation files have the splits that a config names."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..registry import DATASETS
from .annotation import load_annotations
from .errors import AnnotationError
from .sequence_dataset import SequenceDataset
from .split_checks import is_training_split

TRAINING, VALIDATION = 'train_dataloader', 'val_dataloader'


def check_named_splits(config: Config, loaders: Sequence[str]) -> None:
    """Check that annotation files have the splits that a config names.

    Reads the files without building any dataset.

    Args:
        config (Config): The config.
        loaders (Sequence[str]): Data loaders to check, such as
            ``'train_dataloader'``; missing ones are skipped.

    Raises:
        AnnotationError: If a split is missing. The message names file, setting
            and valid values.
    """
    known: dict[Path, Any] = {}
    for loader in loaders:
        for key, dataset in _sequence_datasets(config.get(loader), loader):
            path = Path(dataset.get('data_root') or '', dataset['ann_file'])
            if path not in known:
                known[path] = load_annotations(path).get('split')
            splits, wanted = known[path], dataset['split']
            # Other problems of the file are reported when it is used.
            if not isinstance(splits, dict):
                continue
            wanted = [wanted] if isinstance(wanted, str) else wanted
            missing = [name for name in wanted if name not in splits]
            if missing:
                advice = (
                    f'Name those: --cfg-options {key}.split='
                    f'"[{_listed(splits, ",")}]"'
                )
                all_train = all(map(is_training_split, splits))
                if loader != TRAINING and all_train:
                    advice = (
                        'Put some sequences into a split of their own, such '
                        "as 'val'"
                    )
                if loader == VALIDATION:
                    advice += ', or train without validation: --no-validate'
                raise AnnotationError(
                    f'{path} has no split {_listed(missing)}, which '
                    f'{key}.split of the config names; it has '
                    f'{_listed(splits)}. {advice}'
                )


def _listed(names: Any, comma: str = ', ') -> str:
    return comma.join(map(repr, names))


def _sequence_datasets(value: Any, key: str) -> Iterator[tuple[str, dict]]:
    """Find the configs of datasets that read splits of a file."""
    if isinstance(value, dict):
        if value.get('ann_file') and value.get('split') is not None:
            found = value.get('type')
            if isinstance(found, str):
                found = DATASETS.get(found)
            if isinstance(found, type) and issubclass(found, SequenceDataset):
                yield key, value
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return
    for name, item in items:
        yield from _sequence_datasets(item, f'{key}.{name}')
