from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..support.argument_checks import check_range

# Of the performer, as multiples of the reference's: 0 is a pause.
SPEEDS = (0.0, 0.35, 0.6, 1.0, 1.7, 3.0)
# Standard deviation of the logarithm of the speed, and share of pauses.
SPREAD, PAUSES = 0.5, 0.2


class Rates(NamedTuple):
    """How often what happens, in events a second.

    Attributes:
        change (float): The speed changes to any other.
        jump (float): To any other moment: a skip, or a step back.
        restart (float): To the beginning.
        lap (float): From the end to the beginning.
        leave (float): To something that is not in the reference.
        enter (float): Back from there: to the beginning half of the times,
            else to any moment.
    """

    change: float = 4.0
    jump: float = 0.1
    restart: float = 0.3
    lap: float = 10.0
    leave: float = 0.2
    enter: float = 1.0


USUAL_RATES = Rates()


class Position(NamedTuple):
    """Where a performer is in the reference.

    Attributes:
        time (float): Moment of the reference, in its seconds: the median of
            where the performer may be, of what is in the reference.
        confidence (float): Probability, in [0, 1], that the performer does
            what is in the reference, is not idle, and is within 10% of its
            length of ``time``.
        elsewhere (float): Probability, in [0, 1], of something that is not
            in the reference.
        waiting (float): Probability, in [0, 1], of an idle moment.
    """

    time: float
    confidence: float
    elsewhere: float
    waiting: float


