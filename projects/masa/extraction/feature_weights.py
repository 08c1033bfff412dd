import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from ..support.compat import provide_torchvision_operators
from ..support.extras import how_to_install
from .errors import ExtractionError
from .model_names import PackagedWeights


def import_timm():
    """Import timm, or raise an ExtractionError that says how to get it."""
    # timm imports torchvision, which may need the repair.
    provide_torchvision_operators()
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ExtractionError(
            f'frame features need timm: {how_to_install("features")}'
        ) from error
    return timm


def load_model(
    config: Any, name: str, path: Path, options: dict
) -> torch.nn.Module:
    """Build a timm model with weights from a file.

    timm renames and resizes weights as distributed by the model's authors.
    ``options`` are arguments of ``timm.create_model``, including
    ``num_classes=0``. Raises ExtractionError if the weights cannot be read, or
    any except the classifier's is missing, unexpected or of another shape.
    """
    timm = import_timm()
    state = read_weights(path)
    # A feature extractor has no classifier; all other weights must fit.
    classifiers = config.classifier or ()
    for classifier in (
        [classifiers] if isinstance(classifiers, str) else classifiers
    ):
        for kind in ('weight', 'bias'):
            state.pop(f'{classifier}.{kind}', None)
    try:
        network = timm.create_model(
            name,
            # With these two arguments timm renames and resizes the weights,
            # and loads them strictly because both have no classes.
            pretrained=True,
            pretrained_cfg_overlay=dict(
                state_dict=state, num_classes=0, label_offset=0
            ),
            **options,
        )
    except (RuntimeError, KeyError) as error:
        raise ExtractionError(
            f'{path} does not hold weights of {name}: {error}'
        ) from error
    # Otherwise a second copy of the weights stays in memory.
    network.pretrained_cfg.pop('state_dict', None)
    return network


def load_packaged(
    name: str, packaged: PackagedWeights, options: dict
) -> torch.nn.Module:
    """Build a timm model with the weights of an installed package.

    ``options`` as for :func:`load_model`. The weights have other names than
    timm's, in the same order. Raises ExtractionError if the package is missing
    or its weights do not fit.
    """
    found = find_spec(packaged.package)
    if found is None:
        raise ExtractionError(
            f'the weights of {name} are in the package {packaged.package}: '
            f'{how_to_install("features")}'
        )
    path = Path(found.origin).parent / packaged.file
    network = import_timm().create_model(name, **options)
    state = network.state_dict()
    counters = 'num_batches_tracked'
    names = [key for key in state if not key.endswith(counters)]
    given = [
        weight
        for key, weight in read_weights(path).items()
        if not key.endswith(counters)
    ]
    # The classifier, a weight and a bias, comes last.
    if len(given) != len(names) + 2:
        raise ExtractionError(
            f'{path} is expected to hold {len(names) + 2} weights of {name}, '
            f'but holds {len(given)}'
        )
    try:
        network.load_state_dict(
            state | dict(zip(names, given[:-2], strict=True))
        )
    except RuntimeError as error:
        raise ExtractionError(
            f'{path} does not hold weights of {name}: {error}'
        ) from error
    return network


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read weights by name without running code.

    The file is ``.safetensors``, or written by ``torch.save``: weights by
    name, or a checkpoint that contains them as those of timm do. Raises
    ExtractionError if it holds anything else.
    """
    from safetensors import SafetensorError
    from timm.models import load_state_dict

    try:
        state = load_state_dict(str(path), weights_only=True)
    except (
        # timm raises these for a pickle that could run code and for a file
        # without a dict, torch.load for a damaged file.
        *(RuntimeError, OSError, EOFError, AttributeError),
        SafetensorError,
    ) as error:
        raise ExtractionError(
            f'{path} cannot be read as weights: {error}'
        ) from error
    if not state or not all(
        isinstance(w, torch.Tensor) for w in state.values()
    ):
        raise ExtractionError(
            f'{path} is expected to hold weights by name, but holds '
            f'{", ".join(list(state)[:5]) or "nothing"}'
        )
    return state


def download_model(config: Any, name: str, options: dict) -> torch.nn.Module:
    """Build a timm model with pretrained weights, downloaded if necessary.

    Raises ExtractionError, with the URL, if they cannot be downloaded.
    """
    timm = import_timm()
    sources = [config.url] if config.url else []
    if config.hf_hub_id:
        sources.insert(0, f'https://huggingface.co/{config.hf_hub_id}')
    if not sources:
        raise ExtractionError(
            f'timm has no weights of {name}: give a file by --weights'
        )
    try:
        return timm.create_model(name, pretrained=True, **options)
    # The exception types depend on the version of the hub's client library.
    except Exception as error:
        raise ExtractionError(
            f'the weights of {name} could not be downloaded '
            f'({type(error).__name__}: {error}). Download them where there '
            f'is a connection, from {" or ".join(sources)}, and give the '
            'file by --weights; --random-weights 0 is for trying out'
        ) from error


def digest_of(network: torch.nn.Module) -> str:
    """Return the SHA-256 of all weights and buffers of a network."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
        array = value.detach().cpu().contiguous().view(-1).view(torch.uint8)
        digest.update(array.numpy())
    return digest.hexdigest()
