"""The figures of a training run, from its work directory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from ..alignment import align_all, align_pair
from ..apis import AlignmentInferencer, EmbeddedSequence
from ..datasets import AnnotationError, check_named_splits
from ..evaluation.functional import predict_actions, predict_phases
from ..evaluation.metric_titles import method_title
from ..registry import DATASETS, MODELS
from .drawing import draw_sequence
from .image_grids import alignment_strips, phase_strips, retrieval_grid
from .metric_figures import (
    confusion_matrix,
    label_share_curve,
    read_scalars,
    read_validations,
    training_curves,
    validation_curves,
)
from .projection import embedding_map, project_frames
from .similarity import similarity_matrix

IMAGE_HEIGHT = 160
# Rows and columns that fit on a page.
ROWS, COLUMNS = 4, 7


class RunFigures:
    """Figures of a trained model on its test sequences.

    Args:
        work_dir (Path): Work directory with the config and a checkpoint.
        weights (Path, optional): Checkpoint. Defaults to the last one.
        report (dict, optional): The ``metrics.json`` of ``masa test``.
        device (str, optional): Such as ``cuda:0``.
        unsafe_load (bool): Whether the checkpoint may run code. Defaults to
            False.

    Raises:
        AnnotationError: If there are no sequences of the splits that
            ``test_dataloader`` of the config names.

    Attributes:
        inferencer (AlignmentInferencer): The model.
        train (list[EmbeddedSequence]): Sequences on which probes are fitted.
        evaluated (list[EmbeddedSequence]): Sequences shown in the figures.
    """

    def __init__(
        self,
        work_dir: Path,
        weights: Path | None = None,
        report: dict | None = None,
        device: str | None = None,
        unsafe_load: bool = False,
    ):
        self.work_dir = Path(work_dir)
        self.report = report
        self.inferencer = AlignmentInferencer(
            work_dir, weights, device, unsafe_load=unsafe_load
        )
        config = self.inferencer.model.config
        try:
            check_named_splits(config, ('test_dataloader',))
        except AnnotationError as error:
            raise AnnotationError(
                f'the figures show the sequences of test_dataloader, but '
                f'{error}. Or, for figures of the sequences that there are, '
                'set test_dataloader.dataset.split to their splits, such as '
                f'"train" alone, in {config.filename}'
            ) from error
        dataset = DATASETS.build(
            dict(config.test_dataloader.dataset, pipeline=[])
        )
        self._records = [dataset.get_data_info(i) for i in range(len(dataset))]
        sequences = self.inferencer.embed(self._records)
        self._by_split: dict[str, list[EmbeddedSequence]] = {}
        for record, sequence in zip(self._records, sequences, strict=True):
            self._by_split.setdefault(record['split'], []).append(sequence)
        # Probes are fitted on the first split, see configs/_base_.
        first, *others = self._by_split
        self.train = self._by_split[first]
        self.evaluated = [
            sequence for split in others for sequence in self._by_split[split]
        ] or self.train

    def all(self) -> Iterator[tuple[str, str, Callable[[], Figure | None]]]:
        """List the figures.

        Yields:
            tuple[str, str, Callable]: File name without suffix, caption and a
            function that draws the figure or returns None if the data lacks
            what it needs.
        """
        yield (
            'embeddings',
            'Frames of held-out sequences in the plane (t-SNE), by activity '
            'and by progress, before and after training.',
            self.embeddings,
        )
        yield (
            'phases',
            'Phases of held-out sequences of one activity, as recorded and '
            'on one timeline. The alignment does not use them.',
            self.phases,
        )
        yield (
            'alignment',
            'The same moments of several sequences.',
            self.alignment,
        )
        yield (
            'similarity',
            'Distances between the frames of two sequences and their '
            'alignment, with phases along the sides.',
            self.similarity,
        )
        yield (
            'retrieval',
            'A frame and its nearest neighbors in other sequences, correct '
            'if activity and phase agree.',
            self.retrieval,
        )
        yield (
            'actions',
            'Confusion matrix of activities (16 frames, linear probe).',
            self.actions,
        )
        yield (
            'phase_confusion',
            'Confusion matrix of phases (single frames, linear probe).',
            self.phase_confusion,
        )
        yield (
            'label_share',
            'Phase classification against the share of the labels.',
            self.label_share,
        )
        yield (
            'training',
            'Training curves. A spread of the embeddings near 0 is a '
            'collapse.',
            self.training,
        )
        yield (
            'validation',
            'Metrics at the validations of the training.',
            self.validation,
        )

    def training(self) -> Figure | None:
        """Draw the curves of the latest run in the work directory."""
        scalars = self._logged(read_scalars)
        return training_curves(scalars) if scalars else None

    def validation(self) -> Figure | None:
        """Draw the metrics of the latest run if validated more than once."""
        metrics = self._logged(read_validations)
        if not metrics or max(len(e) for e, _ in metrics.values()) < 2:
            return None
        rows = self.report['rows'] if self.report else {}
        levels = {
            method_title(name): {
                k: v for k, v in rows[name].items() if v is not None
            }
            for name in ('clock', 'raw+clock')
            if name in rows
        }
        return validation_curves({self.work_dir.name: metrics}, levels)

    def _logged(self, read: Callable[[Path], dict]) -> dict:
        """Read the latest log with such entries; empty if there is none."""
        for path in sorted(
            self.work_dir.glob('*/vis_data/scalars.json'), reverse=True
        ):
            found = read(path)
            if found:
                return found
        return {}

    def embeddings(self) -> Figure:
        """Draw frames in two dimensions, before and after training."""
        model = self.inferencer.model
        trained = model.network
        torch.manual_seed(model.config.get('randomness', {}).get('seed') or 0)
        fresh = MODELS.build(model.config.model)
        model.network = fresh.to(model.device).eval()
        names = {sequence.name for sequence in self.evaluated}
        before = self.inferencer.embed(
            [
                sequence
                for sequence in self._records
                if sequence['frame_dir'] in names
            ]
        )
        model.network = trained
        return embedding_map(
            {
                'before training': project_frames(_embeddings(before)),
                'after training': project_frames(_embeddings(self.evaluated)),
            },
            [sequence.activity for sequence in self.evaluated],
        )

    def phases(self) -> Figure | None:
        """Draw phases as recorded and aligned."""
        group = list(filter(_has_phases, self._largest_group()))
        if len(group) < 2:
            return None
        timeline = align_all(_embeddings(group))
        return phase_strips(
            [sequence.phase for sequence in group],
            timeline.frames,
            [sequence.name for sequence in group],
        )

    def alignment(self) -> Figure | None:
        """Draw the same moments of several sequences."""
        group = self._largest_group()[:ROWS]
        if len(group) < 2 or not self._drawable(group):
            return None
        timeline = align_all(_embeddings(group))
        total = timeline.frames.shape[1]
        moments = np.linspace(0, total - 1, COLUMNS).round().astype(int)
        strips = []
        for sequence, frames in zip(group, timeline.frames, strict=True):
            images = self._images(sequence)
            strips.append([images[frames[moment]] for moment in moments])
        return alignment_strips(
            strips,
            [sequence.name for sequence in group],
            [f'{moment / max(total - 1, 1):.0%}' for moment in moments],
        )

    def similarity(self) -> Figure | None:
        """Draw the distances between two sequences."""
        group = self._largest_group()
        if len(group) < 2:
            return None
        first, second = group[:2]
        both = _has_phases(first) and _has_phases(second)
        return similarity_matrix(
            first.embedding,
            second.embedding,
            align_pair(first.embedding, second.embedding).path,
            (first.phase, second.phase) if both else None,
            (first.name, second.name),
        )

    def retrieval(self) -> Figure | None:
        """Draw frames and their nearest neighbors in other sequences."""
        if not self._drawable(self.evaluated) or len(self.evaluated) < 3:
            return None
        # One sequence per activity, for as many as fit on the page.
        first_of = {sequence.activity: sequence for sequence in self.evaluated}
        queries = list(first_of.values())[:ROWS]
        if len(queries) < ROWS:
            queries = self.evaluated[:ROWS]
        pictures, found, right, captions = [], [], [], []
        for number, query in enumerate(queries):
            others = [
                sequence
                for sequence in self.evaluated
                if sequence is not query
            ]
            # Each row shows another moment.
            share = (number + 1) / (len(queries) + 1)
            frame = int(share * (len(query) - 1))
            matches = self.inferencer.retrieve(query, frame, others, k=5)
            pictures.append(self._images(query)[frame])
            found.append([])
            right.append([])
            captions.append([f'{query.activity or query.name}, {frame}'])
            for match in matches:
                other = others[match.sequence]
                found[-1].append(self._images(other)[match.frame])
                right[-1].append(_agree(query, frame, other, match.frame))
                captions[-1].append(other.activity or other.name)
        return retrieval_grid(pictures, found, right, captions)

    def actions(self) -> Figure | None:
        """Draw the confusion matrix of activities."""
        train = [sequence for sequence in self.train if sequence.activity]
        known = {sequence.activity for sequence in train}
        shown = [
            sequence
            for sequence in self.evaluated
            if sequence.activity in known
        ]
        names = sorted(known)
        if len(names) < 2 or not shown or self.evaluated is self.train:
            return None
        predicted = predict_actions(
            _embeddings(train),
            [names.index(sequence.activity) for sequence in train],
            _embeddings(shown),
        )
        true = [names.index(sequence.activity) for sequence in shown]
        return confusion_matrix(np.array(true), predicted, names)

    def phase_confusion(self) -> Figure | None:
        """Draw the confusion matrix of the phases of the largest activity."""
        group = list(filter(_has_phases, self._largest_group()))
        if not group or self.evaluated is self.train:
            return None
        train = [
            sequence
            for sequence in self.train
            if sequence.activity == group[0].activity and _has_phases(sequence)
        ]
        if not train:
            return None
        predicted = np.concatenate(
            predict_phases(
                _embeddings(train),
                [sequence.phase for sequence in train],
                _embeddings(group),
            )
        )
        true = np.concatenate([sequence.phase for sequence in group])
        known = true >= 0
        classes = 1 + max(true.max(), predicted.max())
        return confusion_matrix(
            true[known],
            predicted[known],
            [f'phase {i}' for i in range(classes)],
        )

    def label_share(self) -> Figure | None:
        """Draw phase classification against the share of the labels."""
        if self.report is None:
            return None
        prefix = 'phase_classification/accuracy_'
        columns = [c for c in self.report['columns'] if c.startswith(prefix)]
        rows = {
            method_title(name): [row.get(c) for c in columns]
            for name, row in self.report['rows'].items()
        }
        rows = {n: v for n, v in rows.items() if None not in v}
        if len(columns) < 2 or not rows:
            return None
        shares = [int(c.removeprefix(prefix)) / 100 for c in columns]
        return label_share_curve(shares, rows)

    def _largest_group(self) -> list[EmbeddedSequence]:
        groups: dict[str, list[EmbeddedSequence]] = {}
        for sequence in self.evaluated:
            groups.setdefault(sequence.activity, []).append(sequence)
        return max(groups.values(), key=len)

    def _drawable(self, sequences: list[EmbeddedSequence]) -> bool:
        return all(
            sequence.keypoint is not None and sequence.skeleton is not None
            for sequence in sequences
        )

    def _images(self, sequence: EmbeddedSequence) -> list[np.ndarray]:
        return draw_sequence(sequence, IMAGE_HEIGHT)


def _embeddings(sequences: list[EmbeddedSequence]) -> list[np.ndarray]:
    return [sequence.embedding for sequence in sequences]


def _has_phases(sequence: EmbeddedSequence) -> bool:
    return sequence.phase is not None and bool((sequence.phase >= 0).any())


def _agree(
    query: EmbeddedSequence, frame: int, other: EmbeddedSequence, match: int
) -> bool | None:
    if not (query.activity and _has_phases(query) and _has_phases(other)):
        return None
    phase = query.phase[frame]
    if phase < 0 or other.phase[match] < 0:
        return None
    return bool(
        query.activity == other.activity and phase == other.phase[match]
    )
