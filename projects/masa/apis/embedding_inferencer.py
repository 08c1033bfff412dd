import tempfile
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.record_checks import label_of
from ..datasets.skeletons import LAYOUTS, UP_AXES
from ..datasets.times import frame_times
from ..datasets.transforms import (
    NormalizeSkeleton,
    PackSequenceInputs,
    ProjectSkeleton,
    SelectBodyJoints,
    SelectPerson,
)
from ..datasets.transforms.body_joints import find_body_joints
from ..embeddings import EmbeddedSequence
from ..extraction.content_cache import default_cache
from ..extraction.errors import ExtractionError
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from ..support.argument_checks import check_choice, check_range
from ..support.broken_inputs import describe_problems
from ..support.extras import explain_missing
from ..support.wording import listed
from .input_reader import Input, InputReader
from .model_files import PRETRAINED, find_model_files
from .part_embedding import PartEmbedding, join_people

if TYPE_CHECKING:
    from mmengine.config import Config

    from .exported_model import ExportedModel
    from .trained_model import TrainedModel

# Between two moments of a sequence, above which a warning is due: 29 seconds
# for 48 moments. Frames count where seconds are not known.
LONGEST_SECONDS, LONGEST_FRAMES = 0.6, 18
# Joints of a lower score are guessed, and if fewer than this share of them are
# seen, a warning is due: of a clip of a whole body 94% are, of two in which
# there are legs or arms alone 46 and 52%.
SEEN, LEAST_SEEN = 0.3, 0.75


