from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...registry import DATASETS
from ...support.argument_checks import (
    check_choice,
    check_one_or_more,
    check_range,
)
from ..problem import Problem
from ..records import read_records, refuse
from ..skeletons import PENN_ACTION, UP_AXES
from ..times import frame_times
from ..transforms.body_joints import SelectBodyJoints, turn_y_up
from ..transforms.body_shape import BoneLengthNoise, ShearSkeleton
from ..transforms.select_person import SelectPerson
from ..transforms.skeleton import NormalizeSkeleton
from ..transforms.skeleton_noise import JointAngleNoise
from .body import BONES
from .dataset import PerformancePairs
from .performance import MIRROR, Camera, Performance, draw_timing, film

# Frames of a performance per second of the recording, about.
FRAME_RATE = 30.0
# Frames of a recording in which another of its activity is looked for, and
# the standard deviation by which the correspondence is smoothed.
STEPS, SMOOTHING = 100, 2.0
# What makes another body of that of the recording.
ANOTHER_BODY = (
    BoneLengthNoise(prob=1.0, std=0.1),
    JointAngleNoise(prob=1.0, std=10.0),
    ShearSkeleton(prob=1.0, std=0.05),
)


class Motion(NamedTuple):
    """A recording of a body that faces +z on average.

    Attributes:
        name (str): Of the sequence.
        subject (str | int, optional): Who moves.
        times (np.ndarray): Time of every frame, (T,), seconds from 0.
        joints (np.ndarray): (T, 13, 3) float32, y up, in meters; the middle
            of the hips is the origin.
        score (np.ndarray): 0 for a joint that is missing, (T, 13).
    """

    name: str
    subject: str | int | None
    times: np.ndarray
    joints: np.ndarray
    score: np.ndarray

    @property
    def seconds(self) -> float:
        """float: Duration."""
        return float(self.times[-1])

    def sample(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interpolate the joints between frames.

        Args:
            times (np.ndarray): Seconds, (N,).

        Returns:
            tuple[np.ndarray, np.ndarray]: Joints, (N, 13, 3), and scores,
            the lower of two frames', (N, 13).
        """
        places = np.interp(times, self.times, np.arange(len(self.times)))
        left = places.astype(np.int64).clip(max=len(self.times) - 2)
        share = (places - left)[:, None, None]
        joints = self.joints[left] * (1 - share)
        joints += self.joints[left + 1] * share
        return joints, np.minimum(self.score[left], self.score[left + 1])

    def mirror(self) -> 'Motion':
        """Exchange left and right.

        Returns:
            Motion: The mirror image.
        """
        return self._replace(
            joints=self.joints[:, MIRROR] * np.float32([-1, 1, 1]),
            score=self.score[:, MIRROR],
        )


class Clip(NamedTuple):
    """A part of a recording.

    Attributes:
        motion (Motion): The recording.
        start (float): Where it begins, in seconds.
        seconds (float): Duration.
        time (np.ndarray): Canonical times of moments at equal distances, the
            first and last ones included, (N,).
    """

    motion: Motion
    start: float
    seconds: float
    time: np.ndarray = np.array([0.0, 1.0])


@DATASETS.register_module()
class RecordedMotionDataset(PerformancePairs):
    """Draw two performances of recorded motion in 3D for every sample.

    Where recordings of an activity by several subjects are known, the two
    are of different subjects, and the ground truth is found by dynamic time
    warping of their joints in 3D (:func:`match_motion`). A recording with a
    subject is therefore expected to show the activity once, from beginning to
    end. Otherwise both are of one clip of a recording.

    As those of random activities, performances differ in body (bones of other
    lengths, limbs turned by a few degrees, a slight shear), tempo, pauses, cut
    ends, camera and errors of pose detectors; some samples run backwards.
    The ground truth is the ``timeline`` of each view: see
    :class:`PerformancePairs`. What is drawn depends on the seed, the epoch
    and the index of the sample alone.

    All activities of the file, and recordings of unknown activity, are drawn
    equally often, in an order of the epoch: as many samples in a row as there
    are activities are of different ones.

    Args:
        ann_file (str): Annotation file of 3D joints of any layout that
            :class:`SelectBodyJoints` maps, with ``frame_rate`` or
            ``timestamps`` and, optionally, ``label`` and ``subject``.
        pipeline (list[dict | Callable]): The transforms of each performance,
            with :class:`PackSequenceInputs` at the end.
        up_axis (str, optional): Which way is up in the file: ``'y'``,
            ``'-y'`` (as in images and cameras) or ``'z'``. Defaults to None,
            what its skeleton says.
        split (str | Sequence[str], optional): Names of splits. Defaults to
            None, all recordings.
        num_samples (int): Number of samples of an epoch, 1 or more. Defaults
            to 4096.
        max_frames (int): Number of frames of a performance at most. Defaults
            to 96.
        seconds (tuple[float, float]): Range of the duration of clips, above
            0. Shorter recordings are taken as a whole. Defaults to (1, 5).
        backwards (float): Share of the samples that run backwards, in
            [0, 1]. Defaults to 0.3.
        **kwargs: Of MMEngine's ``BaseDataset``.

    Raises:
        AnnotationError: If the file has problems, or a recording is not of
            a body in 3D, of one frame, or lacks its times.
        FileNotFoundError: If there is no such file.
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict | Callable],
        up_axis: str | None = None,
        split: str | Sequence[str] | None = None,
        num_samples: int = 4096,
        max_frames: int = 96,
        seconds: tuple[float, float] = (1.0, 5.0),
        backwards: float = 0.3,
        **kwargs,
    ):
        check_choice('up_axis', up_axis, (None, *UP_AXES))
        check_one_or_more(num_samples=num_samples)
        low, high = seconds
        check_range('seconds[0]', low, 0, open_low=True)
        check_range('seconds[1]', high, low)
        check_range('backwards', backwards, 0, 1)
        self.up_axis = up_axis
        self.split = split
        self.seconds = low, high
        self.backwards = backwards
        self._groups: list[list[Motion]] = []
        super().__init__(
            pipeline, num_samples, max_frames, ann_file=ann_file, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Read the recordings, and list the samples."""
        problems: list[Problem] = []
        groups: dict[int | str, list[Motion]] = {}
        for record in read_records(self.ann_file, split=self.split):
            name, label = record['frame_dir'], record['label']
            lacking = list(_find_problems(record, self.up_axis))
            problems += lacking
            if lacking:
                continue
            try:
                motion = read_motion(record, self.up_axis)
            except (KeyError, ValueError) as error:
                expected = 'a body whose joints are named'
                problems.append(
                    Problem(name, 'keypoint', expected, error.args[0])
                )
                continue
            groups.setdefault(name if label < 0 else label, []).append(motion)
        refuse(self.ann_file, problems, note='')
        self._groups = list(groups.values())
        return super().load_data_list()

    def draw(
        self, idx: int, rng: np.random.Generator
    ) -> tuple[str, list[Performance], bool]:
        """Draw two performances of a motion; see the base class."""
        order = self.generator(self.num_samples).permutation(len(self._groups))
        clips = self._draw_clips(self._groups[order[idx % len(order)]], rng)
        camera = Camera(
            yaw=rng.uniform(-180, 180),
            pitch=rng.normal(8, 10),
            is_shared=rng.random() < 0.6,
        )
        is_backward = rng.random() < self.backwards
        performances = [
            perform(clip, is_backward, camera, rng, self.max_frames)
            for clip in clips
        ]
        names = dict.fromkeys(clip.motion.name for clip in clips)
        return ' and '.join(names), performances, False

    def _draw_clips(
        self, motions: list[Motion], rng: np.random.Generator
    ) -> list[Clip]:
        """Draw corresponding clips of two recordings, or one clip twice."""
        motion = motions[rng.integers(len(motions))]
        others = [
            other
            for other in motions
            if None not in (motion.subject, other.subject)
            and motion.subject != other.subject
        ]
        if others:
            other = others[rng.integers(len(others))]
            return [
                Clip(motion, 0, motion.seconds),
                match_motion(other, motion),
            ]
        seconds = np.exp(rng.uniform(*np.log(self.seconds)))
        seconds = min(seconds, motion.seconds)
        start = rng.uniform(0, motion.seconds - seconds)
        return [Clip(motion, start, seconds)] * 2


def _find_problems(record: dict, up_axis: str | None) -> Iterator[Problem]:
    """Yield what a record lacks to be seen by virtual cameras."""
    name = record['frame_dir']
    axes = record['keypoint'].shape[-1] if 'keypoint' in record else 'no'
    if axes != 3:
        expected = 'joints in 3D, which virtual cameras see'
        yield Problem(name, 'keypoint', expected, f'{axes} coordinates')
    if record['total_frames'] < 2:
        yield Problem(name, 'total_frames', 'a motion, of 2 or more', '1')
    if frame_times(record) is None:
        expected = 'frames per second, or timestamps, to cut clips by'
        yield Problem(name, 'frame_rate', expected, 'neither')
    skeleton = record['skeleton'] or {}
    if up_axis is None and not skeleton.get('up_axis'):
        expected = f"one of {UP_AXES}, or the dataset's up_axis"
        yield Problem(name, 'skeleton.up_axis', expected, 'nothing')


def read_motion(record: dict, up_axis: str | None = None) -> Motion:
    """Normalize a recording for layout, place, direction and size.

    Args:
        record (dict): A complete record of two frames or more in 3D, with
            its ``skeleton`` and times.
        up_axis (str, optional): Which way is up. Defaults to None, what the
            skeleton says.

    Returns:
        Motion: The recording.

    Raises:
        KeyError: If the joints have no names.
        ValueError: If it is not of a body that has a direction and a size.
    """
    times = frame_times(record)
    results = SelectBodyJoints()(SelectPerson()(dict(record)))
    up_axis = up_axis or results['skeleton']['up_axis']
    results['keypoint'] = turn_y_up(results['keypoint'], up_axis)
    normalize = NormalizeSkeleton(rotation='sequence', up_axis='y')
    joints = normalize(results)['keypoint'][0]
    return Motion(
        name=record['frame_dir'],
        subject=record.get('subject'),
        times=times - times[0],
        joints=BONES['spine'] * joints,
        score=(results['keypoint_score'][0] > 0).astype(np.float32),
    )


def match_motion(motion: Motion, reference: Motion) -> Clip:
    """Find what corresponds in two performances of an activity.

    Both are resampled to ``STEPS`` frames and aligned by dynamic time warping
    of their joints, also with the first one mirrored, as by somebody who uses
    the other hand or leg: what is closer counts. The mean of the frames that
    a frame is matched with is smoothed along the sequence, so that time does
    not stand still where the path has steps.

    Args:
        motion (Motion): A performance.
        reference (Motion): Another, whose duration is the canonical timeline.

    Returns:
        Clip: The first one or its mirror image, with the canonical times of
        ``STEPS`` moments; they never decrease.
    """
    # Training without recorded motion does not need it.
    from ...alignment.warping import warping_path

    expected = _resample(reference)
    found = []
    for one in (motion, motion.mirror()):
        frames = _resample(one)
        own, matched = warping_path(frames, expected).T
        cost = np.square(frames[own] - expected[matched]).sum()
        found.append((cost, one, own, matched))
    _, one, own, matched = min(found, key=lambda match: match[0])
    mean = np.bincount(own, matched) / np.bincount(own)
    time = gaussian_filter1d(mean / (STEPS - 1), SMOOTHING, mode='nearest')
    return Clip(one, 0, one.seconds, time)


def _resample(motion: Motion) -> np.ndarray:
    joints, _ = motion.sample(np.linspace(0, motion.seconds, STEPS))
    return joints.reshape(STEPS, -1)


def perform(
    clip: Clip,
    is_backward: bool,
    camera: Camera,
    rng: np.random.Generator,
    max_frames: int,
) -> Performance:
    """Draw a performance of a clip by another person.

    Args:
        clip (Clip): What is performed.
        is_backward (bool): Whether it runs backwards.
        camera (Camera): About where it is filmed from.
        rng (np.random.Generator): Of all draws.
        max_frames (int): Number of frames at most.

    Returns:
        Performance: The joints in the picture.
    """
    time = draw_timing(FRAME_RATE * clip.seconds, False, rng, max_frames)
    place = 1 - time if is_backward else time
    joints, score = clip.motion.sample(clip.start + place * clip.seconds)
    time = np.interp(place, np.linspace(0, 1, len(clip.time)), clip.time)
    results = dict(keypoint=joints[None], skeleton=PENN_ACTION, rng=rng)
    for change in ANOTHER_BODY:
        results = change(results)
    return film(
        results['keypoint'][0],
        score,
        1 - time if is_backward else time,
        camera,
        rng,
    )
