from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..alignment.follow import Follower, Position
from ..embeddings import EmbeddedSequence
from ..support.argument_checks import check_range
from .live_costs import EmbeddedFrames, JointWindows

if TYPE_CHECKING:
    from .embedding_inferencer import EmbeddingInferencer

# By the usual distance of unlike moments: the cost of something else, and of
# nobody; and a cost that counts within a second.
ELSEWHERE, NOBODY, SHARPNESS = 0.45, 0.9, 0.005
# That makes the confidence the share of frames that it is right in; fitted by
# benchmarks/live.py on other people and activities than are reported.
TEMPERATURE = 4.0
# Shares of the reference's length: the end, unless it is idle before, and
# the middle, through which the way to the end leads.
END, MIDDLE = 0.9, (0.25, 0.75)


class LiveState(NamedTuple):
    """Where a running recording is in the reference.

    Attributes:
        time (float): Time of the last frame, in seconds.
        reference_time (float): The matching moment of the reference, in its
            own seconds.
        reference_frame (int): The nearest frame of the reference.
        confidence (float): Probability, in [0, 1], that the performer does
            what is in the reference, and is within 10% of its length of that
            moment.
        elsewhere (float): Probability, in [0, 1], of a movement that is not
            in the reference, or of nobody.
        waiting (float): Probability, in [0, 1], that the performer is in the
            pose that the reference begins with, and has not begun, or has
            ended. The three add up to 1 with that of another moment.
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
    waiting: float
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
            self._source = JointWindows(reference, model, skeleton)
            self.timestamps = reference.timestamps
        else:
            self._source = EmbeddedFrames(reference, timestamps)
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
            idle=self._source.idle,
            temperature=TEMPERATURE,
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
            position.waiting,
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
        self._count_laps(position)

    def _count_laps(self, position: Position) -> None:
        time = position.time
        first, last = self._follower.times[[0, -1]]
        if position.elsewhere > 0.5 or first == last:
            return
        share = (time - first) / (last - first)
        times, idle = self._follower.times, self._follower.idle
        is_idle = share > MIDDLE[1] and idle[np.abs(times - time).argmin()]
        if MIDDLE[0] <= share <= MIDDLE[1]:
            self._passed_middle = True
        elif self._passed_middle and (share >= END or is_idle):
            self._laps += 1
            self._passed_middle = False
