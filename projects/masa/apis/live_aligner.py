from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ..alignment.follow import SPEEDS, Follower
from ..alignment.pair import mean_distance
from ..datasets.people import find_joints
from ..embeddings import EmbeddedSequence
from ..embeddings.checks import check_sequences
from ..support.argument_checks import check_range

if TYPE_CHECKING:
    from .embedding_inferencer import EmbeddingInferencer

# Seconds of a window, and the moments that it is sampled at.
WINDOW, MOMENTS = 0.6, 16
# Seconds between two moments of the reference, and most moments.
STEP, MOST_MOMENTS = 0.08, 256
# Frames of a window that are kept at most, however fast they come.
MOST_FRAMES = 128
# By the usual distance of unlike moments: the cost of something else, and of
# nobody; and a cost that counts within a second.
ELSEWHERE, NOBODY, SHARPNESS = 0.45, 0.9, 0.005
# Shares of the reference's length: the end, and the middle, through which
# the way to the end leads.
END, MIDDLE = 0.9, (0.25, 0.75)
# Windows that are embedded at once.
BATCH = 64


class LiveState(NamedTuple):
    """Where a running recording is in the reference.

    Attributes:
        time (float): Time of the last frame, in seconds.
        reference_time (float): The matching moment of the reference, in its
            own seconds.
        reference_frame (int): The nearest frame of the reference.
        confidence (float): Probability, in [0, 1], that the performer does
            what is in the reference, and is within 5% of its length of that
            moment.
        elsewhere (float): Probability, in [0, 1], of a movement that is not
            in the reference, or of nobody.
        score (float): Likeness so far, in [0, 1]: 1 for equal embeddings, 0
            for those that are as far apart as unlike moments. The mean over
            time, weighted by the confidence; NaN while that is 0.
        laps (int): How often the reference was followed to its end.
    """

    time: float
    reference_time: float
    reference_frame: int
    confidence: float
    elsewhere: float
    score: float
    laps: int


