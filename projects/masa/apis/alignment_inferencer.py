import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope, init_default_scope

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
from ..checkpoints import check_fit, read_checkpoint, weights_of
from ..config_checks import check_config, wrong_values_told
from ..work_dir import LAST_CHECKPOINT, last_checkpoint
from .embedded_sequence import EmbeddedSequence
from .frame_index import FrameIndex
from .inputs import (
    ANNOTATION_SUFFIXES,
    is_video,
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
        show_progress: bool = False,
        unsafe_load: bool = False,
    ):
        if isinstance(model, (str, Path)):
            model, weights = _find_files(Path(model), weights)
            model = Config.fromfile(model)
        check_config(model, scope='mmaction')
        if weights is None:
            raise FileNotFoundError(
                'no checkpoint is given: an untrained model aligns nothing'
            )
        self.unsafe_load = unsafe_load
        self.device = device or get_device()
        self.features = Path(features)
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
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        groups: list[list[dict]] = [[] for _ in inputs]
        videos = []
        for i, one in enumerate(inputs):
            if isinstance(one, (str, Path)) and is_video(Path(one)):
                # All at once: the models are loaded once.
                videos.append((i, Path(one)))
            else:
                groups[i] = self._records(one, i)
        if videos:
            found = records_of_videos(
                [path for _, path in videos],
                self.cfg.get('from_video'),
                self.cache,
                self.device,
            )
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
        return records

    def _records(self, one: Input, number: int) -> list[dict]:
        if isinstance(one, dict):
            return [
                dict(
                    dict(frame_dir=str(number), skeleton=self.skeleton), **one
                )
            ]
        if isinstance(one, (str, Path)):
            path = Path(one)
            if not path.exists():
                raise FileNotFoundError(f'there is no input {path}')
            if path.suffix in ANNOTATION_SUFFIXES:
                return records_of_file(path, self.features)
            if path.suffix != '.npy':
                raise ValueError(
                    f'{path} is expected to be a video, a folder, a .npy '
                    'file or an annotation file (.pkl, .npz, .json)'
                )
            name, array = path.stem, np.load(path, allow_pickle=False)
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
        self, inputs: Input | Sequence[Input], batch_size: int = 8
    ) -> list[EmbeddedSequence]:
        """Embed sequences.

        Args:
            inputs (Input | Sequence[Input]): One or several. An annotation
                file or a folder gives all its sequences.
            batch_size (int): How many sequences the model sees at once.

        Returns:
            list[EmbeddedSequence]: In the order of the inputs.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If an input is not what the model takes, or two
                sequences have one id.
            TypeError: If an input is of another kind.

        Example:
            >>> sequences = inferencer.embed('data/videos.pkl')
            >>> sequences[0].embedding.shape
            (72, 128)
        """
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        known = [one for one in inputs if isinstance(one, EmbeddedSequence)]
        if len(known) == len(inputs):
            return known
        if known:
            raise TypeError(
                'embedded sequences and others are expected apart, but got '
                'both'
            )
        records = self._inputs_to_list(inputs)
        embeddings = self(records, batch_size=batch_size)['predictions']
        return [
            _embedded(record, embedding)
            for record, embedding in zip(records, embeddings, strict=True)
        ]

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
        self, inputs: Sequence[Input], reference: int | None = None
    ) -> Timeline:
        """Bring sequences onto one timeline.

        Args:
            inputs (Sequence[Input]): The sequences.
            reference (int, optional): Whose timeline; see
                :func:`~masa.alignment.align_all`.

        Returns:
            Timeline: The frames of all.

        Example:
            >>> timeline = inferencer.align_all(['a.mp4', 'b.mp4', 'c.mp4'])
            >>> timeline.frames[:, 10]  # the 11th moment, in each of them
        """
        sequences = self.embed(inputs)
        return align_all([one.embedding for one in sequences], reference)

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
                f'{labelled.name} has no phases: give labels, one a frame'
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


def _embedded(record: dict, embedding: np.ndarray) -> EmbeddedSequence:
    keypoint = record.get('keypoint')
    score = record.get('keypoint_score')
    phase = record.get('phase')
    label = record.get('label')
    return EmbeddedSequence(
        name=record['frame_dir'],
        embedding=embedding,
        phase=None if phase is None else np.asarray(phase),
        label=-1 if label is None else int(label),
        activity=record.get('activity', ''),
        keypoint=None if keypoint is None else np.asarray(keypoint)[0],
        keypoint_score=None if score is None else np.asarray(score)[0],
        video=record.get('video'),
    )


def _find_files(
    model: Path, weights: str | Path | None
) -> tuple[Path, str | Path | None]:
    """Find config and weights of a work directory."""
    if not model.exists():
        raise FileNotFoundError(f'there is no config or folder {model}')
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
