import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..models import ContextAwareEncoder
from ..support.files import atomic_path

# The first with every operator that the encoder is made of.
OPSET = 18
# Of tracing; any length works afterwards.
TRACED_FRAMES = 37
# In float32 sums in another order differ.
TOLERANCE = 1e-4


class SequenceEncoder(nn.Module):
    """The encoder for one sequence, of any length: what is exported.

    Args:
        encoder (ContextAwareEncoder): Whose weights it shares.
        readout (nn.Module, optional): What follows. Defaults to None.
        projection (nn.Module, optional): What comes between the two.
            Defaults to None.
    """

    def __init__(
        self,
        encoder: ContextAwareEncoder,
        readout: nn.Module | None = None,
        projection: nn.Module | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.readout = readout
        self.projection = projection

    def forward(self, values: Tensor) -> Tensor:
        """Embed the frames of a sequence.

        Args:
            values (Tensor): ``(T, in_channels)``.

        Returns:
            Tensor: ``(T, D)``.
        """
        position = torch.arange(
            values.shape[0], device=values.device, dtype=values.dtype
        )
        frames = self.encoder.embed_frames(values[None], position)[0]
        if self.projection is not None:
            frames = self.projection(frames)
        if self.readout is None:
            return frames
        mask = torch.ones_like(position, dtype=torch.bool)
        return self.readout(frames[None], mask[None])[0]


def export_onnx(
    model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a model's encoder as ONNX, completely or not at all.

    Input ``values`` (T, in_channels) float32, what the test pipeline of the
    config makes of a sequence; output ``embedding`` (T, D). T is free.

    Args:
        model (nn.Module): A ``SequenceAligner``.
        path (str | Path): The ``.onnx`` file.
        metadata (dict[str, str], optional): To be kept in the file.

    Raises:
        ImportError: If the package ``onnx`` is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'export needs the packages onnx and onnxscript: pip install -c '
            "requirements/constraints.txt -e '.[lite,onnx]'"
        ) from error
    # The neck itself chooses frames by the mask; here all of them exist.
    projection = model.neck.projection if model.embedding == 'neck' else None
    encoder = SequenceEncoder(model.backbone, model.readout, projection)
    encoder = encoder.cpu().eval()
    values = torch.zeros(TRACED_FRAMES, model.backbone.in_channels)
    frames = torch.export.Dim('frames', min=1)
    with atomic_path(path) as temporary:
        torch.onnx.export(
            encoder,
            (values,),
            str(temporary),
            input_names=['values'],
            output_names=['embedding'],
            dynamic_shapes={'values': {0: frames}},
            opset_version=OPSET,
            dynamo=True,
            # One file: weights beside it would be left behind.
            external_data=False,
            verbose=False,
        )
        exported = onnx.load(str(temporary))
        described = dict(
            in_channels=str(model.backbone.in_channels),
            embed_dims=str(model.embed_dims),
            **(metadata or {}),
        )
        for key, value in described.items():
            exported.metadata_props.add(key=key, value=value)
        onnx.checker.check_model(exported)
        onnx.save(exported, str(temporary))


def compare_with_onnx(
    model: nn.Module,
    path: str | Path,
    lengths: tuple[int, ...] = (1, 2, 7, 64, 500),
    seed: int = 0,
) -> float:
    """Compare an exported file with the model, on random sequences.

    Args:
        model (nn.Module): The model.
        path (str | Path): The file.
        lengths (tuple[int, ...]): Of the sequences.
        seed (int): Of the sequences.

    Returns:
        float: The largest difference, in shares of the embeddings' standard
        deviation.

    Raises:
        ImportError: If the package ``onnxruntime`` is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            'checking needs the package onnxruntime: pip install -c '
            "requirements/constraints.txt -e '.[lite,onnx]'"
        ) from error
    session = onnxruntime.InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )
    rng = np.random.default_rng(seed)
    model = model.cpu().eval()
    largest = 0.0
    for length in lengths:
        shape = length, model.backbone.in_channels
        values = rng.normal(size=shape).astype(np.float32)
        (found,) = session.run(None, dict(values=values))
        mask = torch.ones(1, length, dtype=torch.bool)
        with torch.inference_mode():
            expected = model.encode(torch.from_numpy(values)[None], mask)
        expected = expected[0].numpy()
        difference = np.abs(found - expected).max() / expected.std()
        largest = max(largest, float(difference))
    return largest


def describe_config(config) -> dict[str, str]:
    """Say what a file expects, for :func:`export_onnx`.

    Args:
        config (Config): Of the model.

    Returns:
        dict[str, str]: The test pipeline as JSON, and the config's text.
    """
    pipeline = config.test_dataloader.dataset.pipeline
    return dict(
        pipeline=json.dumps([dict(one) for one in pipeline], default=str),
        config=config.pretty_text,
    )
