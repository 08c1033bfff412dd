import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .errors import ExtractionError
from .feature_weights import (
    digest_of,
    download_model,
    import_timm,
    load_model,
    load_packaged,
)
from .model_names import ALIASES, PACKAGED

# DINOv2 was trained at 224 pixels and fine-tuned at 518, timm's default. At
# 224 a frame has 256 patches instead of 1369.
DINOV2_IMAGE_SIZE = 224


def describe_model(
    name: str,
    image_size: int | None = None,
    crop_mode: str | None = None,
    precision: str = 'float32',
) -> dict:
    """Describe everything that determines a model's features but weights.

    ``name`` is a key of ``ALIASES`` or a model name of timm. ``image_size`` is
    the side of the square input image in pixels, by default 224 for DINOv2 and
    the model's own otherwise. ``crop_mode`` is timm's; ``precision`` is
    ``float32`` or the autocast type. Returns plain values. Raises
    ExtractionError if timm has no such model.
    """
    timm = import_timm()
    packaged = PACKAGED.get(name)
    name = ALIASES.get(name, name)
    config = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if config is None:
        near = difflib.get_close_matches(name, timm.list_models(), 5)
        raise ExtractionError(
            f'timm {timm.__version__} has no model {name!r}'
            + (f'; it has {", ".join(near)}' if near else '')
            + '. The short names are '
            + ', '.join(ALIASES)
        )
    if image_size is None and 'dinov2' in name:
        image_size = DINOV2_IMAGE_SIZE
    wanted = dict(img_size=image_size, crop_mode=crop_mode)
    if packaged is not None:
        wanted |= dict(mean=[packaged.mean] * 3, std=[packaged.std] * 3)
    preprocessing = timm.data.resolve_data_config(
        wanted, pretrained_cfg=config.to_dict()
    )
    return dict(
        model=config.architecture,
        # JSON has no tuples.
        preprocessing={
            key: list(value) if isinstance(value, tuple) else value
            for key, value in preprocessing.items()
        },
        precision=precision,
    )


@dataclass(frozen=True)
class FeatureModel:
    """A frozen image model with its preprocessing.

    Attributes:
        network (torch.nn.Module): Maps (B, 3, S, S) to (B, D).
        transform (Callable): Maps a PIL image to (3, S, S).
        device (torch.device): Device of the network.
        precision (str): ``float32`` or the autocast type.
        channels (int): Feature dimension D.
    """

    network: torch.nn.Module
    transform: Callable
    device: torch.device
    precision: str
    channels: int

    def prepare(self, frame: np.ndarray) -> torch.Tensor:
        """Preprocess an RGB frame, (H, W, 3) uint8 to (3, S, S) float32."""
        return self.transform(Image.fromarray(frame))

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor) -> np.ndarray:
        """Compute the features of (B, 3, S, S), as (B, D) float32."""
        with torch.autocast(
            self.device.type,
            getattr(torch, self.precision),
            enabled=self.precision != 'float32',
        ):
            output = self.network(images.to(self.device))
        return output.float().cpu().numpy()


def build_model(
    name: str,
    description: dict,
    device: str,
    weights: Path | None = None,
    random_seed: int | None = None,
) -> tuple[FeatureModel, dict]:
    """Build the described model and load its weights.

    The weights come from a ``.safetensors`` or PyTorch file as distributed by
    timm or the model's authors, are random, or, by default, come from a
    package (``PACKAGED``) or are downloaded by timm. Returns the model and
    the description, extended by ``channels``, ``weights`` (a digest) and
    ``random_weights``. Raises ExtractionError if the weights are missing or
    do not fit, or the model does not give one vector for an image of that
    size.
    """
    timm = import_timm()
    packaged = PACKAGED.get(name)
    name = ALIASES.get(name, name)
    config = timm.get_pretrained_cfg(name)
    size = description['preprocessing']['input_size'][-1]
    options = dict(num_classes=0)
    if config.fixed_input_size:
        options['img_size'] = size
    if random_seed is not None:
        torch.manual_seed(random_seed)
        network = timm.create_model(name, **options)
    elif weights is not None:
        network = load_model(config, name, weights, options)
    elif packaged is not None:
        network = load_packaged(name, packaged, options)
    else:
        network = download_model(config, name, options)
    _check_patches(network, size)
    network = network.eval().requires_grad_(False).to(device)
    model = FeatureModel(
        network,
        timm.data.create_transform(**description['preprocessing']),
        torch.device(device),
        description['precision'],
        channels=_count_channels(network, name, size, device),
    )
    return model, dict(
        description,
        channels=model.channels,
        weights=digest_of(network),
        random_weights=random_seed,
    )


def _check_patches(network, size):
    patch = getattr(getattr(network, 'patch_embed', None), 'patch_size', None)
    if patch is not None and any(size % int(side) for side in patch):
        raise ExtractionError(
            f'--image-size is {size}, expected a multiple of the patches of '
            f'{patch[0]} pixels'
        )


def _count_channels(network, name, size, device):
    image = torch.zeros(1, 3, size, size, device=device)
    try:
        with torch.inference_mode():
            shape = network(image).shape
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ExtractionError(
            f'{name} does not take images of {size}x{size} pixels, try '
            f'another --image-size: {error}'
        ) from error
    if len(shape) != 2:
        raise ExtractionError(
            f'{name} gives {tuple(shape[1:])} numbers for an image, expected '
            'one vector'
        )
    return shape[1]
