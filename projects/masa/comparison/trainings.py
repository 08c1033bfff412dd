from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..registry import DATASETS
from ..support.config_checks import check_config
from ..support.files import output_path

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# The method whose training is that of the evaluation's baselines: none.
CONTROLS = 'controls'
# The file in ``configs`` of named changes of methods.
CHANGES_FILE = '_base_/experiments.py'


@dataclass(frozen=True)
class Training:
    """One training of a comparison.

    Args:
        method (str): Name of the method, such as ``tcc``, and after a plus
            what is changed in it, such as ``clan+rotary``;
            ``controls`` for the baselines of the evaluation, which are not
            trained.
        seed (int): Of all random draws.
        activity (str, optional): The only activity that it is trained and
            tested on. None: all of them at once.
    """

    method: str
    seed: int
    activity: str | None = None

    @property
    def folder(self) -> Path:
        """Path: Its work directory, below that of the comparison."""
        folder = output_path('', self.method)
        if self.activity:
            folder = output_path(folder / 'single', self.activity)
        else:
            folder /= 'all'
        return folder / f'seed{self.seed}'

    def __str__(self):
        return f'{self.method}, {self.activity or "all"}, seed {self.seed}'


def known_methods(configs: Path, data: str) -> list[str]:
    """List the methods that have a config, without ablations.

    Args:
        configs (Path): The folder ``configs``.
        data (str): The data set as configs name it, such as ``penn_pose2d``.

    Returns:
        list[str]: Ours first, then ``baselines``, in alphabetical order.
    """
    ending = f'_{data}'
    return [
        name
        for folder in (configs, configs / 'baselines')
        for name in sorted(
            path.stem.removesuffix(ending)
            for path in folder.glob(f'*{ending}.py')
        )
    ]


def find_config(configs: Path, data: str, method: str) -> Path:
    """Find the config of a method for a data set.

    Args:
        configs (Path): The folder ``configs``.
        data (str): The data set as configs name it, such as ``penn_pose2d``.
        method (str): ``masa``, ``clan``, ``controls``, or a file of
            ``baselines`` (without the data set's name) or ``ablations``;
            changes after it count for nothing here.

    Returns:
        Path: ``METHOD_DATA.py``, ``baselines/METHOD_DATA.py`` or
        ``ablations/METHOD.py``; ``masa_DATA.py`` for the baselines.

    Raises:
        ValueError: If there is none, or only an ablation on other data.
    """
    method = method.split('+')[0]
    ours = configs / f'masa_{data}.py'
    candidates = [
        ours if method == CONTROLS else configs / f'{method}_{data}.py',
        configs / 'baselines' / f'{method}_{data}.py',
        configs / 'ablations' / f'{method}.py',
    ]
    for path in candidates:
        if not path.is_file():
            continue
        if path.parent.name == 'ablations' and not _same_data(path, ours):
            raise ValueError(
                f'{path} is an ablation on other data than {ours}'
            )
        return path
    known = known_methods(configs, data)
    raise ValueError(
        f'there is no config of {method!r} for {data!r}; there are those of '
        f'{", ".join(known)}, and the ablations'
    )


def find_changes(configs: Path, method: str) -> dict:
    """Find what is changed in a method.

    Args:
        configs (Path): The folder ``configs``; its
            ``_base_/experiments.py`` has the changes by name.
        method (str): Such as ``clan+rotary+ema``; later changes go
            before earlier ones.

    Returns:
        dict: Settings as :func:`training_config` takes them, empty without a
        plus.

    Raises:
        ValueError: If there is no such change.
    """
    _, *names = method.split('+')
    if not names:
        return {}
    path = configs / CHANGES_FILE
    known = Config.fromfile(path).changes if path.is_file() else {}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f'{path} has no change {", ".join(map(repr, unknown))} of '
            f'{method!r}; it has {", ".join(sorted(known))}'
        )
    return {k: v for name in names for k, v in known[name].items()}


def _same_data(path: Path, ours: Path) -> bool:
    first, second = (
        Config.fromfile(one).test_dataloader.dataset for one in (path, ours)
    )
    return first.get('ann_file') == second.get('ann_file')


def find_activities(config: Config) -> list[str]:
    """List the activities that a config trains on.

    Args:
        config (Config): Of a method.

    Returns:
        list[str]: Names, in the order of their labels.

    Raises:
        ValueError: If the sequences have no activities.
    """
    dataset = DATASETS.build(
        dict(config.train_dataloader.dataset, pipeline=[], partner=None)
    )
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    names = {r['label']: r['activity'] for r in records if r['activity']}
    if not names:
        raise ValueError(
            f'{dataset.source} names no activities, so that there is no model '
            'of a single one'
        )
    return [names[label] for label in sorted(names)]


def labels_used(config: Config) -> str:
    """Return which labels a method is trained with.

    Args:
        config (Config): Of the method.

    Returns:
        str: ``'phase'``, ``'activity'`` or ``'none'``.
    """
    if config.model.head.type == 'SupervisedHead':
        return 'phase'
    return config.train_dataloader.dataset.get('partner') or 'none'


def _split_options(options: dict) -> tuple[dict, dict]:
    """Part the settings of transforms from others."""
    parts: tuple[dict, dict] = {}, {}
    for name, value in options.items():
        parts[name.startswith('transforms.')][name] = value
    return parts


def _set_in_transforms(config: Config, options: dict) -> None:
    """Set arguments of all transforms of a type.

    Args:
        config (Config): Changed in place.
        options (dict): Values by ``transforms.TYPE.ARGUMENT``.

    Raises:
        ValueError: If no pipeline has a transform of the type.
    """
    for name, value in options.items():
        _, kind, argument = name.split('.')
        found = [
            transform
            for loader in LOADERS
            for transform in config[loader].dataset.pipeline
            if transform.type == kind
        ]
        if not found:
            raise ValueError(
                f'{name}: no pipeline of {config.filename} has a {kind}'
            )
        for transform in found:
            transform[argument] = value


def training_config(
    path: Path,
    training: Training,
    epochs: int | None = None,
    batch_size: int | None = None,
    options: dict | None = None,
) -> Config:
    """Make the config of one training.

    Args:
        path (Path): File of the method's config.
        training (Training): The training.
        epochs (int, optional): Length of the training; the schedule's
            milestones shrink with it. Defaults to the config's.
        batch_size (int, optional): Defaults to the config's.
        options (dict, optional): Settings that override the config's, as
            ``Config.merge_from_dict`` takes them; with a key
            ``transforms.TYPE.KEY``, that of all transforms of a type.

    Returns:
        Config: Without validation during the training.

    Raises:
        ConfigError: If the file has misspelt names.
    """
    config = Config.fromfile(path)
    options, of_transforms = _split_options(options or {})
    config.merge_from_dict(options)
    _set_in_transforms(config, of_transforms)
    check_config(config, path, options)
    config.randomness = dict(seed=training.seed)
    for name in LOADERS:
        if training.activity:
            config[name].dataset.activities = [training.activity]
    if batch_size:
        config.train_dataloader.batch_size = batch_size
    if epochs:
        share = epochs / config.train_cfg.max_epochs
        config.train_cfg.max_epochs = epochs
        for scheduler in config.param_scheduler:
            if 'milestones' in scheduler:
                scheduler.milestones = [
                    max(1, round(share * milestone))
                    for milestone in scheduler.milestones
                ]
    for name in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        config[name] = None
    if training.method != CONTROLS:
        config.test_evaluator.baselines = ()
        # The argument's former name.
        config.test_evaluator.pop('controls', None)
    return config
