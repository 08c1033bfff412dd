from html import escape

import numpy as np

from ..alignment.explanation import Comparison, Timing
from ..alignment.joint_difference import JointDifference

# Of stretches with unusual timing, by their kind.
STRETCH_COLORS = dict(
    fast='#e69f00',
    slow='#56b4e9',
    paused='#7f7f7f',
    repeated='#cc79a7',
    skipped='#d55e00',
    missing='#d55e00',
)


def draw_timing(timing: Timing) -> str:
    """Plot the moment of the reference at each moment of the attempt.

    Args:
        timing (Timing): Of a comparison.

    Returns:
        str: SVG, unusual stretches in ``STRETCH_COLORS``.
    """
    own, along, _ = timing.curve
    unit = timing.unit
    x, y = (own[0], own[-1]), (along[0], along[-1])
    at, axes = _axes(x, y, (f'attempt [{unit}]', f'reference [{unit}]'), 240)
    bands = ''
    for one in timing.stretches:
        (left, right), (bottom, top) = at(
            [one.start, one.end], [one.reference_start, one.reference_end]
        )
        bands += (
            f'<rect x="{left - 1:.1f}" y="{top - 1:.1f}" '
            f'width="{right - left + 2:.1f}" '
            f'height="{bottom - top + 2:.1f}" opacity=".45" '
            f'fill="{STRETCH_COLORS[one.kind]}"/>'
        )
    return (
        '<svg viewBox="0 0 400 240" role="img" aria-label="timing">'
        f'{bands}{axes}<path class="even" d="{_line(*at(x, y))}"/>'
        f'<path class="attempt" d="{_line(*at(own, along))}"/></svg>'
    )


def draw_angle(one: Comparison, difference: JointDifference, unit: str) -> str:
    """Plot an angle of the attempt, and the references' mean with its band.

    Args:
        one (Comparison): The comparison.
        difference (JointDifference): The angle, one of its ``joints``.
        unit (str): Of times: ``s`` or ``frames``.

    Returns:
        str: HTML, a figure with its caption.
    """
    times = (
        one.attempt.timestamps
        if unit == 's'
        else one.first_frame + np.arange(len(one.attempt))
    )
    own, mean, spread = difference.curves
    values = np.concatenate([own, mean - spread, mean + spread])
    y = float(np.nanmin(values)), float(np.nanmax(values))
    # A difference below 10 degrees is not to look large.
    room = max(0.0, 10 - (y[1] - y[0])) / 2
    at, axes = _axes(
        (times[0], times[-1]),
        (y[0] - room, y[1] + room),
        (f'attempt [{unit}]', difference.unit),
        190,
    )
    known = np.isfinite(mean)
    upper = at(times[known], (mean + spread)[known])
    lower = at(times[known][::-1], (mean - spread)[known][::-1])
    band = _line(*np.concatenate([upper, lower], axis=1))
    x, _ = at(times[difference.frame], y[0])
    others = (
        'references (thin, with their standard deviation)'
        if one.calibrated
        else 'reference (thin)'
    )
    return (
        '<figure><svg viewBox="0 0 400 190" role="img" aria-label="curve">'
        f'<path class="band" d="{band}"/>{axes}'
        f'<path class="even" d="M{x:.1f},8V156"/>'
        f'<path class="mean" d="{_line(*at(times, mean))}"/>'
        f'<path class="attempt" d="{_line(*at(times, own))}"/></svg>'
        f'<figcaption>{escape(joint_title(difference))}: attempt (thick), '
        f'{others}</figcaption></figure>'
    )


def joint_title(difference: JointDifference) -> str:
    """Name the angle or coordinate of a difference.

    Args:
        difference (JointDifference): The difference.

    Returns:
        str: Such as ``left knee, bend``.
    """
    return f'{difference.joint.replace("_", " ")}, {difference.measure}'


def _axes(
    x: tuple[float, float],
    y: tuple[float, float],
    labels: tuple[str, str],
    height: int,
):
    """Return functions to pixels and the SVG of two axes."""
    left, right, top, bottom = 48, 388, 8, height - 34
    spans = [max(high - low, 1e-9) for low, high in (x, y)]

    def at(xs, ys):
        across = left + (np.asarray(xs) - x[0]) / spans[0] * (right - left)
        down = bottom - (np.asarray(ys) - y[0]) / spans[1] * (bottom - top)
        return across, down

    parts = [
        f'<path class="axis" d="M{left},{top}V{bottom}H{right}"/>',
        f'<text x="{(left + right) / 2}" y="{height - 4}" '
        f'text-anchor="middle">{escape(labels[0])}</text>',
        f'<text transform="translate(11 {(top + bottom) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(labels[1])}</text>',
    ]
    for value in _ticks(*x):
        place = at(value, y[0])[0]
        parts.append(
            f'<text x="{place:.0f}" y="{bottom + 14}" text-anchor="middle">'
            f'{value:g}</text>'
        )
    for value in _ticks(*y):
        place = at(x[0], value)[1]
        parts.append(
            f'<text x="{left - 4}" y="{place + 4:.0f}" text-anchor="end">'
            f'{value:g}</text>'
        )
    return at, ''.join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Round values between two, about four."""
    rough = max(high - low, 1e-9) / 4
    size = 10.0 ** np.floor(np.log10(rough))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= rough)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(k * step, 6) for k in range(first, last + 1)]


def _line(xs, ys) -> str:
    """SVG path through points; breaks where one is NaN."""
    text, pen = [], 'M'
    for x, y in zip(xs, ys, strict=True):
        if not np.isfinite(y):
            pen = 'M'
            continue
        text.append(f'{pen}{x:.1f},{y:.1f}')
        pen = 'L'
    return ''.join(text)
