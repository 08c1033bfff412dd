import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path

import numpy as np
import onnxruntime

from ..datasets import transforms
from ..datasets.parts import (
    Part,
    crop_record,
    places_among,
    stack_parts,
    stands_alone,
)
from ..datasets.transforms import (
    PackSequenceInputs,
    SelectBodyJoints,
    SelectPerson,
)
from ..datasets.transforms.base import SequenceTransform
from ..embeddings.threads import num_threads

# Versions of the metadata that can be read.
FORMATS = ('2',)
# Short sequences are embedded together, up to so many frames: the weights are
# then read once, and the activations stay in the processor's cache.
BATCH_FRAMES = 512


class ExportedModel:
    """A model of an ONNX file, run by ONNX Runtime without PyTorch.

    Args:
        path (str | Path): The file, of ``masa export``.
        device (str, optional): ``cpu``, or ``cuda:0`` with the package
            ``onnxruntime-gpu``. Defaults to ``cpu``.
        threads (int, optional): Threads that sequences, or a single one, are
            shared by. Defaults to ``OMP_NUM_THREADS``, else one per core.

    Attributes:
        transforms (list[Callable]): The steps from a record to the values of
            its frames, the last of which is :class:`PackSequenceInputs`.
        skeleton (dict, optional): Layout of the joints of arrays.
        from_video (dict, optional): How a video becomes the model's input.
        moments (int, optional): At how many moments it encodes a sequence,
            however long; None if at every frame.
        device (str): The device.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no model of ``masa export``, or ONNX Runtime
            does not have the device.
    """

    def __init__(
        self,
        path: str | Path,
        device: str | None = None,
        threads: int | None = None,
    ):
        self.path = Path(path)
        self.device = device or 'cpu'
        self.threads = threads or num_threads()
        self.session = _open(self.path, self.device, self.threads)
        known = self.session.get_modelmeta().custom_metadata_map
        if known.get('format') not in FORMATS:
            raise ValueError(
                f'{path} is expected to say how its inputs are made, in a '
                f'format of {FORMATS}, but has {known.get("format")!r}: '
                'export the model again, with masa export'
            )
        self.in_channels = int(known['in_channels'])
        self.moments = int(known['moments']) if 'moments' in known else None
        # Files of former versions do not take fewer.
        optional = self.session.get_overridable_initializers()
        has_places = 'places' in [one.name for one in optional]
        self._places = self.moments if has_places else 0
        self.skeleton: dict | None = json.loads(known['skeleton'])
        self.from_video: dict | None = json.loads(known['from_video'])
        self.transforms = [
            _build(config, self.path)
            for config in json.loads(known['pipeline'])
        ]
        if not isinstance(self.transforms[-1], PackSequenceInputs):
            raise ValueError(
                f'the pipeline of {path} is expected to end with '
                f'PackSequenceInputs, but ends with {self.transforms[-1]}'
            )

    def prepare(self, record: dict) -> np.ndarray:
        """Compute the values of the frames of a sequence.

        Args:
            record (dict): Its record, which is not changed.

        Returns:
            np.ndarray: (T, in_channels) float32.

        Raises:
            ValueError: If the record is not what the model takes.
            KeyError: If it lacks something.
        """
        return self._values(dict(record), self.transforms)

    def part_preparation(
        self, record: dict
    ) -> Callable[[Sequence[Part]], list[np.ndarray]]:
        """Prepare a sequence so that parts of it can be embedded.

        The body is selected once in the whole record where that makes no
        difference, and parts of one length are transformed together.

        Args:
            record (dict): A record with joints, which is not changed.

        Returns:
            Callable: Takes parts, first frame and the one after the last, and
            returns what :meth:`prepare` makes of each.
        """
        steps = list(self.transforms)
        whole = dict(record)
        while isinstance(steps[0], (SelectPerson, SelectBodyJoints)):
            whole = steps.pop(0)(whole)
        alone = stands_alone(record)
        if not all(step.takes_stacks for step in steps):
            alone[:] = False

        def prepare_parts(parts: Sequence[Part]) -> list[np.ndarray]:
            parts = [tuple(part) for part in parts]
            together = [part for part in parts if alone[slice(*part)].all()]
            prepared = {}
            for places, stack in stack_parts(whole, together):
                for place, values in zip(
                    places, self._values(stack, steps), strict=True
                ):
                    prepared[together[place]] = values
            return [
                prepared[part]
                if part in prepared
                else self.prepare(crop_record(record, *part))
                for part in parts
            ]

        return prepare_parts

    def _values(
        self, sample: dict, transforms: Sequence[SequenceTransform]
    ) -> np.ndarray:
        """Run transforms on a sample or a stack of samples."""
        *steps, pack = transforms
        for step in steps:
            sample = step(sample)
        values = pack.frame_values(sample)
        if values.shape[-1] != self.in_channels:
            raise ValueError(
                f'{sample["frame_dir"]} is not what the model takes: frames '
                f'are expected to have {self.in_channels} values, but have '
                f'{values.shape[-1]} (joints x coordinates, or features)'
            )
        return values

    def embed(
        self, prepared: Sequence[np.ndarray], moments: int | None = None
    ) -> list[np.ndarray]:
        """Embed sequences, neighbors of one length together.

        Args:
            prepared (Sequence[np.ndarray]): Of :meth:`prepare`.
            moments (int, optional): At how many moments they are encoded,
                where the model encodes them at a fixed number and that is
                larger. Half of them take half the time; embeddings differ
                little (docs/performance.md). Defaults to None, as trained.

        Returns:
            list[np.ndarray]: (T, D) float32 each.
        """
        more = {}
        if moments is not None and moments < self._places:
            more['places'] = places_among(self._places, moments)
        batches: list[list[np.ndarray]] = []
        for length, alike in groupby(prepared, len):
            alike = list(alike)
            count = max(1, BATCH_FRAMES // length)
            batches += [
                alike[i : i + count] for i in range(0, len(alike), count)
            ]
        threads = self.threads if self.device == 'cpu' else 1
        if threads == 1 or len(batches) < 2 * threads:
            found = [_run(self.session, batch, more) for batch in batches]
        else:
            with ThreadPoolExecutor(threads) as pool:
                run = partial(_run, self._unshared, more=more)
                found = list(pool.map(run, batches))
        return [embedding for some in found for embedding in some]

    @cached_property
    def _unshared(self) -> onnxruntime.InferenceSession:
        """A session of one thread, of which several are run at once.

        Threads that share a batch wait for each other after every operation.
        """
        return _open(self.path, self.device, 1)


def _run(
    session: onnxruntime.InferenceSession,
    batch: list[np.ndarray],
    more: dict[str, np.ndarray],
) -> np.ndarray:
    (found,) = session.run(None, dict(values=np.stack(batch), **more))
    return found


def _open(
    path: Path, device: str, threads: int
) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise FileNotFoundError(f'there is no exported model {path}')
    kind, _, number = device.partition(':')
    provider = f'{kind.upper()}ExecutionProvider'
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise ValueError(
            f'device {device!r}: ONNX Runtime is installed with {available}'
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # It warns of the places, an input that need not be given.
    options.log_severity_level = 3
    settings = dict(device_id=number or '0') if kind != 'cpu' else {}
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=[(provider, settings)]
        )
    # Its errors have no common base.
    except Exception as error:
        if not type(error).__module__.startswith('onnxruntime'):
            raise
        raise ValueError(f'{path} is no usable ONNX model: {error}') from error


def _build(config: dict, path: str | Path) -> SequenceTransform:
    options = dict(config)
    # Without the scope of the registry.
    name = options.pop('type').rpartition('.')[2]
    if name not in transforms.__all__:
        raise ValueError(
            f'the pipeline of {path} has the transform {name!r}, which is '
            'not of this package: use the config and the checkpoint'
        )
    return getattr(transforms, name)(**options)
