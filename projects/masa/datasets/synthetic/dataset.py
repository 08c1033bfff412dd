from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from ...registry import DATASETS
from ..errors import AnnotationError
from ..sequence_dataset import SequenceDataset
from .activities import ACTIVITIES
from .body import SKELETON
from .sequence import SyntheticSequence, generate_sequence

# What a camera would record of the activities' tempo.
FRAME_RATE = 30.0
# Every split has performers of its own.
SPLITS = ('train', 'val', 'test')


# Validation reads the training split too: a start without this takes longer.
@lru_cache(maxsize=1024)
def _generated(
    seed: int, split: str, label: int, number: int
) -> SyntheticSequence:
    rng = np.random.default_rng([seed, SPLITS.index(split), label, number])
    activity = list(ACTIVITIES.values())[label]
    sequence = SyntheticSequence(*generate_sequence(activity, rng))
    for array in sequence:
        array.setflags(write=False)
    return sequence


def make_annotations(
    sequences_per_activity: dict[str, int], seed: int = 0
) -> dict:
    """Generate synthetic sequences in annotation format.

    Args:
        sequences_per_activity (dict[str, int]): How many by split, of
            'train', 'val' and 'test'.
        seed (int): Of all draws, not negative. A sequence depends on the
            seed, its split, activity and number alone. Defaults to 0.

    Returns:
        dict: Annotations with ``phase`` and ``canonical_time``.

    Raises:
        ValueError: If a split is unknown, or a number is below 1.

    Example:
        >>> len(make_annotations(dict(train=2))['annotations'])
        20
    """
    for split, count in sequences_per_activity.items():
        if split not in SPLITS or count < 1:
            raise ValueError(
                f'sequences_per_activity is expected to give {SPLITS} one '
                f'sequence or more, but got {sequences_per_activity}'
            )
    splits, records = {}, []
    for split, count in sequences_per_activity.items():
        splits[split] = []
        # Activities by turns, so that the first share of a split, which
        # label fractions take, has some of each.
        for number in range(count):
            for label, activity in enumerate(ACTIVITIES.values()):
                keypoint, time, phase = map(
                    np.copy, _generated(seed, split, label, number)
                )
                name = f'{split}/{activity.name}_{number:03d}'
                splits[split].append(name)
                keypoint = keypoint[None]
                records.append(
                    dict(
                        frame_dir=name,
                        total_frames=keypoint.shape[1],
                        frame_rate=FRAME_RATE,
                        label=label,
                        keypoint=keypoint,
                        keypoint_score=np.ones(
                            keypoint.shape[:3], dtype=np.float32
                        ),
                        phase=phase,
                        canonical_time=time,
                    )
                )
    return dict(
        split=splits,
        annotations=records,
        activities=list(ACTIVITIES),
        phases={
            name: ['start', *activity.events]
            for name, activity in ACTIVITIES.items()
        },
        skeleton=SKELETON,
    )


@DATASETS.register_module()
class SyntheticSequenceDataset(SequenceDataset):
    """Generate the built-in data: ten activities of a body of 25 joints.

    Performers differ in limb lengths, style, handedness, view, tempo, pauses
    and noise (docs/synthetic_data.md). Phases and the true canonical time of
    every frame are known, so that alignment errors can be told in frames.

    Args:
        pipeline (list[dict | Callable]): The transforms.
        split (str | Sequence[str]): 'train', 'val' or 'test', or several.
        sequences_per_activity (dict[str, int]): How many by split. Defaults
            to 24 for training and 10 for the others.
        data_seed (int): Of the data, which is another than the run's.
            Defaults to 0.
        **kwargs (Any): Of :class:`SequenceDataset`.
    """

    def __init__(
        self,
        pipeline: list[dict | Callable],
        split: str | Sequence[str],
        sequences_per_activity: dict[str, int] = dict(  # noqa: B006
            train=24, val=10, test=10
        ),
        data_seed: int = 0,
        **kwargs,
    ):
        self.sequences_per_activity = dict(sequences_per_activity)
        self.data_seed = data_seed
        super().__init__('', pipeline=pipeline, split=split, **kwargs)

    @property
    def source(self) -> str:
        """str: Where the sequences come from, for messages."""
        return 'the synthetic data'

    def read_annotations(self) -> dict:
        """Generate the sequences of the splits that are asked for."""
        wanted = [self.split] if isinstance(self.split, str) else self.split
        known = self.sequences_per_activity
        missing = [split for split in wanted if split not in known]
        if missing:
            raise AnnotationError(
                f'{self.source} has no split {missing}; it has {list(known)}'
            )
        return make_annotations(
            {
                split: count
                for split, count in self.sequences_per_activity.items()
                if split in wanted
            },
            self.data_seed,
        )
