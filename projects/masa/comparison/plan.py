from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from .trainings import (
    CONTROLS,
    Training,
    find_activities,
    find_changes,
    find_config,
    training_config,
)


def plan_trainings(
    configs: Path,
    data: str,
    methods: Sequence[str],
    seeds: Sequence[int] = (0,),
    modes: Sequence[str] = ('all',),
    epochs: int | None = None,
    single_batch_size: int | None = None,
    options: dict | None = None,
) -> list[tuple[Training, Config]]:
    """List the trainings of a comparison with their configs.

    Args:
        configs (Path): The folder ``configs``.
        data (str): The data set as configs name it, such as ``penn_pose2d``.
        methods (Sequence[str]): Names as of :func:`find_config`.
        seeds (Sequence[int]): Defaults to 0 alone.
        modes (Sequence[str]): ``'all'``: one model for all activities;
            ``'single'``: one for each. Defaults to ``'all'``.
        epochs (int, optional): Defaults to the configs'.
        single_batch_size (int, optional): Batch size of models of single
            activities. Defaults to the configs'.
        options (dict, optional): Settings for every config, as
            ``Config.merge_from_dict`` takes them.

    Returns:
        list[tuple[Training, Config]]: The evaluation's baselines, which need
        no training, come first.

    Raises:
        ValueError: If there is no config of a method.
        ConfigError: If a config has misspelt names.
    """
    controls = Training(CONTROLS, seeds[0])
    path = find_config(configs, data, CONTROLS)
    config = training_config(path, controls, options=options)
    plan = [(controls, config)]
    # All methods have the same data.
    single = find_activities(config) if 'single' in modes else []
    groups = {'all': ([None], None), 'single': (single, single_batch_size)}
    settings = {
        method: (
            find_config(configs, data, method),
            {**find_changes(configs, method), **(options or {})},
        )
        for method in methods
    }
    for seed in seeds:
        for mode in modes:
            activities, batch_size = groups[mode]
            for method, (path, changes) in settings.items():
                for activity in activities:
                    training = Training(method, seed, activity)
                    config = training_config(
                        path, training, epochs, batch_size, changes
                    )
                    plan.append((training, config))
    return plan
