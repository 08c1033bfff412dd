import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...registry import HOOKS
from ...support.argument_checks import check_range

LOGGED = 'train/embedding_std'


@HOOKS.register_module()
class CollapseMonitorHook(Hook):
    """Warn after each epoch with collapsed embeddings.

    Every head logs ``embedding_std``, which is near 1 if the embeddings spread
    in all directions and 0 if all are equal
    (:func:`~masa.models.heads.alignment_head.embedding_std`).

    Args:
        threshold (float): Mean over an epoch below which it warns, in (0, 1).
            Defaults to 0.1, half of the lowest mean over an epoch without
            collapse of any method (docs/lab_notes/reliability_numbers.md).

    Raises:
        ValueError: If ``threshold`` is outside (0, 1).
    """

    def __init__(self, threshold: float = 0.1):
        check_range(
            'threshold', threshold, 0, 1, open_low=True, open_high=True
        )
        self.threshold = threshold

    def before_train_epoch(self, runner: Runner) -> None:
        """Store the first iteration of the epoch."""
        self._start = runner.iter

    def after_train_epoch(self, runner: Runner) -> None:
        """Compare the mean over the epoch with the threshold."""
        iterations = runner.iter - self._start
        scalars = runner.message_hub.log_scalars
        if not iterations or LOGGED not in scalars:
            return
        spread = scalars[LOGGED].mean(iterations)
        # Warn for NaN as well.
        if spread >= self.threshold:
            return
        print_log(
            f'epoch {runner.epoch + 1}: embedding_std is {spread:.4f}, '
            f'expected {self.threshold:g} at least: the embeddings of '
            'different frames have become nearly the same, and nothing later '
            'in a run brings them back. Stop it, and see docs/training.md, '
            '"Reading the log"',
            logger='current',
            level=logging.WARNING,
        )
