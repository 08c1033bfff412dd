from collections.abc import Sequence

from ...registry import METRICS
from .. import functional
from .base import ActivityMetric


@METRICS.register_module()
class PhaseClassification(ActivityMetric):
    """Accuracy of a linear classifier of phases, from single frames.

    Figures: ``accuracy_<percent>`` for every fraction. See
    :func:`~masa.evaluation.functional.phase_classification_accuracy`.

    Args:
        fractions (Sequence[float]): Shares of the training sequences.
        estimator (str): 'logistic' or 'svc'.
        **kwargs: Those of :class:`SequenceMetric`.
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

    Figure: ``r2``. See
    :func:`~masa.evaluation.functional.phase_progress_r2`.
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
    """Kendall's tau of nearest neighbours over pairs of sequences.

    Figures: ``tau`` and ``nan_fraction``, the share of pairs that have no
    tau, as they come from a collapsed embedding. See
    :func:`~masa.evaluation.functional.kendalls_tau`.

    Args:
        stride (int): Every how many frames one is taken; 2 is usual for Penn
            Action.
        nan (str): What an undefined pair counts, 'zero' or 'drop'.
        **kwargs: Those of :class:`SequenceMetric`.
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
                'neighbour: the embedding has collapsed, wholly or in part'
            )
        return result


@METRICS.register_module()
class FrameRetrieval(ActivityMetric):
    """Share of a frame's nearest neighbours that are in its phase.

    Figures: ``ap@<k>``; candidates are the activity's other sequences. See
    :func:`~masa.evaluation.functional.frame_retrieval_ap`.

    Args:
        k (Sequence[int]): Numbers of neighbours.
        stride (int): Every how many frames one is a query.
        **kwargs: Those of :class:`SequenceMetric`.
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
    """Error of key events that alignment carries to another sequence.

    Figures: ``median_error``, a share of the length, and
    ``within_<percent>%``. See
    :func:`~masa.evaluation.functional.key_event_transfer_error`.

    Args:
        tolerance (float): What counts as carried over well.
        **kwargs: Those of :class:`SequenceMetric`.
    """

    default_prefix = 'key_event_transfer'
    needs_phases = True
    needs_pairs = True

    def __init__(self, tolerance: float = 0.05, **kwargs):
        super().__init__(**kwargs)
        self.tolerance = tolerance

    def score_activity(self, train, val):
        """See the base class."""
        result = functional.key_event_transfer_error(
            val.embeddings, val.phases, self.tolerance
        )
        return {
            'median_error': result.median,
            f'within_{100 * self.tolerance:g}%': result.within,
        }


@METRICS.register_module()
class AlignmentError(ActivityMetric):
    """Distance in true time between matched frames.

    Figures: ``mean_frames`` and ``median_frames``, for data whose canonical
    time is known. See :func:`~masa.evaluation.functional.alignment_error`.
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
