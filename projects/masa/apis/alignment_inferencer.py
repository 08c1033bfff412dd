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

from ..alignment import (
    Alignment,
    Match,
    Timeline,
    align_all,
    align_pair,
    anomaly_score,
    retrieve_frames,
    transfer_labels,
)
from ..datasets.people import find_people
from ..datasets.record_checks import label_of
from ..datasets.times import frame_times
from ..datasets.transforms import SelectPerson
from ..datasets.transforms.checks import check_range
from ..embeddings import EmbeddedSequence
from ..extraction.errors import ExtractionError
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from ..extraction.sequences import VIDEO_SUFFIXES
from ..registry import MODELS
from ..support.broken_inputs import describe_problems
from ..support.checkpoints import check_fit, read_checkpoint, weights_of
from ..support.config_checks import (
    check_config,
    read_config,
    wrong_values_told,
)
from ..support.work_dir import LAST_CHECKPOINT, last_checkpoint
from .frame_index import FrameIndex
from .inputs import (
    ANNOTATION_SUFFIXES,
    is_video,
    read_array,
    record_of_array,
    records_of_file,
    records_of_videos,
)

# Anything that becomes sequences: see AlignmentInferencer.
Input = str | Path | np.ndarray | dict | EmbeddedSequence


class AlignmentInferencer(BaseInferencer):
    """Embeds sequences with a trained model, and aligns them.

    Whatever takes sequences takes: videos and folders of images, if the
    config has ``from_video``; annotation files; ``.npy`` files and arrays,
    joints ``(T, V, C)`` or features ``(T, D)``, whichever the model takes;
    records as dicts; and what :meth:`embed` returned.

    Args:
        model (str | Path | Config): A config file, a config, or the work
            directory of a training, which holds both config and weights.
        weights (str | Path, optional): The checkpoint. Defaults to the last
            one of the work directory.
        device (str, optional): Such as ``cuda:0``. Defaults to what there
            is.
        features (str | Path): Folder that the ``feature_path`` of records is
            relative to. Defaults to the working directory.
        cache (str | Path, optional): Folder for what is extracted from
            videos, so that it is done once. Defaults to a temporary one.
        frame_rate (float, optional): Frames per second of sequences that do
            not say, such as arrays. Defaults to not known.
        limits (MediaLimits): What of a video is refused before it is
            decoded, unless ``from_video`` of the config says.
        show_progress (bool): Whether to show a bar. Defaults to False.
        unsafe_load (bool): Whether the checkpoint may run code: only for one
            whose maker you trust. Defaults to False.

    Raises:
        ConfigError: If the config has misspelt names, or values that the
            model's constructors refuse.
        FileNotFoundError: If there is no config or no checkpoint.
        CheckpointError: If the checkpoint is damaged, holds code or does not
            fit the model.
        ValueError: If a work directory has several configs.

    Example:
        >>> from masa.apis import AlignmentInferencer
        >>> inferencer = AlignmentInferencer('work_dirs/masa_videos')
        >>> first, second = inferencer.embed(['a.mp4', 'b.mp4'])
        >>> inferencer.align(first, second).match_first()
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
            model, weights = _find_files(Path(model), weights)
            model = read_config(model)
        check_config(model, scope='mmaction')
        if weights is None:
            raise FileNotFoundError(
                'no checkpoint is given: an untrained model aligns nothing'
            )
        self.unsafe_load = unsafe_load
        self.device = device or get_device()
        self.features = Path(features)
        if frame_rate is not None:
            check_range('frame_rate', frame_rate, 0, open_low=True)
        self.frame_rate = frame_rate
        self.limits = limits
        self._temporary = None
        if cache is None:
            self._temporary = tempfile.TemporaryDirectory()
            cache = self._temporary.name
        self.cache = Path(cache)
        self.skeleton: dict | None = None
        init_default_scope('mmaction')
        super().__init__(
            model, str(weights), self.device, 'mmaction', show_progress
        )

    def _init_model(self, cfg, weights, device):
        checkpoint = read_checkpoint(weights, self.unsafe_load)
        with wrong_values_told(cfg):
            model = MODELS.build(cfg.model)
        state = weights_of(checkpoint, weights)
        check_fit(state, model, weights)
        model.load_state_dict(state)
        meta = checkpoint.get('meta', {}).get('dataset_meta') or {}
        self.skeleton = meta.get('skeleton')
        return model.to(device).eval()

    def _init_pipeline(self, cfg):
        transforms = cfg.test_dataloader.dataset.pipeline
        with DefaultScope.overwrite_default_scope('mmaction'):
            pipeline = Compose(transforms)
        pack = next(
            one for one in transforms if one.type == 'PackSequenceInputs'
        )
        self.modalities = tuple(pack.get('modalities', ('keypoint',)))
        # As cameras and images have it, unless the pipeline says.
        ups = [one.get('up_axis') for one in transforms]
        self.up = next((up for up in ups if up), '-y')
        return pipeline

    def _init_visualizer(self, cfg):
        # What MMEngine would build draws single images.
        return None

    def _inputs_to_list(self, inputs: Input | Sequence[Input]) -> list[dict]:
        """Turn whatever is given into records."""
        records, problems = self._read(inputs)
        if problems:
            raise ExtractionError.of_sequences(problems)
        return records

    def _read(
        self, inputs: Input | Sequence[Input]
    ) -> tuple[list[dict], dict[str, str]]:
        """Make records of all that can be used, and say what cannot."""
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        groups: list[list[dict]] = [[] for _ in inputs]
        problems: dict[str, str] = {}
        videos = []
        for i, one in enumerate(inputs):
            is_path = isinstance(one, (str, Path))
            if is_path and not Path(one).exists():
                problems[str(one)] = f'there is no input {one}'
            elif is_path and is_video(Path(one)):
                # All at once: the models are loaded once.
                videos.append((i, Path(one)))
            else:
                try:
                    groups[i] = self._records(one, i)
                except (ValueError, OSError) as error:
                    problems[str(one) if is_path else str(i)] = str(error)
        if videos:
            found, broken = records_of_videos(
                [path for _, path in videos],
                self.cfg.get('from_video'),
                self.cache,
                self.device,
                self.limits,
            )
            problems.update(broken)
            for i, path in videos:
                groups[i] = [
                    record
                    for record in found
                    if record['video'] == path
                    or path in record['video'].parents
                ]
        records = [record for group in groups for record in group]
        names = [record['frame_dir'] for record in records]
        if len(set(names)) < len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ValueError(f'sequences come more than once: {twice}')
        return records, problems

    def _records(self, one: Input, number: int) -> list[dict]:
        if isinstance(one, dict):
            return [
                dict(
                    dict(frame_dir=str(number), skeleton=self.skeleton), **one
                )
            ]
        if isinstance(one, (str, Path)):
            path = Path(one)
            if path.suffix in ANNOTATION_SUFFIXES:
                return records_of_file(path, self.features)
            if path.suffix != '.npy':
                raise ValueError(
                    f'{path} is expected to be a video '
                    f'({", ".join(VIDEO_SUFFIXES)}), a folder of videos or '
                    'of images, a .npy file, or an annotation file '
                    f'({", ".join(ANNOTATION_SUFFIXES)})'
                )
            name, array = path.stem, read_array(path)
        elif isinstance(one, np.ndarray):
            name, array = str(number), one
        else:
            raise TypeError(
                'an input is expected to be a path, an array or a record, '
                f'but is a {type(one).__name__}'
            )
        # Bones are worked out of the joints alone.
        wanted = [key for key in self.modalities if key != 'bone']
        if len(wanted) > 1:
            raise ValueError(
                f'{name}: the model takes {" and ".join(wanted)}: '
                'give records or an annotation file that have what these need'
            )
        return [record_of_array(array, name, wanted[0], self.skeleton)]

    def preprocess(self, inputs: list[dict], batch_size: int = 1, **kwargs):
        """Run the pipeline of the config; see ``BaseInferencer``.

        Args:
            inputs (list[dict]): Records.
            batch_size (int): How many sequences the model sees at once.
            **kwargs: None is known.

        Yields:
            tuple: Records, and what the model takes of them.

        Raises:
            ValueError: If a record is not as wide as the model.
        """
        batches = self._get_chunk_data(map(self._pack, inputs), batch_size)
        yield from map(self.collate_fn, batches)

    def _pack(self, record: dict) -> dict:
        # The pipeline works in place.
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
        """Nothing: :mod:`masa.visualization` draws what is aligned.

        Args:
            inputs (list): Records.
            preds (list): Data samples.
            **kwargs: None is known.

        Returns:
            list: Empty.
        """
        return []

    def postprocess(
        self, preds: list, visualization: list, return_datasamples=False
    ) -> dict:
        """Gather the predictions; see ``BaseInferencer``.

        Args:
            preds (list[ActionDataSample]): Of all sequences.
            visualization (list): Empty.
            return_datasamples (bool): Whether to return these themselves.

        Returns:
            dict: ``predictions``, data samples or arrays (T, D), and
            ``visualization``.
        """
        if not return_datasamples:
            preds = [one.embedding.cpu().numpy() for one in preds]
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
            inputs (Input | Sequence[Input]): One or several. An annotation
                file or a folder gives all its sequences.
            batch_size (int): How many sequences the model sees at once.
            skip_broken (bool): Whether to leave out what cannot be used,
                with a warning, instead of raising an error. Defaults to
                False.

        Returns:
            list[EmbeddedSequence]: In the order of the inputs.

        Raises:
            ExtractionError: If inputs cannot be used, or with
                ``skip_broken`` none can: ``problems`` says why, by the id of
                the sequence or the path or position of the input.
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
        """Embed the sequences that can be used, and say which cannot.

        Args:
            inputs (Input | Sequence[Input]): As for :meth:`embed`.
            batch_size (int): How many sequences the model sees at once.

        Returns:
            tuple[list[EmbeddedSequence], dict[str, str]]: The sequences, and
            why others cannot be used, by the id of the sequence or the path
            or position of the input.

        Raises:
            ValueError: As for :meth:`embed`.
            TypeError: If an input is of another kind.
        """
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        known = [one for one in inputs if isinstance(one, EmbeddedSequence)]
        if len(known) == len(inputs):
            return known, {}
        if known:
            raise TypeError(
                'embedded sequences and others are expected apart, but got '
                'both'
            )
        records, problems = self._read(inputs)
        sequences = []
        packed = self._pack_usable(records, problems)
        for chunk in self._get_chunk_data(packed, batch_size):
            used, samples = zip(*chunk, strict=True)
            for record, one in zip(
                used, self.forward(self.collate_fn(samples)), strict=True
            ):
                embedding = one.embedding.cpu().numpy()
                record = self._select_people(record)
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
                # Its own text is that of its argument in quotes.
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

    def align(
        self, first: Input, second: Input, method: str = 'dtw'
    ) -> Alignment:
        """Align two sequences.

        Args:
            first (Input): One sequence.
            second (Input): Another one.
            method (str): ``dtw``, monotone, or ``nearest``: see
                :func:`~masa.alignment.align_pair`.

        Returns:
            Alignment: Pairs of frames and their cost.

        Example:
            >>> alignment = inferencer.align('a.mp4', 'b.mp4')
            >>> alignment.path[:3].tolist(), alignment.cost
        """
        first, second = self._pair(first, second)
        return align_pair(first.embedding, second.embedding, method)

    def align_all(
        self,
        inputs: Sequence[Input],
        reference: int | None = None,
        method: str = 'dtw',
    ) -> Timeline:
        """Bring sequences onto one timeline.

        Args:
            inputs (Sequence[Input]): The sequences.
            reference (int, optional): Whose timeline; see
                :func:`~masa.alignment.align_all`.
            method (str): ``dtw``, monotone, or ``nearest``.

        Returns:
            Timeline: The frames of all.

        Example:
            >>> timeline = inferencer.align_all(['a.mp4', 'b.mp4', 'c.mp4'])
            >>> timeline.frames[:, 10]  # the 11th moment, in each of them
        """
        sequences = self.embed(inputs)
        return align_all(
            [one.embedding for one in sequences], reference, method
        )

    def retrieve(
        self,
        query: Input,
        frame: int,
        others: Sequence[Input] | FrameIndex,
        k: int = 5,
    ) -> list[Match]:
        """Find the moment of a frame in other sequences.

        Args:
            query (Input): One sequence.
            frame (int): Which of its frames; negative from its end.
            others (Sequence[Input] | FrameIndex): Where to look. In an
                index, a sequence of the query's name is left out.
            k (int): How many frames; one of a sequence at most.

        Returns:
            list[Match]: The nearest first; ``sequence`` is a position in
            ``others``, or in the index's ``names``.

        Raises:
            IndexError: If there is no such frame.

        Example:
            >>> inferencer.retrieve('a.mp4', 30, ['b.mp4', 'c.mp4'], k=2)
        """
        (query,) = self._single(query)
        if not -len(query) <= frame < len(query):
            raise IndexError(
                f'{query.name} has {len(query)} frames, and no frame {frame}'
            )
        if isinstance(others, FrameIndex):
            own = query.name if query.name in others.names else None
            return others.retrieve(query.embedding[frame], k, own)
        return retrieve_frames(
            query.embedding[frame],
            [one.embedding for one in self.embed(others)],
            k,
        )

    def transfer_labels(
        self,
        labelled: Input,
        others: Sequence[Input],
        labels: Sequence | None = None,
        method: str = 'dtw',
    ) -> list[np.ndarray]:
        """Carry the labels of one sequence over to others.

        Args:
            labelled (Input): One sequence.
            others (Sequence[Input]): The others.
            labels (Sequence, optional): One a frame of ``labelled``. Defaults
                to its phases.
            method (str): ``dtw``, which keeps their order, or ``nearest``.

        Returns:
            list[np.ndarray]: One label a frame of every other one.

        Raises:
            ValueError: If there are no labels, or not one a frame.

        Example:
            >>> steps = ['down'] * 40 + ['up'] * 32
            >>> inferencer.transfer_labels('a.mp4', ['b.mp4'], steps)
        """
        (labelled,) = self._single(labelled)
        if labels is None:
            labels = labelled.phase
        if labels is None:
            raise ValueError(
                f'{labelled.name} has no phases: give labels, one a frame '
                '(--labels FILE)'
            )
        return transfer_labels(
            labelled.embedding,
            labels,
            [one.embedding for one in self.embed(others)],
            method,
        )

    def anomaly_score(
        self, sequence: Input, references: Sequence[Input]
    ) -> np.ndarray:
        """Say of every frame how much it departs from how it is done.

        Args:
            sequence (Input): One sequence.
            references (Sequence[Input]): How it is done.

        Returns:
            np.ndarray: (T,); see :func:`~masa.alignment.anomaly_score`.

        Example:
            >>> score = inferencer.anomaly_score('new.mp4', ['a.mp4', 'b.mp4'])
            >>> score.argmax()  # where it departs most
        """
        (sequence,) = self._single(sequence)
        return anomaly_score(
            sequence.embedding,
            [one.embedding for one in self.embed(references)],
        )

    def _single(self, one: Input) -> list[EmbeddedSequence]:
        found = self.embed(one)
        if len(found) != 1:
            raise ValueError(
                f'one sequence is expected, but {one} holds {len(found)}'
            )
        return found

    def _pair(self, first: Input, second: Input) -> list[EmbeddedSequence]:
        # Apart: both may be embedded, or have one id.
        return [*self._single(first), *self._single(second)]


def _embedded(
    record: dict, embedding: np.ndarray, frame_rate: float | None
) -> EmbeddedSequence:
    keypoint, score = _side_by_side(record)
    phase = record.get('phase')
    return EmbeddedSequence(
        name=record['frame_dir'],
        embedding=embedding,
        timestamps=frame_times(dict(dict(frame_rate=frame_rate), **record)),
        phase=None if phase is None else np.asarray(phase),
        label=label_of(record),
        activity=record.get('activity', ''),
        keypoint=keypoint,
        keypoint_score=score,
        video=record.get('video'),
    )


def _side_by_side(
    record: dict,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Joints (T, P * V, C) and scores (T, P * V) of all who are there."""
    keypoint, score = record.get('keypoint'), record.get('keypoint_score')
    if keypoint is None:
        return None, None
    keypoint = np.asarray(keypoint)
    score = None if score is None else np.asarray(score)
    there = find_people(keypoint, score).any(1)
    # What is filled in for a single person has no score.
    there[0] |= not there.any()
    keypoint = np.concatenate(keypoint[there], axis=1)
    return keypoint, None if score is None else np.concatenate(
        score[there], axis=1
    )


def _find_files(
    model: Path, weights: str | Path | None
) -> tuple[Path, str | Path | None]:
    """Find config and weights of a work directory."""
    if not model.exists():
        raise FileNotFoundError(f'there is no config or folder {model}')
    if model.suffix == '.pth':
        raise ValueError(
            f'{model} is a checkpoint: give the work directory of its '
            'training, or its config, and the checkpoint as weights '
            '(--weights)'
        )
    if model.is_file():
        return model, weights
    configs = sorted(model.glob('*.py'))
    if len(configs) != 1:
        raise ValueError(
            f'{model} is expected to hold one config, but has '
            f'{[path.name for path in configs]}'
        )
    if weights is None:
        weights = last_checkpoint(model)
        if weights is None:
            raise FileNotFoundError(
                f'{model} has no {LAST_CHECKPOINT}: no training has saved one'
            )
    return configs[0], weights