class LiveAligner:
    """Follow a running recording along a reference.

    Frames are pushed one by one with their times, at any rate, which need
    not be regular. If the reference is a sequence of joints, so are they:
    ``rate`` times a second the last 0.6 seconds are embedded on their own,
    and the newest frame is compared with those of windows of the reference,
    performed at several speeds or just stopping or starting. If it is an
    array of embeddings, of any model, frames are embeddings. What each
    moment of the reference costs goes to a
    :class:`~masa.alignment.Follower`. The time and the memory that a frame
    takes do not grow.

    Args:
        reference (EmbeddedSequence | np.ndarray): A sequence of joints with
            time stamps, of ``model.embed``; or embeddings, (T, D).
        model (EmbeddingInferencer, optional): Embeds the windows. Defaults
            to the pretrained model.
        timestamps (np.ndarray, optional): Time of every frame of an array in
            seconds, strictly increasing, (T,).
        rate (float): How many windows are embedded in a second, above 0.
            Defaults to 10.
        usual_distance (float, optional): Squared distance of embeddings that
            is usual for unlike moments. Defaults to 1 for embeddings of the
            norm 1, half that of orthogonal ones; else to the mean over all
            pairs of moments of the reference.
        skeleton (dict, optional): Layout of the joints of frames, for a model
            that takes any body. Defaults to that of the reference.

    Raises:
        ValueError: If the reference has no joints of one person, or no
            times; or nothing tells ``usual_distance``.

    Example:
        >>> import numpy as np
        >>> from masa.apis import LiveAligner
        >>> embeddings, times = np.arange(10.0)[:, None], np.arange(10) / 10
        >>> live = LiveAligner(embeddings, timestamps=times)
        >>> for frame in range(7):
        ...     state = live.push(embeddings[frame], time=100 + frame / 10)
        >>> state.reference_frame
        6
    """

    def __init__(
        self,
        reference: EmbeddedSequence | np.ndarray,
        model: 'EmbeddingInferencer | None' = None,
        timestamps: np.ndarray | None = None,
        rate: float = 10.0,
        usual_distance: float | None = None,
        skeleton: dict | None = None,
    ):
        check_range('rate', rate, 0, open_low=True)
        self.rate = rate
        if isinstance(reference, EmbeddedSequence):
            if model is None:
                from .pretrained import load

                model = load()
            self._source = _Windows(reference, model, skeleton)
            self.timestamps = reference.timestamps
        else:
            self._source = _Embeddings(reference, timestamps)
            self.timestamps = self._source.times
        if usual_distance is None:
            usual_distance = self._source.usual_distance()
            if not usual_distance:
                raise ValueError(
                    'the moments of the reference have one embedding, which '
                    'does not say what is unlike it: give usual_distance, a '
                    'squared distance'
                )
        check_range('usual_distance', usual_distance, 0, open_low=True)
        self.usual_distance = usual_distance
        self._follower = Follower(
            self._source.times,
            ELSEWHERE * usual_distance,
            SHARPNESS * usual_distance,
        )
        self.reset()

    def reset(self) -> None:
        """Begin a new recording."""
        self._follower.reset()
        self._source.reset()
        self._last = self._seen = None
        self._likeness = self._weight = 0.0
        self._laps, self._passed_middle = 0, False

    def push(
        self,
        frame: np.ndarray | None,
        time: float,
        score: np.ndarray | None = None,
    ) -> LiveState:
        """Take the next frame.

        Args:
            frame (np.ndarray, optional): Joints, (V, C), in the layout of
                the reference, NaN where one is missing; or an embedding,
                (D,). None, or all NaN or 0, if nobody is seen.
            time (float): Its time in seconds, later than that of the last.
            score (np.ndarray, optional): Confidence of the joints, (V,), 0
                where one is missing.

        Returns:
            LiveState: Where the recording is. Between two windows it moves on
            at the speeds of the performer.

        Raises:
            ValueError: If the shape is not that of the reference's frames,
                the time is not later, or a joint is NaN and the model does
                not know of missing joints.
        """
        if not np.isfinite(time) or (
            self._last is not None and time <= self._last
        ):
            raise ValueError(
                'the time of a frame is expected to be seconds after '
                f'{self._last}, that of the last one, but is {time}'
            )
        is_seen = self._source.add(frame, time, score)
        self._last = time
        interval = self._source.is_slow / self.rate
        # The clocks of cameras jitter.
        due = self._seen is None or time - self._seen > 0.9 * interval
        if due or not is_seen:
            self._observe(time, is_seen)
        position = self._follower.position(time - self._seen)
        return LiveState(
            time,
            position.time,
            int(np.abs(self.timestamps - position.time).argmin()),
            position.confidence,
            position.elsewhere,
            self._likeness / self._weight if self._weight else np.nan,
            self._laps,
        )

    def _observe(self, time: float, is_seen: bool) -> None:
        # No frame counts for longer, whatever came before it.
        seconds = 1 / self.rate
        if self._seen is not None:
            self._follower.advance(time - self._seen)
            seconds = min(time - self._seen, seconds)
        self._seen = time
        times = self._follower.times
        costs = (
            self._source.costs(time)
            if is_seen
            else np.full(len(times), NOBODY * self.usual_distance)
        )
        self._follower.observe(costs, seconds)
        position = self._follower.position()
        cost = np.interp(position.time, times, np.atleast_2d(costs).min(0))
        # Of what is not seen nothing is known.
        if is_seen and not np.isnan(cost):
            weight = position.confidence * seconds
            likeness = max(1 - float(cost) / self.usual_distance, 0.0)
            self._likeness += weight * likeness
            self._weight += weight
        self._count_laps(position.time, position.confidence)

    def _count_laps(self, time: float, confidence: float) -> None:
        first, last = self._follower.times[[0, -1]]
        if confidence < 0.5 or first == last:
            return
        share = (time - first) / (last - first)
        if MIDDLE[0] <= share <= MIDDLE[1]:
            self._passed_middle = True
        elif self._passed_middle and share >= END:
            self._laps += 1
            self._passed_middle = False


