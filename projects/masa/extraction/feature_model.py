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
)
from .model_names import ALIASES

# DINOv2's own 518 pixels are its last stage of training; at 224, where it was
# trained before, a frame has 256 patches in place of 1369.
DINOV2_IMAGE_SIZE = 224


def describe_model(
    name: str,
    image_size: int | None = None,
    crop_mode: str | None = None,
    precision: str = 'float32',
) -> dict:
    """Say what makes a model's features what they are, its weights apart.

    ``name`` is one of ``ALIASES`` or a name of timm's; ``image_size`` is the
    side of the square image that the model sees, in pixels, by default 224 for
    DINOv2, else the model's own; ``crop_mode`` is timm's, and ``precision``
    ``float32`` or what autocast computes in. The result are plain values. An
    ExtractionError says that timm has no such model.
    """
    timm = import_timm()
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
    preprocessing = timm.data.resolve_data_config(
        wanted, pretrained_cfg=config.to_dict()
    )
    return dict(
        model=config.architecture,
        # As JSON gives it back.
        preprocessing={
            key: list(value) if isinstance(value, tuple) else value
            for key, value in preprocessing.items()
        },
        precision=precision,
    )


@dataclass(frozen=True)
class FeatureModel:
    """A frozen image model and what turns frames into its input.

    Attributes:
        network (torch.nn.Module): (B, 3, S, S) to (B, D).
        transform (Callable): From a PIL image to (3, S, S).
        device (torch.device): Where the network is.
        precision (str): ``float32``, or what autocast computes in.
        channels (int): D.
    """

    network: torch.nn.Module
    transform: Callable
    device: torch.device
    precision: str
    channels: int

    def prepare(self, frame: np.ndarray) -> torch.Tensor:
        """Turn a frame, RGB (H, W, 3) uint8, into (3, S, S) float32."""
        return self.transform(Image.fromarray(frame))

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor) -> np.ndarray:
        """Compute the features, (B, D) float32, of (B, 3, S, S)."""
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
    """Build a model as described, and put its weights in.

    They are those of a file, ``.safetensors`` or PyTorch's, as timm or the
    model's authors give it out, or random, or by default those that timm
    downloads. The result are the model, and the description with ``channels``,
    ``weights``, a digest of them, and ``random_weights``. An ExtractionError
    says that there are no weights, they do not fit, or the model does not give
    one vector for an image of that size.
    """
    timm = import_timm()
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
