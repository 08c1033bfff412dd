import logging
from collections.abc import Sequence

from mmengine.dist import (
    broadcast_object_list,
    collect_results,
    is_main_process,
)
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log

from ..embeddings import SequenceCollection
from ..registry import EVALUATOR
from .baselines import (
    BASELINES,
    baseline_embeddings,
    needs_inputs,
    why_left_out,
)
from .collapse import without_rounding
from .gather import embedded_sequences
from .metrics import SequenceMetric

MODEL = 'model'


@EVALUATOR.register_module()
class SequenceEvaluator(Evaluator):
    """Computes all metrics of a model and of training-free baselines.

    The embeddings are gathered once, whatever the number of metrics and
    processes. Every baseline is evaluated by the same metrics, under keys
    such as ``clock/kendalls_tau/tau``.

    After :meth:`evaluate`, ``report`` is a plain dict on all processes
    (``columns``: metric keys; ``rows``: values by method, 'model' first;
    ``per_activity``: values by activity and method; ``notes``: what was
    left out and why; ``warnings``; ``num_sequences`` by split), and
    ``collection`` the :class:`SequenceCollection` on the main process.

    Args:
        metrics (dict or SequenceMetric or Sequence): The metrics.
        baselines (Sequence[str]): Any of 'raw', 'window', 'clock',
            'position', 'raw+clock', 'window+clock' and 'raw+model', see
            :func:`baseline_embeddings`. Windows of more than 256 values a
            frame are left out, with a note.
        collect_device (str): 'cpu' or 'gpu'.
        collect_dir (str, optional): Shared folder for gathering on the CPU.
        controls (Sequence[str], optional): Former name of ``baselines``,
            which it replaces where it is given.

    Raises:
        TypeError: If a metric is no :class:`SequenceMetric`.
        ValueError: If there is no such baseline.

    Example:
        >>> import numpy as np
        >>> from masa.apis import EmbeddedSequence
        >>> from masa.evaluation import SequenceCollection, SequenceEvaluator
        >>> from masa.evaluation.metrics import KendallsTau
        >>> rng = np.random.default_rng(0)
        >>> sequences = SequenceCollection.from_sequences(
        ...     EmbeddedSequence(name, rng.normal(size=(9, 4)))
        ...     for name in ('a', 'b', 'c')
        ... )
        >>> evaluator = SequenceEvaluator(KendallsTau(), baselines=['clock'])
        >>> rows = evaluator.compute_report(sequences)['rows']
        >>> rows['model']['kendalls_tau/tau'] < 0.5
        True
        >>> rows['clock']['kendalls_tau/tau']
        1.0
    """

    def __init__(
        self,
        metrics: dict | SequenceMetric | Sequence,
        baselines: Sequence[str] = (),
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
        controls: Sequence[str] | None = None,
    ):
        super().__init__(metrics)
        for metric in self.metrics:
            if not isinstance(metric, SequenceMetric):
                raise TypeError(
                    'SequenceEvaluator is expected to be given sequence '
                    f'metrics, but got {type(metric).__name__}; give it to '
                    "MMEngine's Evaluator instead"
                )
        if controls is not None:
            baselines = controls
        unknown = sorted(set(baselines) - BASELINES.keys())
        if unknown:
            raise ValueError(
                f'baselines are expected to be among {sorted(BASELINES)}, '
                f'but got {unknown}'
            )
        self.baselines = tuple(baselines)
        self.collect_device = collect_device
        self.collect_dir = collect_dir
        self.report: dict | None = None
        self.collection: SequenceCollection | None = None
        self._sequences = []

    def process(
        self, data_samples: Sequence, data_batch: dict | None = None
    ) -> None:
        """Keep the embeddings of a batch, and inputs that baselines need.

        Args:
            data_samples (Sequence): Predictions, data samples or dicts.
            data_batch (dict, optional): What they were predicted from.
        """
        samples = [
            sample if isinstance(sample, dict) else sample.to_dict()
            for sample in data_samples
        ]
        with_inputs = any(map(needs_inputs, self.baselines))
        self._sequences.extend(
            embedded_sequences(samples, data_batch, with_inputs)
        )

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather the embeddings and compute all metrics.

        Args:
            size (int): Number of sequences of the dataset; those that the
                sampler added are dropped.

        Returns:
            dict[str, float]: Values of the model by the keys of the metrics,
            and those of each baseline with its name before the key.
        """
        options = {}
        if self.collect_device == 'cpu':
            options['tmpdir'] = self.collect_dir
        sequences = collect_results(
            self._sequences, size, self.collect_device, **options
        )
        self._sequences = []
        report = [None]
        if is_main_process():
            self.collection = SequenceCollection.from_sequences(sequences)
            report = [self.compute_report(self.collection)]
        broadcast_object_list(report)
        self.report = report[0]
        for note in self.report['notes']:
            print_log(note, logger='current')
        for warning in self.report['warnings']:
            print_log(warning, logger='current', level=logging.WARNING)
        return {
            column if method == MODEL else f'{method}/{column}': value
            for method, row in self.report['rows'].items()
            for column, value in row.items()
        }

    def compute_report(self, collection: SequenceCollection) -> dict:
        """Compute all metrics of a collection and of the baselines.

        Args:
            collection (SequenceCollection): Sequences of all splits.

        Returns:
            dict: The report, see the class.

        Raises:
            ValueError: If two metrics have the same key.
        """
        report = dict(
            columns=[],
            rows={},
            per_activity={},
            notes=[],
            warnings=[],
            num_sequences={
                split: collection.splits.count(split)
                for split in dict.fromkeys(collection.splits)
            },
        )
        self._add_row(report, MODEL, collection)
        for name in self.baselines:
            reason = why_left_out(collection, name)
            if reason:
                report['notes'].append(f'{name}: left out, {reason}')
                continue
            self._add_row(report, name, baseline_embeddings(collection, name))
        return report

    def _add_row(self, report, method, collection):
        row = report['rows'][method] = {}
        collection, warnings = without_rounding(collection)
        if method == MODEL:
            report['warnings'] += warnings
        for metric in self.metrics:
            result = metric.compute_collection(collection)
            for key, value in result.values.items():
                column = f'{metric.prefix}/{key}'
                if column in row:
                    raise ValueError(
                        f'two metrics have the key {column!r}: give one of '
                        'them another prefix'
                    )
                row[column] = value
                if column not in report['columns']:
                    report['columns'].append(column)
            for activity, values in result.per_activity.items():
                figures = report['per_activity'].setdefault(activity, {})
                figures.setdefault(method, {}).update(
                    {f'{metric.prefix}/{k}': v for k, v in values.items()}
                )
            # Notes on the baselines would be the same, and some baselines
            # collapse by their nature.
            if method == MODEL:
                report['notes'] += result.notes
                report['warnings'] += result.warnings