class _Embeddings:
    """Frames that are embeddings already.

    Attributes:
        times (np.ndarray): Moments of the reference, (M,).
        is_slow (bool): Whether costs take long, and are asked for at a
            limited rate.
    """

    is_slow = False

    def __init__(self, reference: np.ndarray, timestamps: np.ndarray | None):
        (reference,) = check_sequences([reference], 'reference')
        if timestamps is None or np.shape(timestamps) != (len(reference),):
            raise ValueError(
                'timestamps are expected to be the seconds of the '
                f"reference's {len(reference)} frames, but got "
                f'{None if timestamps is None else np.shape(timestamps)}'
            )
        self.reference = reference.astype(np.float64)
        self.times = np.asarray(timestamps, dtype=np.float64)

    def usual_distance(self) -> float:
        return _usual_distance(self.reference)

    def reset(self) -> None:
        self._frame = None

    def add(
        self, frame: np.ndarray | None, time: float, score: np.ndarray | None
    ) -> bool:
        """Take a frame; return whether anything is seen."""
        if frame is None:
            return False
        if score is not None:
            raise ValueError('score is for joints, but frames are embeddings')
        frame = np.asarray(frame, dtype=np.float64)
        if frame.shape != self.reference.shape[1:]:
            raise ValueError(
                'a frame is expected to be an embedding of the shape '
                f'{self.reference.shape[1:]}, but has {frame.shape}'
            )
        self._frame = frame
        return bool(np.isfinite(frame).all() and frame.any())

    def costs(self, time: float) -> np.ndarray:
        """Squared distance of the last frame to each moment, (M,)."""
        return cdist(self._frame[None], self.reference, 'sqeuclidean')[0]


class _Windows:
    """Frames of joints, of which windows are embedded; see `_Embeddings`."""

    is_slow = True

    def __init__(
        self,
        reference: EmbeddedSequence,
        model: 'EmbeddingInferencer',
        skeleton: dict | None,
    ):
        name, keypoint = reference.name, reference.keypoint
        record = reference.record or {}
        joints = len((reference.skeleton or {}).get('joints', ()))
        if keypoint is None or joints not in (0, keypoint.shape[1]):
            raise ValueError(
                f'{name} is expected to have the joints of one person; to '
                'follow embeddings of another model, give the array '
                '(reference.embedding) and its timestamps'
            )
        if reference.timestamps is None:
            raise ValueError(
                f'the times of {name} are not known: give frame_rate '
                '(--frame-rate) when it is embedded'
            )
        self.name = name
        self.model = model.model
        self._may_miss = 'missing' in self.model.transforms[-1].modalities
        self._fields = {'skeleton': reference.skeleton}
        if 'img_shape' in record:
            self._fields['img_shape'] = record['img_shape']
        frames = _with_scores(keypoint, reference.keypoint_score)
        first, last = reference.timestamps[[0, -1]]
        count = min(round((last - first) / STEP) + 1, MOST_MOMENTS)
        self.times = np.linspace(first, last, count)
        before = np.linspace(-WINDOW, 0, MOMENTS)
        # By speed: performed at it, or just stopped or started.
        views = [[speed * before] for speed in SPEEDS]
        views[SPEEDS.index(0)].append(np.minimum(before + WINDOW / 2, 0))
        views[SPEEDS.index(1)].append(np.maximum(before, -WINDOW / 2))
        self._speeds = np.repeat(
            np.arange(len(views)), [len(some) for some in views]
        )
        self._before = before
        windows = [
            self._prepare(frames, reference.timestamps, end + view)
            for some in views
            for view in some
            for end in self.times
        ]
        shown = [window for window in windows if window is not None]
        if not shown:
            raise ValueError(f'{name} cannot be followed: {self._refusal}')
        newest = [
            embedding[-1]
            for i in range(0, len(shown), BATCH)
            for embedding in self.model.embed(shown[i : i + BATCH])
        ]
        # Nothing is known of the others.
        self._newest = np.full((len(windows), len(newest[0])), np.nan)
        self._newest[[window is not None for window in windows]] = newest
        self._joints = keypoint.shape[1]
        if skeleton is not None:
            self._fields['skeleton'] = skeleton
            self._joints = len(skeleton['joints'])

    def usual_distance(self) -> float:
        windows = self._newest.reshape(len(self._speeds), len(self.times), -1)
        (usual, _) = np.flatnonzero(self._speeds == SPEEDS.index(1))
        known = ~np.isnan(windows[usual]).any(1)
        return _usual_distance(windows[usual][known])

    def reset(self) -> None:
        self._frames: deque[tuple[float, np.ndarray]] = deque()

    def add(
        self, frame: np.ndarray | None, time: float, score: np.ndarray | None
    ) -> bool:
        """Take a frame; return whether somebody is seen."""
        if frame is None:
            return False
        frame = np.asarray(frame, dtype=np.float32)
        if frame.shape not in ((self._joints, 2), (self._joints, 3)):
            raise ValueError(
                f'a frame is expected to hold joints, ({self._joints}, 2 or '
                f'3), but has the shape {frame.shape}'
            )
        if score is not None and np.shape(score) != (self._joints,):
            raise ValueError(
                'score is expected to be one number for each of the '
                f'{self._joints} joints, but has the shape {np.shape(score)}'
            )
        kept = self._frames
        if kept and kept[-1][1].shape[1] != frame.shape[1] + 1:
            raise ValueError(
                f'a frame is expected in {kept[-1][1].shape[1] - 1}D as the '
                f'one before, but has the shape {frame.shape}'
            )
        if score is None:
            score = np.full(self._joints, np.nan_to_num(frame).any())
        (frame,) = _with_scores(frame[None], np.asarray(score)[None])
        if not frame[:, -1].any():
            return False
        # One more, to interpolate at the window's beginning.
        while len(kept) > 1 and kept[1][0] <= time - WINDOW:
            kept.popleft()
        if kept and kept[0][0] < time - 2 * WINDOW:
            # Nobody was seen since, who knows doing what.
            kept.clear()
        if len(kept) > 1 and time - kept[-2][0] < WINDOW / MOST_FRAMES:
            kept.pop()
        kept.append((time, frame))
        return True

    def costs(self, time: float) -> np.ndarray:
        """Squared distances of the newest frame, (S, M), or NaN, (M,)."""
        times, frames = zip(*self._frames, strict=True)
        window = self._prepare(
            np.stack(frames), np.array(times), time + self._before
        )
        if window is None:
            return np.full(len(self.times), np.nan)
        (embedding,) = self.model.embed([window])
        costs = cdist(
            embedding[-1:].astype(np.float64), self._newest, 'sqeuclidean'
        )
        costs = costs.reshape(len(self._speeds), len(self.times))
        starts = np.flatnonzero(np.diff(self._speeds, prepend=-1))
        return np.fmin.reduceat(costs, starts, axis=0)

    def _prepare(
        self, frames: np.ndarray, times: np.ndarray, at: np.ndarray
    ) -> np.ndarray | dict | None:
        """Make the model's input of a window; None if it shows too little."""
        window = _interpolate(frames, times, at)
        if not self._may_miss and np.isnan(window).any():
            raise ValueError(
                'the model does not know of missing joints: fill in those '
                'that are NaN, or follow by the pretrained model'
            )
        keypoint, known = window[None, ..., :-1], window[None, ..., -1] > 0
        record = dict(
            frame_dir=f'a window of {self.name}',
            total_frames=len(at),
            keypoint=np.nan_to_num(keypoint),
            **self._fields,
        )
        if not known.all():
            record['keypoint_score'] = known.astype(np.float32)
        try:
            return self.model.prepare(record)
        except ValueError as error:
            # Such as without hips, which it centers on.
            self._refusal = error
            return None


