from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from ...embeddings import SequenceCollection
from ...registry import METRICS
from ...support.argument_checks import check_choice
from .. import functional
from .base import MetricResult, SequenceMetric, average_activities


class AcrossActivities(SequenceMetric):
    """Base of the metrics that compare activities with each other."""

    def score(self, train, val, notes):
        """Leave out sequences without an activity, see the base class."""
        sides = []
        for part in (train, val):
            known = [i for i, a in enumerate(part.activity_names()) if a]
            if len(known) < len(part):
                notes.append(
                    f'{self.prefix}: {len(part) - len(known)} of {len(part)} '
                    'sequences have no activity and are left out'
                )
            sides.append(part.select(known))
        if len(set(sides[1].activity_names())) < 2 or not len(sides[0]):
            notes.append(f'{self.prefix}: left out, needs two activities')
            return MetricResult({}, {}, notes, [])
        return self.score_all(*sides, notes)

    @abstractmethod
    def score_all(
        self,
        train: SequenceCollection,
        val: SequenceCollection,
        notes: list[str],
    ) -> MetricResult:
        """Compute the metric from sequences of known activity.

        Args:
            train (SequenceCollection): Training sequences, of any number of
                activities.
            val (SequenceCollection): Evaluated sequences, of two or more.
            notes (list[str]): What was left out so far.

        Returns:
            MetricResult: The values.
        """


@METRICS.register_module()
class CrossActivityRetrieval(AcrossActivities):
    """Frame retrieval with the sequences of all activities as candidates.

    A neighbor is correct only if activity and phase agree. Values:
    ``ap@<k>``, means over frames, sequences and activities. See
    :func:`~masa.evaluation.functional.sequence_retrieval_precision`.

    Args:
        k (Sequence[int]): Numbers of neighbors.
        stride (int): Step between the query frames.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import CrossActivityRetrieval
        >>> collection = SequenceCollection.from_sequences(
        ...     EmbeddedSequence(f'{name}/{i}', np.full((4, 2), position + i),
        ...                      phase=np.zeros(4, int), activity=name)
        ...     for name, position in (('hop', 0.0), ('run', 5.0))
        ...     for i in range(2)
        ... )
        >>> metric = CrossActivityRetrieval(k=[2, 8])
        >>> metric.compute_collection(collection).values
        {'ap@2': 1.0, 'ap@8': 0.5}
    """

    default_prefix = 'cross_activity_retrieval'
    needs_phases = True
    needs_pairs = True

    def __init__(
        self, k: Sequence[int] = (5, 10, 15), stride: int = 1, **kwargs
    ):
        super().__init__(**kwargs)
        self.k = k
        self.stride = stride

    def score_all(self, train, val, notes):
        """See the base class."""
        activities = np.array(val.activity_names())
        precision = functional.sequence_retrieval_precision(
            val.embeddings, val.phases, self.k, self.stride, activities
        )
        per_activity = {}
        for activity in np.unique(activities):
            rows = precision[activities == activity]
            rows = rows[~np.isnan(rows).any(axis=1)]
            means = rows.mean(axis=0) if len(rows) else [np.nan] * len(self.k)
            per_activity[str(activity)] = {
                f'ap@{k}': float(value)
                for k, value in zip(self.k, means, strict=True)
            }
        return average_activities(per_activity, self.prefix, notes)


@METRICS.register_module()
class ActionRecognition(AcrossActivities):
    """Accuracy of a linear classifier of activities, from sampled frames.

    Value: ``accuracy``, over all sequences together; per activity, over its
    sequences. See
    :func:`~masa.evaluation.functional.action_recognition_accuracy`.

    Args:
        num_frames (int): Number of frames sampled.
        classes (str): 'activity' classifies whole sequences by activity.
            'phase' classifies clips, the runs of one phase cut out of the
            embedded sequences, by activity and phase.
        estimator (str): 'logistic' or 'svc'.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Raises:
        ValueError: If ``classes`` has another value.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import ActionRecognition
        >>> collection = SequenceCollection.from_sequences(
        ...     EmbeddedSequence(name + split, np.full((4, 2), position),
        ...                      activity=name, split=split)
        ...     for name, position in (('hop', 0.0), ('run', 5.0))
        ...     for split in ('train', 'val')
        ... )
        >>> ActionRecognition().compute_collection(collection).values
        {'accuracy': 1.0}
    """

    default_prefix = 'action_recognition'
    needs_train = True

    def __init__(
        self,
        num_frames: int = 16,
        classes: str = 'activity',
        estimator: str = 'logistic',
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice('classes', classes, ('activity', 'phase'))
        self.num_frames = num_frames
        self.classes = classes
        self.needs_phases = classes == 'phase'
        self.estimator = estimator

    def score_all(self, train, val, notes):
        """See the base class."""
        clips, labels, _ = self._clips(train)
        queries, truth, activities = self._clips(val)
        predicted = functional.predict_actions(
            clips, labels, queries, self.num_frames, self.estimator
        )
        return _hit_rates('accuracy', predicted == truth, activities, notes)

    def _clips(self, collection):
        names = collection.activity_names()
        if self.classes == 'activity':
            return collection.embeddings, np.array(names), names
        clips, labels, activities = [], [], []
        for name, embedding, phases in zip(
            names, collection.embeddings, collection.phases, strict=True
        ):
            for start, stop, phase in functional.phase_runs(phases):
                clips.append(embedding[start:stop])
                labels.append(f'{name}/{phase}')
                activities.append(name)
        return clips, np.array(labels), activities


@METRICS.register_module()
class ActivitySeparation(AcrossActivities):
    """Separation of activities by mean embeddings, without a probe.

    Values: ``nearest_neighbor`` (accuracy, the training sequences as
    gallery; where there are none, the other evaluated ones) and ``ami``
    (adjusted mutual information of k-means clusters). See
    :func:`~masa.evaluation.functional.activity_separation`.

    Args:
        seed (int): Seed of k-means.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import ActivitySeparation
        >>> collection = SequenceCollection.from_sequences(
        ...     EmbeddedSequence(name + split, np.full((4, 2), position),
        ...                      activity=name, split=split)
        ...     for name, position in (('hop', 0.0), ('run', 5.0))
        ...     for split in ('train', 'val')
        ... )
        >>> ActivitySeparation().compute_collection(collection).values
        {'nearest_neighbor': 1.0, 'ami': 1.0}
    """

    default_prefix = 'activity_separation'
    needs_train = True

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def compute(self, train, val):
        """Compare evaluated sequences where there is no gallery."""
        if len(train) or not len(val):
            return super().compute(train, val)
        result = super().compute(val, val)
        result.notes.append(
            f'{self.prefix}: there are no training sequences, so the nearest '
            'is sought among the other evaluated ones'
        )
        return result

    def score_all(self, train, val, notes):
        """See the base class."""
        gallery = train.embeddings, train.activity_names()
        activities = val.activity_names()
        if train.names == val.names:
            hits = functional.nearest_other_hits(val.embeddings, activities)
        else:
            hits = functional.nearest_clip_hits(
                *gallery, val.embeddings, activities
            )
        result = _hit_rates('nearest_neighbor', hits, activities, notes)
        result.values['ami'] = functional.activity_separation(
            *gallery, val.embeddings, activities, self.seed
        ).ami
        return result


def _hit_rates(key, hits, activities, notes):
    activities = np.array(activities)
    per_activity = {
        str(activity): {key: float(hits[activities == activity].mean())}
        for activity in np.unique(activities)
    }
    return MetricResult({key: float(hits.mean())}, per_activity, notes, [])
