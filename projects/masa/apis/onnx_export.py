import copy
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from ..datasets.parts import places_among
from ..models import ContextAwareEncoder
from ..support.extras import explain_missing
from ..support.files import atomic_path
from .exported_model import FORMATS
from .trained_model import TrainedModel

# The first opset with every operator of the encoder.
OPSET = 18
# Number and length of the traced sequences; the exported model takes any.
TRACED_SEQUENCES, TRACED_FRAMES = 3, 37
# Sums in another order differ in float32.
TOLERANCE = 1e-4
# Settings that name folders of the machine that trained the model.
PLACES = ('work_dir', 'load_from')


class SequenceEncoder(nn.Module):
    """The exported model: the encoder of sequences of any one length.

    Args:
        encoder (ContextAwareEncoder): The encoder, whose weights are shared.
        readout (nn.Module, optional): Module of the evaluation embedding.
            Defaults to None.
        projection (nn.Module, optional): Projection between the two.
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

    def forward(self, values: Tensor, places: Tensor | None = None) -> Tensor:
        """Embed the frames of sequences.

        Args:
            values (Tensor): ``(N, T, in_channels)``.
            places (Tensor, optional): Of :class:`ResampledEncoder`.

        Returns:
            Tensor: ``(N, T, D)``.
        """
        position = torch.arange(
            values.shape[1], device=values.device, dtype=values.dtype
        )
        more = () if places is None else (places,)
        frames = self.encoder.embed_frames(values, position, *more)
        if self.projection is not None:
            # As in the neck, whose layers take frames.
            projected = self.projection(frames.flatten(0, 1))
            frames = projected.unflatten(0, values.shape[:2])
        if self.readout is None:
            return frames
        mask = values.new_ones(values.shape[:2], dtype=torch.bool)
        return self.readout(frames, mask)


def export_onnx(
    model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Export the encoder of a model to ONNX, atomically.

    The input ``values``, (N, T, in_channels) float32, is the result of the
    config's test pipeline for N sequences of one length; the output is
    ``embedding``, (N, T, D), for any N and T.

    Args:
        model (nn.Module): A ``SequenceAligner``.
        path (str | Path): The ``.onnx`` file.
        metadata (dict[str, str], optional): Metadata of the file.

    Raises:
        ImportError: If the package ``onnx`` is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise explain_missing('export to ONNX', 'export', error) from error
    # The neck selects frames by a mask; here there is no padding.
    projection = model.neck.projection if model.embedding == 'neck' else None
    encoder = SequenceEncoder(model.backbone, model.readout, projection)
    encoder = encoder.cpu().eval()
    values = torch.zeros(
        TRACED_SEQUENCES, TRACED_FRAMES, model.backbone.in_channels
    )
    inputs = dict(values=values)
    shapes = dict(
        values={
            0: torch.export.Dim('sequences', min=1),
            1: torch.export.Dim('frames', min=1),
        }
    )
    if model.moments is not None:
        inputs['places'] = torch.arange(float(model.moments))
        shapes['places'] = {0: torch.export.Dim('moments', min=1)}
    with atomic_path(path) as temporary:
        torch.onnx.export(
            encoder,
            tuple(inputs.values()),
            str(temporary),
            input_names=list(inputs),
            output_names=['embedding'],
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            # A single file, which cannot lose its weights.
            external_data=False,
            verbose=False,
        )
        exported = onnx.load(str(temporary))
        if 'places' in inputs:
            # What an input is that is not given.
            exported.graph.initializer.append(
                onnx.numpy_helper.from_array(
                    inputs['places'].numpy(), 'places'
                )
            )
        # Stack traces, which name folders of this machine.
        for node in exported.graph.node:
            del node.metadata_props[:]
        described = dict(
            in_channels=str(model.backbone.in_channels),
            embed_dims=str(model.embed_dims),
            **(metadata or {}),
        )
        if model.moments is not None:
            described['moments'] = str(model.moments)
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
    """Compare an exported model with the original on random sequences.

    One alone, and two at once, are embedded, and, by a model that encodes at
    a fixed number of moments, two at half of them.

    Args:
        model (nn.Module): The model.
        path (str | Path): The file.
        lengths (tuple[int, ...]): Lengths of the sequences.
        seed (int): Seed of the sequences.

    Returns:
        float: The largest difference, divided by the standard deviation of
        the embeddings.
    """
    session = onnxruntime.InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )
    rng = np.random.default_rng(seed)
    model = model.cpu().eval()
    largest = 0.0
    for length in lengths:
        shape = length, model.backbone.in_channels
        values = rng.normal(size=(2, *shape)).astype(np.float32)
        mask = torch.ones(2, length, dtype=torch.bool)
        with torch.inference_mode():
            expected = model.encode(torch.from_numpy(values), mask).numpy()
        (first,) = session.run(None, dict(values=values[:1]))
        (both,) = session.run(None, dict(values=values))
        found = np.concatenate([first, both])
        expected = expected[[0, 0, 1]]
        if model.moments is not None:
            places = places_among(model.moments, (model.moments + 1) // 2)
            inputs = dict(values=values, places=places)
            found = np.concatenate([found, *session.run(None, inputs)])
            with torch.inference_mode():
                fewer = model.encode(
                    torch.from_numpy(values),
                    mask,
                    places=torch.from_numpy(places),
                )
            expected = np.concatenate([expected, fewer.numpy()])
        apart = np.abs(found - expected).max()
        largest = max(largest, float(apart / expected.std()))
    return largest


def describe_model(model: TrainedModel) -> dict[str, str]:
    """Describe how the inputs of a model are made, as metadata of its file.

    Args:
        model (TrainedModel): The model.

    Returns:
        dict[str, str]: ``format``, the version of this description; as JSON
        ``pipeline``, the test pipeline, ``skeleton``, the layout of the
        joints, and ``from_video``, how a video becomes the model's input;
        and ``config``, the text of the config without ``PLACES``.

    Raises:
        ValueError: If the pipeline has an argument that is no plain value.
    """
    pipeline = model.config.test_dataloader.dataset.pipeline
    parts = dict(
        pipeline=[dict(transform) for transform in pipeline],
        skeleton=model.skeleton,
        from_video=model.from_video,
    )
    try:
        described = {
            name: json.dumps(part, default=np.ndarray.tolist)
            for name, part in parts.items()
        }
    except TypeError as error:
        raise ValueError(
            f'the test pipeline {pipeline} is expected to have plain values '
            f'alone, which an exported file can hold: {error}'
        ) from error
    config = copy.deepcopy(model.config)
    for place in PLACES:
        config.pop(place, None)
    return dict(described, format=FORMATS[-1], config=config.pretty_text)