def _with_scores(keypoint: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Joints (T, V, C) and whether they are known, (T, V, C + 1) float32.

    NaN is where there is no position. Joints that are not known may have one
    that was filled in.
    """
    placed = np.isfinite(keypoint).all(-1)
    if score is None:
        known = find_joints(keypoint[None])[0] & placed
        placed = known
    else:
        known = (score > 0) & placed
        placed = placed & (known | (keypoint != 0).any(-1))
    positions = np.where(placed[..., None], keypoint, np.nan)
    return np.concatenate([positions, known[..., None]], -1, dtype=np.float32)


def _usual_distance(embeddings: np.ndarray) -> float:
    """Squared distance of unlike moments of (T, D)."""
    if np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3):
        return 1.0
    return mean_distance(embeddings, embeddings)


def _interpolate(
    frames: np.ndarray, times: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Interpolate (T, V, C + 1) of `_with_scores`; the ends are held."""
    after = np.searchsorted(times, at).clip(0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    apart = np.maximum(times[after] - times[before], np.finfo(float).tiny)
    share = ((at - times[before]) / apart).clip(0, 1)[:, None, None]
    first, second = frames[before], frames[after]
    found = (1 - share) * first + share * second
    # A joint is where the nearer frame has it, if the other does not.
    nearer = np.where(share < 0.5, first, second)
    found = np.where(np.isnan(found), nearer, found)
    found[..., -1] = nearer[..., -1]
    return found.astype(np.float32)
