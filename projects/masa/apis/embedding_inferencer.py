import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope, init_default_scope
from rich.progress import track

from ..datasets.people import find_people
from ..datasets.record_checks import label_of
from ..datasets.times import frame_times
from ..datasets.transforms import SelectPerson
from ..embeddings import EmbeddedSequence
from ..extraction.errors import ExtractionError
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from ..registry import MODELS
from ..support.argument_checks import check_range
from ..support.broken_inputs import describe_problems
from ..support.checkpoints import check_fit, read_checkpoint, weights_of
from ..support.config_checks import (
    check_config,
    read_config,
    report_wrong_values,
)
from .input_reader import Input, InputReader
from .model_files import find_model_files


class EmbeddingInferencer(BaseInferencer):
    """Embeds sequences with a trained model.

    Base of :class:`AlignmentInferencer`, which describes inputs, arguments
    and errors.
    """

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path | None = None,
        device: str | None = None,
        features: str | Path = '',
        cache: str | Path | None = None,
        frame_rate: float | None = None,
        limits: MediaLimits = DEFAULT_LIMITS,
        show_progress: bool = False,
        unsafe_load: bool = False,
    ):
        if isinstance(model, (str, Path)):
            model, weights = find_model_files(Path(model), weights)
            model = read_config(model)
        check_config(model, scope='mmaction')
        if weights is None:
            raise FileNotFoundError(
                'no checkpoint is given: an untrained model aligns nothing'
            )
        if frame_rate is not None:
            check_range('frame_rate', frame_rate, 0, open_low=True)
        self.unsafe_load = unsafe_load
        self.device = device or get_device()
        self.frame_rate = frame_rate
        self.limits = limits
        self.skeleton: dict | None = None
        init_default_scope('mmaction')
        super().__init__(
            model, str(weights), self.device, 'mmaction', show_progress
        )
        transforms = self.cfg.test_dataloader.dataset.pipeline
        # The y axis of cameras and images points down.
        self.up = next(
            (t.up_axis for t in transforms if t.get('up_axis')), '-y'
        )
        pack = next(t for t in transforms if t.type == 'PackSequenceInputs')
        if cache is None:
            self._temporary = tempfile.TemporaryDirectory()
            cache = self._temporary.name
        self.reader = InputReader(
            tuple(pack.get('modalities', ('keypoint',))),
            self.skeleton,
            Path(features),
            self.cfg.get('from_video'),
            Path(cache),
            self.device,
            limits,
        )

    def _init_model(self, cfg, weights, device):
        checkpoint = read_checkpoint(weights, self.unsafe_load)
        with report_wrong_values(cfg):
            model = MODELS.build(cfg.model)
        state = weights_of(checkpoint, weights)
        check_fit(state, model, weights)
        model.load_state_dict(state)
        meta = checkpoint.get('meta', {}).get('dataset_meta') or {}
        self.skeleton = meta.get('skeleton')
        return model.to(device).eval()

    def _init_pipeline(self, cfg):
        with DefaultScope.overwrite_default_scope('mmaction'):
            return Compose(cfg.test_dataloader.dataset.pipeline)

    def _init_visualizer(self, cfg):
        # MMEngine's visualizer draws single images.
        return None

    def _inputs_to_list(self, inputs: Input | Sequence[Input]) -> list[dict]:
        """Read inputs as records, for ``BaseInferencer``."""
        records, problems = self.reader.read(_as_list(inputs))
        if problems:
            raise ExtractionError.of_sequences(problems)
        return records

    def preprocess(self, inputs: list[dict], batch_size: int = 1, **kwargs):
        """Run the pipeline of the config; see ``BaseInferencer``.

        Args:
            inputs (list[dict]): Records.
            batch_size (int): Number of sequences in a batch.
            **kwargs (Any): No other argument is known.

        Yields:
            tuple: Records, and the batch made of them.

        Raises:
            ValueError: If a record does not have the model's width.
        """
        batches = self._get_chunk_data(map(self._pack, inputs), batch_size)
        yield from map(self.collate_fn, batches)

    def _pack(self, record: dict) -> dict:
        # The pipeline changes its argument.
        packed = self.pipeline(dict(record))
        for view in packed['inputs']:
            try:
                self.model.check_width(view['values'].shape[-1])
            except ValueError as error:
                raise ValueError(
                    f'{record["frame_dir"]} is not what the model takes: '
                    f'{error}'
                ) from error
        return packed

    def visualize(self, inputs: list, preds: list, **kwargs) -> list:
        """Draw nothing; :mod:`masa.visualization` draws alignments.

        Args:
            inputs (list): Records.
            preds (list): Data samples.
            **kwargs (Any): No other argument is known.

        Returns:
            list: Empty.
        """
        return []

    def postprocess(
        self, preds: list, visualization: list, return_datasamples=False
    ) -> dict:
        """Gather the predictions; see ``BaseInferencer``.

        Args:
            preds (list[ActionDataSample]): Predictions for all sequences.
            visualization (list): Empty.
            return_datasamples (bool): Whether to return data samples rather
                than arrays.

        Returns:
            dict: ``predictions``, data samples or arrays (T, D), and
            ``visualization``.
        """
        if not return_datasamples:
            preds = [sample.embedding.cpu().numpy() for sample in preds]
        return dict(predictions=preds, visualization=visualization)

    def embed(
        self,
        inputs: Input | Sequence[Input],
        batch_size: int = 8,
        skip_broken: bool = False,
    ) -> list[EmbeddedSequence]:
        """Embed sequences.

        All inputs are read before an error is raised, so that it names
        everything that is wrong. What was extracted from videos by then
        stays in the cache.

        Args:
            inputs (Input | Sequence[Input]): One or several inputs. An
                annotation file or a folder stands for all its sequences.
            batch_size (int): Number of sequences in a batch.
            skip_broken (bool): Whether to leave out inputs that cannot be
                used, with a warning, instead of raising an error. Defaults
                to False.

        Returns:
            list[EmbeddedSequence]: In the order of the inputs.

        Raises:
            ExtractionError: If inputs cannot be used, or with
                ``skip_broken`` none can. Its ``problems`` give the reasons
                by the id of the sequence or the path or position of the
                input.
            ValueError: If two sequences have one id, or there are videos
                and the config does not say what the model takes of them.
            TypeError: If an input is of another kind.

        Example:
            >>> sequences = inferencer.embed('data/videos.pkl')
            >>> sequences[0].embedding.shape
            (72, 128)
        """
        sequences, problems = self.embed_usable(inputs, batch_size)
        if problems:
            if not (skip_broken and sequences):
                raise ExtractionError.of_sequences(problems)
            warnings.warn(describe_problems(problems), stacklevel=2)
        return sequences

    def embed_usable(
        self, inputs: Input | Sequence[Input], batch_size: int = 8
    ) -> tuple[list[EmbeddedSequence], dict[str, str]]:
        """Embed the sequences that can be used, and report the others.

        Args:
            inputs (Input | Sequence[Input]): As for :meth:`embed`.
            batch_size (int): Number of sequences in a batch.

        Returns:
            tuple[list[EmbeddedSequence], dict[str, str]]: The sequences; and
            why others cannot be used, by the id of the sequence or the path
            or position of the input.

        Raises:
            ValueError: As for :meth:`embed`.
            TypeError: If an input is of another kind.
        """
        inputs = _as_list(inputs)
        embedded = [i for i in inputs if isinstance(i, EmbeddedSequence)]
        if len(embedded) == len(inputs):
            return embedded, {}
        if embedded:
            raise TypeError(
                'embedded sequences and others are expected apart, but got '
                'both'
            )
        records, problems = self.reader.read(inputs)
        sequences = []
        packed = self._pack_usable(records, problems)
        for chunk in self._get_chunk_data(packed, batch_size):
            used, samples = zip(*chunk, strict=True)
            predictions = self.forward(self.collate_fn(samples))
            for record, sample in zip(used, predictions, strict=True):
                record = self._select_people(record)
                embedding = sample.embedding.cpu().numpy()
                sequences.append(_embedded(record, embedding, self.frame_rate))
        return sequences, problems

    def _pack_usable(
        self, records: list[dict], problems: dict[str, str]
    ) -> Iterator[tuple[dict, dict]]:
        """Run the pipeline; add records that it refuses to the problems."""
        if self.show_progress:
            records = track(records, description='Inference')
        for record in records:
            try:
                yield record, self._pack(record)
            except KeyError as error:
                # The text of a KeyError is its argument in quotes.
                problems[record['frame_dir']] = str(error.args[0])
            except (ValueError, OSError) as error:
                problems[record['frame_dir']] = str(error)

    def _select_people(self, record: dict) -> dict:
        """Keep the people of a record that the pipeline selects."""
        if record.get('keypoint') is not None:
            for transform in self.pipeline.transforms:
                if isinstance(transform, SelectPerson):
                    record = transform(dict(record))
        return record


