from dataclasses import dataclass, replace

import numpy as np

DEGREES, TORSOS = 'degrees', 'torso lengths'
# The least difference that is worth a sentence, by unit.
WORTH_SAYING = {DEGREES: 5.0, TORSOS: 0.05}
# How much of one side's difference the other side has to have, so that both
# are told in one sentence.
ALIKE = 2 / 3
# Of the signed angles and of the axes: words for more and for less.
_WORDS = {
    'elbow': ('bent {} more', 'bent {} less'),
    'knee': ('bent {} more', 'bent {} less'),
    'hip': ('bent {} more', 'bent {} less'),
    'shoulder': ('raised {} more', 'raised {} less'),
    'trunk_forward': ('leaning {} more forward', 'leaning {} more backward'),
    'trunk_side': (
        "leaning {} more to the person's left",
        "leaning {} more to the person's right",
    ),
    'trunk_picture': (
        'leaning {} more to the right of the picture',
        'leaning {} more to the left of the picture',
    ),
    'x3': (
        "{} further to the person's left",
        "{} further to the person's right",
    ),
    'x2': (
        '{} further right in the picture',
        '{} further left in the picture',
    ),
    'y': ('{} higher', '{} lower'),
    'z': ('{} further forward', '{} further back'),
}
# Sideways, of both sides.
_OUTWARD = '{} further outward', '{} further inward'


@dataclass(frozen=True, eq=False)
class JointDifference:
    """How one angle, or one coordinate of a joint, differs.

    Attributes:
        joint (str): Such as ``left_knee``, of the attempt, or ``trunk``;
            ``both_knees`` if made by :func:`both_sides`, whose numbers are
            the means of the two.
        measure (str): ``bend``, ``raise``, ``lean forward``, ``lean side``,
            ``lean in the picture``, or the axis of a position: ``x``, ``y``
            or ``z``. Left and right in a picture are those of the mirrored
            one if the attempt is mirrored.
        unit (str): ``degrees`` or ``torso lengths``.
        score (float): How unusual it is: 1 if as far from the references as
            each of them is from the others, on average.
            :attr:`Comparison.score` is the mean of the larger half of these,
            by what that is for the references.
        mean (float): Mean absolute difference to the references' mean over
            the frames.
        usual (float, optional): The same of each reference to the others'
            mean, on average; None with a single reference.
        frame (int): Frame of the attempt with the largest difference.
        first_frame (int): Where the attempt begins in its recording.
        second (float, optional): Its time in seconds.
        difference (float): The attempt minus the references' mean there.
        attempt (float): The attempt's value there.
        reference (float): Mean of the references there.
        deviations (float, optional): ``difference`` in standard deviations of
            the references there; None with a single one.
        range (float): How far the attempt moves in it, from the 5th to the
            95th percentile.
        reference_range (float): Mean of the references' ranges.
        curves (np.ndarray): The attempt, the references' mean and their
            standard deviation (0 for a single one) at every frame of the
            attempt, (3, T), NaN where unseen.
        words (tuple[str, str]): For more and for less of it.
    """

    joint: str
    measure: str
    unit: str
    score: float
    mean: float
    usual: float | None
    frame: int
    first_frame: int
    second: float | None
    difference: float
    attempt: float
    reference: float
    deviations: float | None
    range: float
    reference_range: float
    curves: np.ndarray
    words: tuple[str, str]

    @property
    def sentence(self) -> str:
        """What differs, and when, in words."""
        more, less = self.words
        words = more if self.difference > 0 else less
        when = (
            f'frame {self.first_frame + self.frame}'
            if self.second is None
            else f'{self.second:.1f} s'
        )
        text = (
            f'{self.joint.replace("_", " ")} '
            f'{words.format(_amount(self.difference, self.unit))}'
            f'{" relative to the hips" * (self.unit == TORSOS)} at {when}'
        )
        if self.unit == DEGREES:
            text += (
                f' ({round(self.attempt)} instead of {round(self.reference)})'
            )
        wider = self.range - self.reference_range
        if abs(wider) > 2 * WORTH_SAYING[self.unit]:
            text += (
                f'; move{"s" * (not self.joint.startswith("both"))} through '
                f'{_number(self.range, self.unit)} instead of '
                f'{_amount(self.reference_range, self.unit)}'
            )
        return text


def both_sides(
    one: JointDifference, other: JointDifference
) -> JointDifference | None:
    """Join the differences of a joint and of its mirror joint.

    Args:
        one (JointDifference): Of one side, whose moment is kept.
        other (JointDifference): The same measure of the other side.

    Returns:
        JointDifference, optional: The mean of both. None unless they differ
        in the same direction at the moments of both, and the less different
        side by two thirds of the other. Opposite sideways differences in 3D
        have the same direction, too: outward or inward.
    """
    curves, words = np.stack([one.curves, other.curves]), one.words
    apart = curves[:, 0] - curves[:, 1]
    apart = apart[:, [one.frame, other.frame]]
    if words == _WORDS['x3'] and (apart.prod(0) < 0).all():
        is_left = np.array([d.joint.startswith('left') for d in (one, other)])
        outward = np.where(is_left, 1, -1)[:, None]
        apart, words = apart * outward, _OUTWARD
        curves[:, :2] *= outward[..., None]
    less, more = np.sort(np.abs(apart), axis=0)
    if not ((apart.prod(0) > 0) & (less >= ALIKE * more)).all():
        return None
    curves = curves.mean(0)
    own, usual, spread = map(float, curves[:, one.frame])
    return replace(
        one,
        joint=f'both_{one.joint.partition("_")[2]}s',
        score=(one.score + other.score) / 2,
        mean=(one.mean + other.mean) / 2,
        usual=None if one.usual is None else (one.usual + other.usual) / 2,
        difference=own - usual,
        attempt=own,
        reference=usual,
        deviations=(own - usual) / spread if spread > 0 else None,
        range=(one.range + other.range) / 2,
        reference_range=(one.reference_range + other.reference_range) / 2,
        curves=curves,
        words=words,
    )


def words_for(
    joint: str, measure: str, dimensions: int, mirrored: bool
) -> tuple[str, str]:
    """Return the words for more and for less of an angle or a coordinate.

    Args:
        joint (str): As of :class:`JointDifference`.
        measure (str): Likewise.
        dimensions (int): 2 or 3, of the joints.
        mirrored (bool): Whether the attempt is a mirror image.

    Returns:
        tuple[str, str]: Texts with ``{}`` for the amount.
    """
    if measure.startswith('lean'):
        key = f'trunk_{measure.split()[-1]}'
    elif measure == 'x':
        key = f'x{dimensions}'
    else:
        key = measure if measure in _WORDS else joint.split('_')[1]
    more, less = _WORDS[key]
    if mirrored:
        more, less = (
            words.replace('the picture', 'the mirrored picture')
            for words in (more, less)
        )
    return more, less


def _number(value: float, unit: str) -> str:
    return f'{abs(value):.{0 if unit == DEGREES else 2}f}'


def _amount(value: float, unit: str) -> str:
    return f'{_number(value, unit)} {unit}'
