import inspect

from torch import nn

from ..registry import MODELS


def build_with_width(
    config: dict, width: int | None, name: str = 'embed_dims'
) -> nn.Module:
    """Build a module that gets the width of its input where it takes one.

    So a config says the width of the embedding once, at the encoder. What
    the config says itself is kept.

    Args:
        config (dict): Of the module.
        width (int, optional): The width. None leaves the config as it is.
        name (str): What the argument is called. Defaults to
            ``'embed_dims'``.

    Returns:
        nn.Module: The module.
    """
    kind = config['type']
    if isinstance(kind, str):
        kind = MODELS.get(kind)
    if (
        width is not None
        and kind is not None
        and name in inspect.signature(kind).parameters
    ):
        config = {name: width, **config}
    return MODELS.build(config)