def _as_list(inputs: Input | Sequence[Input]) -> Sequence[Input]:
    return inputs if isinstance(inputs, (list, tuple)) else [inputs]


def _embedded(
    record: dict, embedding: np.ndarray, frame_rate: float | None
) -> EmbeddedSequence:
    keypoint, score = _side_by_side(record)
    phase = record.get('phase')
    return EmbeddedSequence(
        name=record['frame_dir'],
        embedding=embedding,
        timestamps=frame_times({'frame_rate': frame_rate} | record),
        phase=None if phase is None else np.asarray(phase),
        label=label_of(record),
        activity=record.get('activity', ''),
        keypoint=keypoint,
        keypoint_score=score,
        video=record.get('video'),
        split=record.get('split') or '',
        canonical_time=record.get('canonical_time'),
    )


def _side_by_side(
    record: dict,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Join the people who are present: (T, P * V, C) and (T, P * V)."""
    keypoint, score = record.get('keypoint'), record.get('keypoint_score')
    if keypoint is None:
        return None, None
    keypoint = np.asarray(keypoint)
    score = None if score is None else np.asarray(score)
    present = find_people(keypoint, score).any(1)
    # Joints that were filled in for a single person have no score.
    present[0] |= not present.any()
    keypoint = np.concatenate(keypoint[present], axis=1)
    return keypoint, None if score is None else np.concatenate(
        score[present], axis=1
    )
