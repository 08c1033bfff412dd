from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ..evaluation import SequenceEvaluator
from ..registry import HOOKS
from ..support.argument_checks import check_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@HOOKS.register_module()
class EmbeddingFiguresHook(Hook):
    """Log figures of the embeddings after every validation.

    The figures are a t-SNE map of the frames, by activity and by progress,
    and the distance matrix of two sequences with their alignment. They go to
    every visualization backend of MMEngine that accepts images.

    Args:
        splits (Sequence[str]): Splits of the sequences shown; all sequences if
            these splits are empty. Defaults to ``val`` and ``test``.
        max_frames (int): Largest number of frames in the map, 2 or more.
            Defaults to 1000.

    Raises:
        ValueError: If ``max_frames`` is below 2.
    """

    priority = 'LOW'

    def __init__(
        self,
        splits: Sequence[str] = ('val', 'test'),
        max_frames: int = 1000,
    ):
        check_range('max_frames', max_frames, 2)
        self.splits = tuple(splits)
        self.max_frames = max_frames

    def after_val_epoch(
        self, runner: Runner, metrics: dict | None = None
    ) -> None:
        """Draw and log the figures.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): Not used.
        """
        # Only drawing needs these, and registration imports this module.
        from ..alignment import align_pair
        from .projection import embedding_map, project_frames
        from .similarity import similarity_matrix

        evaluator = runner.val_loop.evaluator
        if not isinstance(evaluator, SequenceEvaluator):
            raise ValueError(
                'EmbeddingFiguresHook needs '
                'val_evaluator=dict(type="SequenceEvaluator", ...), but got '
                f'{type(evaluator).__name__}'
            )
        collection = evaluator.collection
        # Only the main process has gathered the embeddings.
        if collection is None:
            return
        shown = collection.subset(self.splits)
        if not len(shown):
            shown = collection
        seed = runner.seed or 0
        figures = dict(
            embeddings=embedding_map(
                {
                    f'epoch {runner.epoch}': project_frames(
                        shown.embeddings, self.max_frames, seed
                    )
                },
                shown.activities,
            )
        )
        group = max(shown.by_activity().values(), key=len)
        if len(group) > 1:
            first, second = group.embeddings[:2]
            figures['similarity'] = similarity_matrix(
                first,
                second,
                align_pair(first, second).path,
                names=tuple(group.names[:2]),
            )
        for name, figure in figures.items():
            # No slash: the local backend silently drops images in subfolders.
            runner.visualizer.add_image(
                f'val_{name}', as_image(figure), step=runner.epoch
            )
        print_log(
            f'figures of the embeddings: {", ".join(figures)}',
            logger='current',
        )


def as_image(figure: 'Figure') -> np.ndarray:
    """Render a figure as an image.

    Args:
        figure (Figure): The figure.

    Returns:
        np.ndarray: RGB, (H, W, 3) uint8.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
