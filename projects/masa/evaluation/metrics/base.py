import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ...datasets.split_checks import is_training_split
from ...embeddings import EmbeddedSequence, SequenceCollection
from ...embeddings.threads import run_threads
from ..collapse import without_rounding
from ..gather import embedded_sequences


class MetricResult(NamedTuple):
    """The result of a metric.

    Attributes:
        values (dict[str, float]): Values by key; empty where the metric does
            not apply.
        per_activity (dict[str, dict[str, float]]): The same per activity,
            NaN where an activity has no value.
        notes (list[str]): What was left out and why.
        warnings (list[str]): Signs of a collapsed embedding.
    """

    values: dict[str, float]
    per_activity: dict[str, dict[str, float]]
    notes: list[str]
    warnings: list[str]


class SequenceMetric(BaseMetric):
    """Base of the metrics of a set of embedded sequences.

    A subclass declares what it needs and implements :meth:`score`. It works
    alone in MMEngine's ``Evaluator``; in :class:`SequenceEvaluator` all
    metrics share one collection.

    Args:
        train_split (str or Sequence[str], optional): Splits that probes are
            fitted on, or that form the gallery. Defaults to those with
            "train" in their names.
        eval_split (str or Sequence[str], optional): Evaluated splits, as far
            as the collection has them. Defaults to all others.
        **kwargs (Any): Arguments of MMEngine's ``BaseMetric``.

    Raises:
        ValueError: If a metric that needs both would be evaluated on a split
            it is fitted on.
    """

    needs_train = False
    needs_phases = False
    needs_times = False
    needs_pairs = False

    def __init__(
        self,
        train_split: str | Sequence[str] | None = None,
        eval_split: str | Sequence[str] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.train_split = train_split
        self.eval_split = eval_split
        given = train_split is not None and eval_split is not None
        both = given and (
            set(np.atleast_1d(train_split)) & set(np.atleast_1d(eval_split))
        )
        if self.needs_train and both:
            raise ValueError(
                f'{type(self).__name__} is expected not to be evaluated on '
                f'what it is fitted on, but train_split={train_split!r} and '
                f'eval_split={eval_split!r}'
            )

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the embeddings of a batch.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): Predictions, as
                :func:`embedded_sequences` takes them.
        """
        self.results.extend(embedded_sequences(data_samples))

    def compute_metrics(
        self, results: list[EmbeddedSequence]
    ) -> dict[str, float]:
        """Compute the metric from all sequences.

        Args:
            results (list[EmbeddedSequence]): The sequences of all splits.

        Returns:
            dict[str, float]: The values.
        """
        collection, collapse = without_rounding(
            SequenceCollection.from_sequences(results)
        )
        result = self.compute_collection(collection)
        for note in result.notes:
            print_log(note, logger='current')
        for warning in collapse + result.warnings:
            print_log(warning, logger='current', level=logging.WARNING)
        return result.values

    def compute_collection(
        self, collection: SequenceCollection
    ) -> MetricResult:
        """Compute the metric of a collection with all splits.

        Args:
            collection (SequenceCollection): Sequences of all splits.

        Returns:
            MetricResult: The values.
        """
        train, evaluated = self.train_split, self.eval_split
        splits = list(dict.fromkeys(collection.splits))
        if train is None:
            chosen = np.atleast_1d(() if evaluated is None else evaluated)
            train = [
                split
                for split in splits
                if is_training_split(split) and split not in chosen
            ]
        if evaluated is None:
            evaluated = [
                split for split in splits if split not in np.atleast_1d(train)
            ]
        return self.compute(
            collection.subset(train), collection.subset(evaluated)
        )

    def compute(
        self, train: SequenceCollection, val: SequenceCollection
    ) -> MetricResult:
        """Compute the metric.

        Args:
            train (SequenceCollection): Training sequences or gallery.
            val (SequenceCollection): Evaluated sequences.

        Returns:
            MetricResult: The values.
        """
        notes = []
        sides = [('evaluated', val)]
        if self.needs_train:
            sides.insert(0, ('training', train))
        used = [self._usable(side, part, notes) for side, part in sides]
        reason = self.why_not(used[0], used[-1])
        if reason:
            notes.append(f'{self.prefix}: left out, {reason}')
            return MetricResult({}, {}, notes, [])
        return self.score(used[0], used[-1], notes)

    def why_not(
        self, train: SequenceCollection, val: SequenceCollection
    ) -> str:
        """Explain why the metric has no value.

        Args:
            train (SequenceCollection): Usable training sequences.
            val (SequenceCollection): Usable evaluated sequences.

        Returns:
            str: The reason; '' if it has one.
        """
        known = ' with phases' * self.needs_phases
        known += ' with canonical times' * self.needs_times
        if not len(val):
            return f'no evaluated sequence{known}'
        if self.needs_train and not len(train):
            return f'no training sequence{known}'
        if self.needs_pairs and len(val) < 2:
            return f'a single evaluated sequence{known}, no pairs'
        return ''

    @abstractmethod
    def score(
        self,
        train: SequenceCollection,
        val: SequenceCollection,
        notes: list[str],
    ) -> MetricResult:
        """Compute the metric from usable sequences.

        Args:
            train (SequenceCollection): Training sequences; the evaluated
                ones for a metric that needs none.
            val (SequenceCollection): Evaluated sequences.
            notes (list[str]): What was left out so far.

        Returns:
            MetricResult: The values.
        """

    def _usable(self, side, collection, notes):
        """Select the sequences whose phases and times are known."""
        for needed, values, what in (
            (self.needs_phases, collection.phases, 'phases'),
            (self.needs_times, collection.canonical_times, 'canonical times'),
        ):
            if not needed:
                continue
            known = [i for i, value in enumerate(values) if value is not None]
            if 0 < len(known) < len(values):
                notes.append(
                    f'{self.prefix}: {len(values) - len(known)} of '
                    f'{len(values)} {side} sequences have no {what} and are '
                    'left out'
                )
            collection = collection.select(known)
        return collection


class ActivityMetric(SequenceMetric):
    """Base of the metrics that are computed within each activity.

    The values are plain means over activities. Activities without a value
    are left out of the mean, which a note tells. A metric that does not use
    threads itself may be computed for several activities at once.
    """

    side_by_side = False

    @abstractmethod
    def score_activity(
        self, train: SequenceCollection, val: SequenceCollection
    ) -> dict[str, float]:
        """Compute the metric of one activity.

        Args:
            train (SequenceCollection): Its training sequences.
            val (SequenceCollection): Its evaluated sequences.

        Returns:
            dict[str, float]: The values, NaN where there is none.
        """

    def score(self, train, val, notes):
        """Compute the metric of every activity, see the base class."""
        gallery = train.by_activity()
        nothing = train.select([])
        pairs = {}
        for activity, sequences in val.by_activity().items():
            fitted = gallery.get(activity, nothing)
            reason = self.why_not(fitted, sequences)
            if reason:
                notes.append(f'{self.prefix}: {activity} left out, {reason}')
            else:
                pairs[activity] = fitted, sequences
        per_activity = dict.fromkeys(pairs)

        def score(activity):
            per_activity[activity] = self.score_activity(*pairs[activity])

        if self.side_by_side:
            run_threads(score, pairs)
        else:
            for activity in pairs:
                score(activity)
        return average_activities(per_activity, self.prefix, notes)


def average_activities(
    per_activity: dict[str, dict[str, float]], prefix: str, notes: list[str]
) -> MetricResult:
    """Average values over activities.

    Args:
        per_activity (dict[str, dict[str, float]]): Values by activity, NaN
            where there is none.
        prefix (str): The metric's name, for notes.
        notes (list[str]): Notes so far.

    Returns:
        MetricResult: Means over the activities that have a value.
    """
    values, notes = {}, list(notes)
    for key in dict.fromkeys(k for row in per_activity.values() for k in row):
        known = [row[key] for row in per_activity.values()]
        without = [a for a, row in per_activity.items() if np.isnan(row[key])]
        if without:
            notes.append(
                f'{prefix}/{key}: no value for {", ".join(without)}, not in '
                'the mean'
            )
        known = [value for value in known if not np.isnan(value)]
        if known:
            values[key] = float(np.mean(known))
    return MetricResult(values, per_activity, notes, [])