class Follower:
    """Follow a performer along a reference by a forward filter.

    A hidden Markov model whose states are a moment of the reference and a
    speed, and "elsewhere". Time passes by :meth:`advance`: every state moves
    on at its speed, which changes now and then; there are jumps, restarts
    and excursions, at the rates of ``Rates``. What is seen comes by
    :meth:`observe`, as the cost of every moment. A cost ``c`` that is seen
    for ``s`` seconds has the likelihood ``exp(-s c / sharpness)``, so that
    how often it is seen does not count; something elsewhere has the cost
    ``elsewhere``. Both take O(M) time for M moments, and no memory.

    Of score followers, online dynamic time warping (Dixon, Live Tracking of
    Musical Performances Using On-Line Time Warping, DAFx 2005; Arzt and
    Widmer, 2010) keeps one path, and says neither how sure it is nor that
    the performer does something else. A filter does, over position and tempo
    (the bar pointer of Whiteley, Cemgil and Godsill, ISMIR 2006), and jumps
    to any moment cost it one sum (Nakamura et al., Real-Time Audio-to-Score
    Alignment of Music Performances Containing Errors and Arbitrary Repeats
    and Skips, IEEE/ACM TASLP 24(2), 2016).

    Args:
        times (np.ndarray): Moments of the reference, in seconds, strictly
            increasing, (M,).
        elsewhere (float): Cost of something that is not in the reference,
            above 0.
        sharpness (float): Cost that counts, if it is seen for a second,
            above 0.
        speeds (Sequence[float]): Speeds of the performer, 0 or more.
            Defaults to ``SPEEDS``.
        rates (Rates): How often what happens. Defaults to those of
            ``Rates()``.
        idle (np.ndarray, optional): Moments at which the performer has not
            begun, or has ended, (M,) bool. Defaults to none.
        temperature (float): Above 0; the probabilities that
            :meth:`position` tells are raised to the power of its inverse. A
            filter takes what it sees at different times for independent, and
            is too sure where errors last. Defaults to 1.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import Follower
        >>> follower = Follower(np.arange(4.0), 0.5, 0.01)
        >>> follower.observe(np.array([1.0, 0.9, 0.0, 0.8]), 0.1)
        >>> round(follower.position().time)
        2
    """

    def __init__(
        self,
        times: np.ndarray,
        elsewhere: float,
        sharpness: float,
        speeds: Sequence[float] = SPEEDS,
        rates: Rates = USUAL_RATES,
        idle: np.ndarray | None = None,
        temperature: float = 1.0,
    ):
        times = np.asarray(times, dtype=np.float64)
        if (
            times.ndim != 1
            or not len(times)
            or not np.isfinite(times).all()
            or (np.diff(times) <= 0).any()
        ):
            raise ValueError(
                'times is expected to be strictly increasing seconds, (M,), '
                f'but got {times}'
            )
        check_range('elsewhere', elsewhere, 0, open_low=True)
        check_range('sharpness', sharpness, 0, open_low=True)
        check_range('temperature', temperature, 0, open_low=True)
        if idle is None:
            idle = np.zeros(len(times), bool)
        elif np.shape(idle) != times.shape:
            raise ValueError(
                f'idle is expected to have the shape {times.shape} of times, '
                f'but has {np.shape(idle)}'
            )
        for speed in speeds:
            check_range('a speed', speed, 0)
        self.times = times
        self.elsewhere, self.sharpness = elsewhere, sharpness
        self.speeds = np.asarray(speeds, dtype=np.float64)
        self.rates = rates
        self.idle = np.asarray(idle, dtype=bool)
        self.temperature = temperature
        self._speed_shares = _speed_shares(self.speeds)
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        shares = np.full(len(self.times), 0.25 / len(self.times))
        shares[0] += 0.25
        self._inside = np.outer(self._speed_shares, shares)
        self._elsewhere = 0.5

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds (float): How much, 0 or more.

        Raises:
            ValueError: If it is negative.
        """
        check_range('seconds', seconds, 0)
        self._inside, self._elsewhere = self._after(seconds)

    def observe(self, costs: np.ndarray, seconds: float) -> None:
        """Take in what is seen.

        Args:
            costs (np.ndarray): Of every moment, (M,), or of every speed and
                moment, (S, M); 0 or more. NaN where nothing is known, which
                is as likely as something elsewhere.
            seconds (float): For how long it is seen, 0 or more.

        Raises:
            ValueError: If the shape is another, or seconds are negative.
        """
        costs = np.asarray(costs, dtype=np.float64)
        if costs.shape not in (self._inside.shape, self._inside.shape[1:]):
            raise ValueError(
                f'costs are expected to have the shape {self.times.shape} or '
                f'{self._inside.shape}, but have {costs.shape}'
            )
        check_range('seconds', seconds, 0)
        costs = np.where(np.isnan(costs), self.elsewhere, costs)
        least = min(costs.min(), self.elsewhere)
        factor = seconds / self.sharpness
        inside = self._inside * _likelihood((costs - least) * factor)
        elsewhere = self._elsewhere * _likelihood(
            (self.elsewhere - least) * factor
        )
        total = inside.sum() + elsewhere
        self._inside, self._elsewhere = inside / total, elsewhere / total

    def position(self, seconds: float = 0.0) -> Position:
        """Tell where the performer is.

        Args:
            seconds (float): So much after the present moment, 0 or more, if
                the performer goes on at the same speed. Defaults to 0.

        Returns:
            Position: The position.
        """
        inside = self._move(seconds) if seconds else self._inside
        shares = inside.sum(axis=0)
        # Half of a moment's share is before it.
        passed = np.cumsum(shares) - shares / 2
        time = float(np.interp(shares.sum() / 2, passed, self.times))
        near = np.abs(self.times - time) <= self._tolerance(time)
        power = 1 / self.temperature
        present, elsewhere = shares.sum() ** power, self._elsewhere**power
        shares = shares**power
        # Together they are as probable as anything of the reference.
        shares *= present / (present + elsewhere) / (shares.sum() or 1.0)
        confidence = float(min(shares[near & ~self.idle].sum(), 1.0))
        waiting = float(min(shares[self.idle].sum(), 1.0))
        elsewhere = float(elsewhere / (present + elsewhere))
        return Position(time, confidence, elsewhere, waiting)

    def _tolerance(self, time: float) -> float:
        """10% of the length, and the nearest moment at least."""
        length = self.times[-1] - self.times[0]
        return max(0.1 * length, float(np.abs(self.times - time).min()))

    def _after(self, seconds: float) -> tuple[np.ndarray, float]:
        """Probabilities of (S, M) states inside, and of elsewhere, then."""
        change, jump, restart, lap, leave, enter = -np.expm1(
            -np.array(self.rates) * seconds
        )
        inside = self._move(seconds)
        mixed = self._speed_shares[:, None] * inside.sum(axis=0)
        inside += change * (mixed - inside)
        begun = lap * inside[:, -1].sum()
        inside[:, -1] *= 1 - lap
        present = inside.sum()
        # Exclusive, however long it was.
        going = jump + restart + leave
        jump, restart, leave = np.array([jump, restart, leave]) / max(going, 1)
        inside *= 1 - min(going, 1)
        entering = enter * self._elsewhere
        anywhere = jump * present + entering / 2
        begun += restart * present + entering / 2
        inside += self._speed_shares[:, None] * anywhere / len(self.times)
        inside[:, 0] += self._speed_shares * begun
        return inside, leave * present + self._elsewhere - entering

    def _move(self, seconds: float) -> np.ndarray:
        """Move every state on; what comes between two moments is shared."""
        count = len(self.times)
        if count == 1:
            return self._inside.copy()
        places = self.times + self.speeds[:, None] * seconds
        places = np.minimum(places, self.times[-1])
        after = np.searchsorted(self.times, places).clip(1)
        before = self.times[after - 1]
        share = (places - before) / (self.times[after] - before)
        index = after + count * np.arange(len(self.speeds))[:, None]
        weights = [share * self._inside, (1 - share) * self._inside]
        return np.bincount(
            np.concatenate([index, index - 1]).ravel(),
            np.concatenate(weights).ravel(),
            self._inside.size,
        ).reshape(self._inside.shape)


def _likelihood(cost: np.ndarray | float) -> np.ndarray | float:
    # So small a share is as good as none, and can grow again.
    return np.exp(-np.minimum(cost, 100))


def _speed_shares(speeds: np.ndarray) -> np.ndarray:
    """How often each speed occurs, (S,): log-normal, and pauses."""
    still = speeds == 0
    if still.all():
        return np.full(len(speeds), 1 / len(speeds))
    shares = np.zeros(len(speeds))
    logs = np.log(speeds[~still])
    shares[~still] = np.exp(-(logs**2) / (2 * SPREAD**2))
    shares /= shares.sum()
    if still.any():
        shares *= 1 - PAUSES
        shares[still] = PAUSES / still.sum()
    return shares
