from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from mmengine.dataset import BaseDataset

from ...registry import DATASETS
from ...support.argument_checks import check_one_or_more, check_range
from ..keyed_random import KeyedRandom
from ..skeletons import PENN_ACTION
from .activity import RandomActivity, draw_activity, draw_sibling
from .performance import Performance, draw_performance


class PerformancePairs(KeyedRandom, BaseDataset):
    """Base of the datasets that draw two performances for every sample.

    The two are the views of a sample, with the ground truth of what
    corresponds to what, as ``timeline`` of each view: the place of every
    frame on the canonical timeline of the activity, (T, 2). A periodic
    activity's is a circle of the circumference 1, any other's a line of the
    length 1.

    Args:
        pipeline (list[dict | Callable]): The transforms of each performance,
            with :class:`PackSequenceInputs` at the end.
        num_samples (int): Number of samples of an epoch, 1 or more.
        max_frames (int): Number of frames of a performance at most.
        **kwargs: Of MMEngine's ``BaseDataset``.
    """

    METAINFO = dict(skeleton=PENN_ACTION)

    def __init__(
        self,
        pipeline: Sequence[dict | Callable],
        num_samples: int,
        max_frames: int,
        **kwargs,
    ):
        check_range('max_frames', max_frames, 24)
        self.num_samples = num_samples
        self.max_frames = max_frames
        super().__init__(pipeline=pipeline, serialize_data=False, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the samples, which are drawn when they are asked for."""
        return [{} for _ in range(self.num_samples)]

    @abstractmethod
    def draw(
        self, idx: int, rng: np.random.Generator
    ) -> tuple[str, list[Performance], bool]:
        """Draw a sample: its name, two performances, and if it is periodic."""

    def prepare_data(self, idx: int) -> dict:
        """Draw two performances, and run the pipeline on each."""
        # An IndexError is the end of an iteration.
        idx = self.get_data_info(idx)['sample_idx']
        rng = self.generator(idx)
        name, performances, is_periodic = self.draw(idx, rng)
        first, second = (
            self._pack(performance, name, is_periodic, rng)
            for performance in performances
        )
        first['inputs'] += second['inputs']
        return first

    def _pack(
        self,
        performance: Performance,
        name: str,
        is_periodic: bool,
        rng: np.random.Generator,
    ) -> dict:
        record = dict(
            frame_dir=name,
            total_frames=len(performance.time),
            keypoint=performance.keypoint[None],
            keypoint_score=performance.score[None],
            skeleton=PENN_ACTION,
        )
        packed = self.run_pipeline(record, rng)
        (view,) = packed['inputs']
        view['timeline'] = _timeline(performance.time, is_periodic)
        return packed


@DATASETS.register_module()
class RandomActivityDataset(PerformancePairs):
    """Draw two performances of a new random activity for every sample.

    Nothing is stored: an epoch has ``num_activities`` activities that no
    other epoch has. What is drawn depends on the seed, the epoch and the
    index of the sample alone. The ground truth of what corresponds to what
    is the ``timeline`` of each view: see :class:`PerformancePairs`.

    Args:
        pipeline (list[dict | Callable]): The transforms of each performance,
            with :class:`PackSequenceInputs` at the end.
        num_activities (int): Number of samples of an epoch, 1 or more.
            Defaults to 4096.
        max_frames (int): Number of frames of a performance at most.
            Defaults to 96.
        siblings (float): Share of the activities, in [0, 0.5], that share
            poses with the one before, which is in the same batch unless the
            sampler shuffles. Defaults to 0.3.
        **kwargs: Of MMEngine's ``BaseDataset``.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        pipeline: Sequence[dict | Callable],
        num_activities: int = 4096,
        max_frames: int = 96,
        siblings: float = 0.3,
        **kwargs,
    ):
        check_one_or_more(num_activities=num_activities)
        check_range('siblings', siblings, 0, 0.5)
        self.siblings = siblings
        super().__init__(pipeline, num_activities, max_frames, **kwargs)

    def draw(
        self, idx: int, rng: np.random.Generator
    ) -> tuple[str, list[Performance], bool]:
        """Draw two performances of an activity; see the base class."""
        activity = self._draw_activity(idx)
        performances = [
            draw_performance(activity, rng, self.max_frames) for _ in range(2)
        ]
        name = f'random activity {idx}'
        return name, performances, activity.is_periodic

    def _draw_activity(self, idx: int) -> RandomActivity:
        # Two samples in a row share what they may have in common.
        is_second = idx % 2
        rng = self.generator(self.num_samples + idx - is_second)
        activity = draw_activity(rng, self.max_frames)
        if not is_second:
            return activity
        if rng.random() < 2 * self.siblings:
            return draw_sibling(activity, rng)
        return draw_activity(rng, self.max_frames)


def _timeline(time: np.ndarray, is_periodic: bool):
    import torch

    if is_periodic:
        angle = 2 * np.pi * time
        places = np.stack([np.cos(angle), np.sin(angle)], -1) / (2 * np.pi)
    else:
        places = np.stack([time, np.zeros_like(time)], -1)
    return torch.from_numpy(places.astype(np.float32))
