import importlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hub import get_config

from ..support.compat import (
    provide_mmcv_operators,
    provide_torchvision_operators,
)
from ..support.extras import how_to_install
from .errors import ExtractionError

INSTALL = (
    f'{how_to_install("skeletons")} && '
    'pip install --no-deps mmpose==1.3.2 mmdet==3.3.0'
)
# Checkpoints of mmpose and mmdet also contain NumPy arrays. None of these
# classes runs code of the file.
_RECONSTRUCT = np.ndarray.__reduce__(np.zeros(1))[0]
_SAFE = [
    np.ndarray,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ('f4', 'f8', 'i4', 'i8', 'u1', '?')),
    (_RECONSTRUCT, 'numpy.core.multiarray._reconstruct'),
    (_RECONSTRUCT, 'numpy._core.multiarray._reconstruct'),
    (
        type(np.float64(0)).__reduce__(np.float64(0))[0],
        'numpy.core.multiarray.scalar',
    ),
    (
        type(np.float64(0)).__reduce__(np.float64(0))[0],
        'numpy._core.multiarray.scalar',
    ),
]


def import_mmpose() -> None:
    """Make mmpose and mmdet importable.

    Raises ExtractionError, with the command to install them, if missing.
    """
    provide_mmcv_operators()
    provide_torchvision_operators()
    try:
        for name in ('mmdet.apis', 'mmpose.apis'):
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ExtractionError(
            f'--backend mmpose needs mmpose and mmdet ({error}): {INSTALL}'
        ) from error


class ModelSource(NamedTuple):
    """Config and weights of a model.

    Attributes:
        name (str): Name given by the user.
        config (Config): The config.
        weights (str, optional): File or URL; None if not known.
        option (str): Command-line option for the weights.
    """

    name: str
    config: Config
    weights: str | None
    option: str


def find_model(name: str, weights: Path | None, option: str) -> ModelSource:
    """Find the config of a model.

    ``name`` is a config file, a config of mmpose or mmdet such as
    ``mmpose::body_2d_keypoint/...``, or ``person`` for mmpose's person
    detector. ``weights`` default to those in the model zoo; ``option`` is the
    command-line option for them. Raises ExtractionError if there is no such
    config.
    """
    import_mmpose()
    url = None
    if name == 'person':
        from mmpose.apis.inferencers.utils import default_det_models

        person = default_det_models['human']
        config, url = Config.fromfile(person['model']), person['weights']
    elif '::' in name:
        if name.split('::')[0] not in ('mmpose', 'mmdet'):
            raise ExtractionError(
                f'{name} is expected to be mmpose::... or mmdet::...'
            )
        try:
            config = get_config(name, pretrained=True)
        except (OSError, ValueError, AssertionError) as error:
            raise ExtractionError(
                f'there is no config {name}: {error}'
            ) from error
        url = config.get('model_path')
    elif Path(name).is_file():
        config = Config.fromfile(name)
    else:
        raise ExtractionError(
            f'there is no config file {name}; those that mmpose carries are '
            'named mmpose::...'
        )
    return ModelSource(name, config, str(weights or url or '') or None, option)


def load_weights(model: torch.nn.Module, source: ModelSource) -> None:
    """Load weights into a model without running code.

    A URL is downloaded into PyTorch's cache. Raises ExtractionError, with the
    source of the weights, if they cannot be downloaded or read, or one is
    missing or of another shape.
    """
    if source.weights is None:
        raise ExtractionError(
            f'no weights are known for {source.name}: give them by '
            f'{source.option}'
        )
    state = _read_weights(source)
    try:
        result = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ExtractionError(
            f'{source.weights} does not hold weights of {source.name}: {error}'
        ) from error
    # Other buffers are computed or only count, and may be missing.
    needed = {name for name, _ in model.named_parameters()}
    needed |= {
        name
        for name in result.missing_keys
        if name.endswith(('running_mean', 'running_var'))
    }
    missing = [name for name in result.missing_keys if name in needed]
    if missing:
        raise ExtractionError(
            f'{source.weights} does not hold weights of {source.name}: '
            f'{len(missing)} are missing, such as {missing[0]}'
        )


def _read_weights(source: ModelSource) -> dict[str, torch.Tensor]:
    weights = source.weights
    try:
        with torch.serialization.safe_globals(_SAFE):
            if '://' in weights:
                checkpoint = torch.hub.load_state_dict_from_url(
                    weights, map_location='cpu', weights_only=True
                )
            else:
                checkpoint = torch.load(
                    weights, map_location='cpu', weights_only=True
                )
    # A failed download raises OSError, a file that could run code
    # UnpicklingError, a damaged one RuntimeError or EOFError.
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise _no_weights(source, error) from error
    except Exception as error:
        if type(error).__name__ != 'UnpicklingError':
            raise
        raise _no_weights(source, error) from error
    state = checkpoint
    if isinstance(checkpoint, dict):
        state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise ExtractionError(f'{weights} is expected to hold weights by name')
    return {name.removeprefix('module.'): v for name, v in state.items()}


def _no_weights(source: ModelSource, error: Exception) -> ExtractionError:
    if '://' in source.weights:
        return ExtractionError(
            f'the weights of {source.name} could not be downloaded '
            f'({type(error).__name__}: {error}). Download '
            f'{source.weights} where there is a connection, and give the '
            f'file by {source.option}; --random-weights 0 is for trying out'
        )
    return ExtractionError(
        f'{source.weights} cannot be read as weights: {error}'
    )
