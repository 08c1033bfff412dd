from collections.abc import Sequence

from ...registry import METRICS
from .. import functional
from .base import ActivityMetric


@METRICS.register_module()
class PhaseClassification(ActivityMetric):
    """Accuracy of a linear classifier of phases, from single frames.

    Values: ``accuracy_<percent>`` for every fraction. See
    :func:`~masa.evaluation.functional.phase_classification_accuracy`.

    Args:
        fractions (Sequence[float]): Shares of the training sequences.
        estimator (str): 'logistic' or 'svc'.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import PhaseClassification
        >>> frames, phase = np.arange(8)[:, None], np.arange(8) // 4
        >>> train = EmbeddedSequence('a', frames, phase=phase, split='train')
        >>> val = EmbeddedSequence('b', frames + 1, phase=phase, split='val')
        >>> collection = SequenceCollection.from_sequences([train, val])
        >>> PhaseClassification([1.0]).compute_collection(collection).values
        {'accuracy_100': 0.875}
    """

    default_prefix = 'phase_classification'
    needs_train = True
    side_by_side = True
    needs_phases = True

    def __init__(
        self,
        fractions: Sequence[float] = (0.1, 0.5, 1.0),
        estimator: str = 'logistic',
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fractions = fractions
        self.estimator = estimator

    def score_activity(self, train, val):
        """See the base class."""
        return {
            f'accuracy_{100 * fraction:g}': (
                functional.phase_classification_accuracy(
                    train.embeddings,
                    train.phases,
                    val.embeddings,
                    val.phases,
                    fraction,
                    self.estimator,
                )
            )
            for fraction in self.fractions
        }


@METRICS.register_module()
class PhaseProgress(ActivityMetric):
    """R^2 of a linear regression of the distance from every key event.

    Value: ``r2``. See
    :func:`~masa.evaluation.functional.phase_progress_r2`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import PhaseProgress
        >>> frames, phase = np.arange(8)[:, None], np.arange(8) // 4
        >>> train = EmbeddedSequence('a', frames, phase=phase, split='train')
        >>> val = EmbeddedSequence('b', frames + 1, phase=phase, split='val')
        >>> collection = SequenceCollection.from_sequences([train, val])
        >>> PhaseProgress().compute_collection(collection).values
        {'r2': 0.81}
    """

    default_prefix = 'phase_progress'
    needs_train = True
    side_by_side = True
    needs_phases = True

    def score_activity(self, train, val):
        """See the base class."""
        return {
            'r2': functional.phase_progress_r2(
                train.embeddings, train.phases, val.embeddings, val.phases
            )
        }


@METRICS.register_module()
class KendallsTau(ActivityMetric):
    """Kendall's tau of nearest neighbors over pairs of sequences.

    Values: ``tau`` and ``nan_fraction``, the share of pairs whose tau is
    undefined, as in a collapsed embedding. See
    :func:`~masa.evaluation.functional.kendalls_tau`.

    Args:
        stride (int): Step between the frames used; 2 is usual for Penn
            Action.
        nan (str): Treatment of undefined pairs, 'zero' or 'drop'.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import KendallsTau
        >>> frames, phase = np.arange(8)[:, None], np.arange(8) // 4
        >>> a = EmbeddedSequence('a', frames, phase=phase)
        >>> b = EmbeddedSequence('b', frames + 1, phase=phase)
        >>> pair = SequenceCollection.from_sequences([a, b])
        >>> KendallsTau().compute_collection(pair).values
        {'tau': 0.982, 'nan_fraction': 0.0}
    """

    default_prefix = 'kendalls_tau'
    needs_pairs = True

    def __init__(self, stride: int = 1, nan: str = 'zero', **kwargs):
        super().__init__(**kwargs)
        self.stride = stride
        self.nan = nan

    def score_activity(self, train, val):
        """See the base class."""
        result = functional.kendalls_tau(val.embeddings, self.stride, self.nan)
        return {'tau': result.tau, 'nan_fraction': result.nan_fraction}

    def score(self, train, val, notes):
        """Warn of a collapse, see the base class."""
        result = super().score(train, val, notes)
        share = result.values.get('nan_fraction', 0)
        if share > 0:
            result.warnings.append(
                f'{self.prefix}: tau is undefined for {share:.1%} of the '
                'pairs, because all frames of a sequence have one nearest '
                'neighbor: the embedding has collapsed, wholly or in part'
            )
        return result


@METRICS.register_module()
class FrameRetrieval(ActivityMetric):
    """Share of a frame's nearest neighbors that are in its phase.

    Values: ``ap@<k>``. The candidates are the activity's other sequences.
    See :func:`~masa.evaluation.functional.frame_retrieval_ap`.

    Args:
        k (Sequence[int]): Numbers of neighbors.
        stride (int): Step between the query frames.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import FrameRetrieval
        >>> frames, phase = np.arange(8)[:, None], np.arange(8) // 4
        >>> a = EmbeddedSequence('a', frames, phase=phase)
        >>> b = EmbeddedSequence('b', frames + 1, phase=phase)
        >>> pair = SequenceCollection.from_sequences([a, b])
        >>> FrameRetrieval(k=[1, 3]).compute_collection(pair).values
        {'ap@1': 0.875, 'ap@3': 0.875}
    """

    default_prefix = 'frame_retrieval'
    needs_phases = True
    needs_pairs = True

    def __init__(
        self, k: Sequence[int] = (5, 10, 15), stride: int = 1, **kwargs
    ):
        super().__init__(**kwargs)
        self.k = k
        self.stride = stride

    def score_activity(self, train, val):
        """See the base class."""
        precision = functional.frame_retrieval_ap(
            val.embeddings, val.phases, self.k, self.stride
        )
        return {
            f'ap@{k}': float(value)
            for k, value in zip(self.k, precision, strict=True)
        }


@METRICS.register_module()
class KeyEventTransfer(ActivityMetric):
    """Deviation of key events transferred to another sequence.

    Values: ``median_error``, a share of the length, and
    ``within_<percent>%``, by the nearest frame; and both by dynamic time
    warping, after ``dtw_``. See
    :func:`~masa.evaluation.functional.key_event_transfer_error`.

    Args:
        tolerance (float): Largest deviation that counts as a success.
        **kwargs (Any): Arguments of :class:`SequenceMetric`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import KeyEventTransfer
        >>> frames, phase = np.arange(8)[:, None], np.arange(8) // 4
        >>> a = EmbeddedSequence('a', frames, phase=phase)
        >>> b = EmbeddedSequence('b', frames + 1, phase=phase)
        >>> pair = SequenceCollection.from_sequences([a, b])
        >>> KeyEventTransfer().compute_collection(pair).values
        {'median_error': 0.125, 'within_5%': 0.0, 'dtw_median_error': 0.125,
        'dtw_within_5%': 0.0}
    """

    default_prefix = 'key_event_transfer'
    needs_phases = True
    needs_pairs = True

    def __init__(self, tolerance: float = 0.05, **kwargs):
        super().__init__(**kwargs)
        self.tolerance = tolerance

    def score_activity(self, train, val):
        """See the base class."""
        values = {}
        for prefix, method in (('', 'nearest'), ('dtw_', 'dtw')):
            result = functional.key_event_transfer_error(
                val.embeddings, val.phases, self.tolerance, method
            )
            values[f'{prefix}median_error'] = result.median
            within = f'{prefix}within_{100 * self.tolerance:g}%'
            values[within] = result.within
        return values


@METRICS.register_module()
class AlignmentError(ActivityMetric):
    """Distance in ground-truth time between matched frames.

    Values: ``mean_frames`` and ``median_frames``, for data whose canonical
    time is known. See :func:`~masa.evaluation.functional.alignment_error`.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence, SequenceCollection
        >>> from masa.evaluation.metrics import AlignmentError
        >>> time = np.arange(8)
        >>> a = EmbeddedSequence('a', time[:, None], canonical_time=time)
        >>> b = EmbeddedSequence('b', time[:, None] + 1, canonical_time=time)
        >>> pair = SequenceCollection.from_sequences([a, b])
        >>> AlignmentError().compute_collection(pair).values
        {'mean_frames': 0.875, 'median_frames': 1.0}
    """

    default_prefix = 'alignment_error'
    needs_times = True
    needs_pairs = True

    def score_activity(self, train, val):
        """See the base class."""
        result = functional.alignment_error(
            val.embeddings, val.canonical_times
        )
        return {'mean_frames': result.mean, 'median_frames': result.median}