class EmbeddingInferencer(PartEmbedding):
    """Embeds sequences with a trained model.

    Base of :class:`AlignmentInferencer`, which describes inputs, arguments
    and errors.
    """

    def __init__(
        self,
        model: 'str | Path | Config | None' = None,
        weights: str | Path | None = None,
        device: str | None = None,
        features: str | Path = '',
        cache: str | Path | bool | None = True,
        frame_rate: float | None = None,
        layout: str | dict | None = None,
        up_axis: str | None = None,
        limits: MediaLimits = DEFAULT_LIMITS,
        show_progress: bool = False,
        unsafe_load: bool = False,
        time_step: float = 0.0,
    ):
        if frame_rate is not None:
            check_range('frame_rate', frame_rate, 0, open_low=True)
        check_choice('up_axis', up_axis, (None, *UP_AXES))
        if isinstance(layout, str):
            check_choice('layout', layout, list(LAYOUTS))
            layout = LAYOUTS[layout]
        self.model = _load_model(model, weights, device, unsafe_load)
        self.frame_rate = frame_rate
        self.limits = limits
        self.show_progress = show_progress
        pack = self._transform_of(PackSequenceInputs)
        if pack is None:
            raise ValueError(
                'the test pipeline is expected to have PackSequenceInputs, '
                f'but is {self.model.transforms}'
            )
        for option, value, kind in (
            ('layout', layout, SelectBodyJoints),
            ('up_axis', up_axis, ProjectSkeleton),
        ):
            if value is not None and self._transform_of(kind) is None:
                raise ValueError(
                    f'{option} is for models that take any body, whose test '
                    f'pipeline has {kind.__name__}: leave it out, as this '
                    'model takes the joints that it was trained on'
                )
        check_range('time_step', time_step, 0)
        if cache is True:
            cache = default_cache()
        self._temporary = tempfile.TemporaryDirectory()
        self.reader = InputReader(
            pack.modalities,
            self.model.skeleton,
            Path(features),
            self.model.from_video,
            Path(self._temporary.name),
            Path(cache) if cache else None,
            self.model.device,
            limits,
            show_progress,
            self._transform_of(SelectBodyJoints) is not None,
            layout,
            up_axis,
            time_step,
        )

    @property
    def skeleton(self) -> dict | None:
        """Layout of the joints that the model was trained on, if known."""
        return self.model.skeleton

    @property
    def up(self) -> str:
        """Axis that points up: ``-y``, as in images, unless the model says."""
        normalize = self._transform_of(NormalizeSkeleton)
        if normalize is None or normalize.rotation is None:
            return '-y'
        return normalize.up_axis

    def _transform_of(self, kind: type) -> Any:
        found = (t for t in self.model.transforms if isinstance(t, kind))
        return next(found, None)

    def embed(
        self,
        inputs: Input | Sequence[Input],
        batch_size: int = 8,
        skip_broken: bool = False,
        parts: bool = False,
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
            parts (bool): As for :meth:`embed_usable`.

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
        sequences, problems = self.embed_usable(inputs, batch_size, parts)
        if problems:
            if not (skip_broken and sequences):
                raise ExtractionError.of_sequences(problems)
            warnings.warn(describe_problems(problems), stacklevel=2)
        return sequences

    def embed_usable(
        self,
        inputs: Input | Sequence[Input],
        batch_size: int = 8,
        parts: bool = False,
    ) -> tuple[list[EmbeddedSequence], dict[str, str]]:
        """Embed the sequences that can be used, and report the others.

        Args:
            inputs (Input | Sequence[Input]): As for :meth:`embed`.
            batch_size (int): Number of sequences in a batch.
            parts (bool): Whether parts of the sequences will be embedded
                anew, so that it does not matter if a whole one is too long
                for the model. Defaults to False, which warns of it.

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
        prepared = self._prepare_usable(records, problems)
        while chunk := list(islice(prepared, batch_size)):
            used, values = zip(*chunk, strict=True)
            for record, embedding in zip(
                used, self.model.embed(values), strict=True
            ):
                record = self._select_people(record)
                sequences.append(self._embedded(record, embedding))
        if not parts:
            self._warn_if_coarse(sequences)
        self._warn_if_hidden(sequences)
        return sequences, problems

    def _single(
        self, sequence: Input, parts: bool = False
    ) -> EmbeddedSequence:
        found = self.embed(sequence, parts=parts)
        if len(found) != 1:
            raise ValueError(
                f'one sequence is expected, but {sequence} holds {len(found)}'
            )
        return found[0]

    def _embeddings(self, inputs: Sequence[Input]) -> list[np.ndarray]:
        return [sequence.embedding for sequence in self.embed(inputs)]

    def _prepare_usable(
        self, records: list[dict], problems: dict[str, str]
    ) -> Iterator[tuple[dict, Any]]:
        """Run the pipeline; add records that it refuses to the problems."""
        for record in self.track(records, 'Embedding'):
            try:
                yield record, self.model.prepare(record)
            except KeyError as error:
                # The text of a KeyError is its argument in quotes.
                problems[record['frame_dir']] = str(error.args[0])
            except (ValueError, OSError) as error:
                problems[record['frame_dir']] = str(error)

    def _warn_if_hidden(self, sequences: Sequence[EmbeddedSequence]) -> None:
        """Warn of bodies of which much is not seen, or guessed."""
        if self._transform_of(SelectBodyJoints) is None:
            return
        hidden = []
        for one in sequences:
            if one.keypoint_score is None or one.skeleton is None:
                continue
            names = one.skeleton['joints']
            known = find_body_joints(names).values()
            score = one.keypoint_score[:, : len(names)]
            seen = np.mean(
                [score[:, joints].min(1) >= SEEN for joints in known if joints]
            )
            if seen < LEAST_SEEN:
                hidden.append(f'{one.name} ({1 - seen:.0%})')
        if hidden:
            warnings.warn(
                f'joints are not seen in {listed(hidden)}, and what is said '
                'of these sequences may be wrong: one person is expected, the '
                'whole body in the picture',
                stacklevel=4,
            )

    def _warn_if_coarse(self, sequences: Sequence[EmbeddedSequence]) -> None:
        """Warn of sequences whose moments are too far apart to align by."""
        moments = self.model.moments
        coarse = []
        for one in sequences if moments else ():
            length, unit, limit = one.duration, 's', LONGEST_SECONDS
            if length is None:
                length, unit, limit = len(one), 'frames', LONGEST_FRAMES
            if length > limit * moments:
                coarse.append(f'{one.name} ({length:.0f} {unit})')
        if coarse:
            warnings.warn(
                f'{listed(coarse)}: the model sees a sequence at {moments} '
                'moments, whatever its length. Cut out one performance of the '
                'activity, or expect coarse matches',
                stacklevel=3,
            )

    def _select_people(self, record: dict) -> dict:
        """Keep the people of a record that the pipeline selects."""
        select = self._transform_of(SelectPerson)
        if select is not None and record.get('keypoint') is not None:
            record = select(dict(record))
        return record

    def _embedded(
        self, record: dict, embedding: np.ndarray
    ) -> EmbeddedSequence:
        keypoint, score = join_people(record)
        phase = record.get('phase')
        skeleton = record.get('skeleton') or self.skeleton
        if skeleton is not None and not skeleton.get('up_axis'):
            skeleton = skeleton | {'up_axis': self.up}
        return EmbeddedSequence(
            name=record['frame_dir'],
            embedding=embedding,
            timestamps=frame_times({'frame_rate': self.frame_rate} | record),
            phase=None if phase is None else np.asarray(phase),
            label=label_of(record),
            activity=record.get('activity', ''),
            keypoint=keypoint,
            keypoint_score=score,
            skeleton=skeleton,
            video=record.get('video'),
            split=record.get('split') or '',
            canonical_time=record.get('canonical_time'),
            record=record,
        )


def _load_model(
    model: 'str | Path | Config | None',
    weights: str | Path | None,
    device: str | None,
    unsafe_load: bool,
) -> 'TrainedModel | ExportedModel':
    model = PRETRAINED if model is None else model
    if (
        isinstance(model, (str, Path))
        and Path(model).suffix.lower() == '.onnx'
    ):
        if weights is not None:
            raise ValueError(
                f'{model} holds its weights: leave {weights} out, or give the '
                'config that it is of as the model'
            )
        from .exported_model import ExportedModel

        return ExportedModel(model, device)
    if isinstance(model, (str, Path)):
        model, weights = find_model_files(Path(model), weights)
    try:
        from .trained_model import TrainedModel
    except ModuleNotFoundError as error:
        raise explain_missing(
            f'{model} is not exported (masa export), and', 'train', error
        ) from error
    return TrainedModel(model, weights, device, unsafe_load)


def _as_list(inputs: Input | Sequence[Input]) -> Sequence[Input]:
    return inputs if isinstance(inputs, (list, tuple)) else [inputs]
