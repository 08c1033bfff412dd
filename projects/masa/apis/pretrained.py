from pathlib import Path
from typing import TYPE_CHECKING, Any

from .alignment_inferencer import AlignmentInferencer
from .model_files import PRETRAINED

if TYPE_CHECKING:
    from mmengine.config import Config


def load(
    model: 'str | Path | Config | None' = None, **options: Any
) -> AlignmentInferencer:
    """Load a model that embeds and aligns sequences.

    Args:
        model (str | Path | Config, optional): Defaults to the pretrained
            model of a body that comes with masa, which needs no PyTorch.
        **options (Any): Of :class:`AlignmentInferencer`, such as ``layout``.

    Returns:
        AlignmentInferencer: The model.

    Raises:
        ConfigError: As for :class:`AlignmentInferencer`.
        FileNotFoundError: As for :class:`AlignmentInferencer`.
        CheckpointError: As for :class:`AlignmentInferencer`.
        ValueError: As for :class:`AlignmentInferencer`.

    Example:
        >>> model = masa.load()
        >>> first, second = model.embed(['a.mp4', 'b.mp4'])
        >>> model.align(first, second).match_first()
    """
    return AlignmentInferencer(model, **options)


def pretrained_weights() -> str:
    """Return the weights of the pretrained model, to train on from them.

    A config takes them by
    ``load_from = __import__('masa').pretrained_weights()``; docs/model_card.md
    has a recipe.

    Returns:
        str: A ``.safetensors`` file for the config ``pretrain_skeleton``.
    """
    return str(PRETRAINED.with_suffix('.safetensors'))
