from pathlib import Path

from ..support.work_dir import LAST_CHECKPOINT, last_checkpoint

# The model that is used unless another is named: docs/model_card.md.
PRETRAINED = Path(__file__).parents[1] / 'pretrained' / 'body13.onnx'


def find_model_files(
    model: Path, weights: str | Path | None
) -> tuple[Path, str | Path | None]:
    """Find the config and the weights of a model.

    Args:
        model (Path): A config file, or the work directory of a training.
        weights (str | Path, optional): The checkpoint. Defaults to the last
            one of the work directory.

    Returns:
        tuple[Path, str | Path | None]: Config and checkpoint; None if
        ``model`` is a config and no checkpoint is given.

    Raises:
        FileNotFoundError: If there is no such file or no checkpoint.
        ValueError: If ``model`` is a checkpoint, or a folder that does not
            hold exactly one config.
    """
    if not model.exists():
        raise FileNotFoundError(f'there is no config or folder {model}')
    if model.suffix.lower() in ('.pth', '.safetensors'):
        raise ValueError(
            f'{model} is a checkpoint: give the work directory of its '
            'training, or its config, and the checkpoint as weights '
            '(--weights)'
        )
    if model.is_file():
        if model.suffix != '.py':
            raise ValueError(
                f'{model} is expected to be the work directory of a training, '
                'a config (.py) or an exported model (.onnx)'
            )
        return model, weights
    configs = sorted(model.glob('*.py'))
    if len(configs) != 1:
        raise ValueError(
            f'{model} is expected to hold one config, but has '
            f'{[path.name for path in configs]}'
        )
    if weights is None:
        weights = last_checkpoint(model)
        if weights is None:
            raise FileNotFoundError(
                f'{model} has no {LAST_CHECKPOINT}: no training has saved one'
            )
    return configs[0], weights
