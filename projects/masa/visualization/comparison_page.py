import math
from collections.abc import Sequence
from html import escape

from .. import __version__
from ..alignment.explanation import Comparison
from ..alignment.joint_difference import DEGREES, JointDifference
from .comparison_moments import ACCEPTED, MOST_DEVIATIONS, draw_moments
from .comparison_plots import (
    STRETCH_COLORS,
    draw_angle,
    draw_timing,
    joint_title,
)
from .player import (
    comparison_player,
    height_script,
    most_unusual,
    player_section,
    repetition_name,
)

# Shown of the most unusual differences, and of the curves.
MOMENTS, CURVES = 3, 3


def comparison_page(
    comparisons: Sequence[Comparison], height: int = 240
) -> str:
    """Write comparisons as a page of one file, for a screen and for paper.

    Args:
        comparisons (Sequence[Comparison]): One, or those of the repetitions in
            a recording, which become a table and a section each, in the order
            given; that of the most unusual one is open.
        height (int): Height in pixels of the pictures of videos in the player.

    Returns:
        str: HTML: the scores, a player of the reference and the attempts, and
        what the scores are made of. Skeletons and plots are SVG; pictures of
        videos, where the sequences have some, are inside as JPEG.

    Raises:
        OSError: If a video cannot be read.
    """
    first = comparisons[0]
    names = [one.name for one in first.references]
    several = f'{len(names)} references'
    title = (
        f'{first.attempt.name} compared with '
        f'{several if len(names) > 2 else " and ".join(names)}'
    )
    body = [f'<h1>{escape(title)}</h1>']
    if len(names) > 2:
        body.append(f'<p class="soft">{escape(", ".join(names))}</p>')
    is_one = len(comparisons) == 1
    body.append(_score(first) if is_one else _score_table(comparisons))
    if first.not_compared:
        told = escape(first.told_of_not_compared)
        body.append(f'<p><b>Not compared:</b> {told}</p>')
    player = comparison_player(comparisons)
    if player is not None:
        body.append(player_section(player, height, ACCEPTED))
    body.append(_explain(first) if is_one else _explain_all(comparisons))
    body.append(_NOTES)
    return _PAGE.format(
        title=escape(title),
        body='\n'.join(body),
        version=__version__,
        height=height_script(),
    )


def _score_table(comparisons: Sequence[Comparison]) -> str:
    """Make a table whose rows lead to the sections of :func:`_explain_all`."""
    worst = most_unusual(comparisons)
    rows = []
    for number, one in enumerate(comparisons):
        rows.append(
            f'<tr{" class=worst" * (number == worst)}>'
            f'<td><a href="#{_place(number)}">'
            f'{escape(repetition_name(one, number))}</a></td>'
            f'<td>{one.score:.2f}</td><td class="text">'
            f'{escape(one.what_stands_out or "nothing")}</td></tr>'
        )
    return (
        '<h2>Repetitions</h2><div class="scroll"><table><tr><th></th>'
        '<th>score</th><th class="text">what stands out most</th></tr>'
        f'{"".join(rows)}</table></div>'
    )


def _explain_all(comparisons: Sequence[Comparison]) -> str:
    worst = most_unusual(comparisons)
    sections = [
        f'<details id="{_place(number)}"{" open" * (number == worst)}>'
        f'<summary>{escape(repetition_name(one, number))}, score '
        f'{one.score:.2f}</summary>{_score(one)}{_explain(one)}</details>'
        for number, one in enumerate(comparisons)
    ]
    return '\n'.join([*sections, _OPEN_LINKED])


def _place(number: int) -> str:
    return f'repetition-{number + 1}'


def _score(one: Comparison) -> str:
    kind = 'score' if one.calibrated else 'score, not calibrated'
    return (
        f'<p class="score"><b>{one.score:.2f}</b> <span>{kind}</span></p>'
        f'<p class="soft">{escape(one.meaning)}</p>'
    )


def _explain(one: Comparison) -> str:
    parts = []
    if one.mirrored:
        parts.append(
            '<p><b>Mirrored:</b> the attempt fits the references better as a '
            'mirror image, and is shown as one. Left and right are named and '
            'colored as the person has them.</p>'
        )
    if any(one.turned):
        parts.append(f'<p class="soft">{escape(one.told_of_turned)}</p>')
    parts += [
        f'<p><b>Missing:</b> the attempt '
        f'{escape(one.timing.sentence(stretch))}.</p>'
        for stretch in one.timing.stretches
        if stretch.kind == 'missing'
    ]
    shown = one.differences(MOMENTS)
    if shown:
        parts += ['<h2>What differs most</h2>', draw_moments(one, shown)]
    elif one.joints:
        parts.append('<p>No joint differs noticeably.</p>')
    parts += ['<h2>Timing</h2>', _timing(one)]
    angles = [d for d in one.joints if d.unit == DEGREES]
    if angles:
        times = one.timing.unit
        parts.append('<h2>Angles</h2><div class="grid">')
        parts += [draw_angle(one, d, times) for d in angles[:CURVES]]
        parts += ['</div>', _joint_table(angles)]
    positions = [d for d in one.joints if d.unit != DEGREES]
    if positions:
        parts.append(
            '<details><summary>Positions, in torso lengths from the middle '
            f'of the hips</summary>{_joint_table(positions)}</details>'
        )
    return '\n'.join(parts)


def _timing(one: Comparison) -> str:
    timing = one.timing
    told = [
        f'<p>The attempt takes {timing.amount(timing.attempt)}; the '
        f'reference, {escape(one.references[one.reference].name)}, takes '
        f'{timing.amount(timing.reference)}.</p>'
    ]
    items = ''.join(
        f'<li><span class="dot" style="background:{STRETCH_COLORS[s.kind]}">'
        f'</span>{escape(timing.sentence(s))}</li>'
        for s in timing.stretches
    )
    told.append(
        f'<ul>{items}</ul>'
        if items
        else '<p>No stretch has unusual timing.</p>'
    )
    if timing.phases:
        rows = ''.join(
            f'<tr><td>{p.phase}</td><td>{timing.amount(p.reference)}</td>'
            f'<td>{timing.amount(p.attempt)}</td></tr>'
            for p in timing.phases
        )
        told.append(
            '<div class="scroll"><table><tr><th>phase</th><th>reference</th>'
            f'<th>attempt</th></tr>{rows}</table></div>'
        )
    return (
        f'<figure class="wide">{draw_timing(timing)}<figcaption>The moment of '
        'the reference at each moment of the attempt. Along the dashed line '
        'the attempt would keep one tempo; colors mark unusual stretches.'
        f'</figcaption></figure>{"".join(told)}'
    )


def _joint_table(rows: Sequence[JointDifference]) -> str:
    digits = 0 if rows[0].unit == DEGREES else 2
    columns = {
        rows[0].unit: [escape(joint_title(one)) for one in rows],
        'score': [f'{one.score:.1f}' for one in rows],
        'mean difference': [f'{one.mean:.{digits}f}' for one in rows],
    }
    # Of several references.
    if rows[0].usual is not None:
        columns['usual'] = [f'{one.usual:.{digits}f}' for one in rows]
    columns['largest'] = [f'{one.difference:+.{digits}f}' for one in rows]
    if any(one.deviations is not None for one in rows):
        columns['in standard deviations'] = [_in_deviations(d) for d in rows]
    columns |= {
        'at': [
            f'{one.first_frame + one.frame}'
            if one.second is None
            else f'{one.second:.1f} s'
            for one in rows
        ],
        'moves through': [f'{one.range:.{digits}f}' for one in rows],
        'references': [f'{one.reference_range:.{digits}f}' for one in rows],
    }
    head = ''.join(f'<th>{title}</th>' for title in columns)
    body = ''.join(
        f'<tr>{"".join(f"<td>{cell}</td>" for cell in row)}</tr>'
        for row in zip(*columns.values(), strict=True)
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _in_deviations(difference: JointDifference) -> str:
    number = difference.deviations
    if number is None:
        return ''
    if abs(number) > MOST_DEVIATIONS:
        return f'beyond {math.copysign(MOST_DEVIATIONS, number):+.0f}'
    return f'{number:+.1f}'


_NOTES = """<h2>How to read this</h2>
<p class="soft">The frames of the attempt are matched with those of the
references by dynamic time warping of the model's embeddings, so that like
moments are compared however fast they come. Elbows, knees and hips are 0
degrees when straight, shoulders when the arm hangs; all differences are the
attempt minus the references' mean. Skeletons are blue on the person's left and
orange on the right. Each angle and position has a score that
counts its mean difference and the difference of how far it moves, in units of
how the references differ from each other; the score of the attempt comes from
the more unusual half of them. It tells what is unusual, not whether it is
wrong, and is no medical advice. From a single camera, angles are those in the
picture: compare recordings from the same side.</p>"""

_OPEN_LINKED = """<script>
addEventListener('click', ({target}) => {
  const link = target.closest('a[href^="#"]');
  if (!link) return;
  document.querySelector(link.hash).open = true;
  // Only the reference and this repetition play.
  const number = Number(link.hash.split('-')[1]);
  document.querySelectorAll('#player .choice input').forEach((tick, i) => {
    if (tick.checked === (i === 0 || i === number)) return;
    tick.checked = !tick.checked;
    tick.dispatchEvent(new Event('change'));
  });
});
</script>"""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c1c1c; --paper: #fff;
  --soft: #5c5c5c; --line: #d5d5d5; --ghost: #b5b5b5; --mark: #b3261e; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e8e8e8; --paper: #16181b; --soft: #a9a9a9;
    --line: #3a3d42; --ghost: #6a6d72; --mark: #ff8a80; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); max-width: 60rem; margin: 0 auto;
  padding: 1rem; }}
h1 {{ font-size: 1.4rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; }}
.soft, figcaption {{ color: var(--soft); }}
.score b {{ font-size: 2.6rem; line-height: 1; }}
.score {{ margin: .5rem 0; }}
.grid {{ display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }}
figure {{ margin: 0; break-inside: avoid; }}
figure.wide {{ max-width: 34rem; }}
figcaption {{ font-size: .9rem; }}
svg {{ width: 100%; max-height: 22rem; }}
svg text {{ fill: var(--ink); font-family: inherit; }}
svg[viewBox^="0 0 400"] text {{ font-size: 12px; }}
img {{ width: 100%; border-radius: 4px; }}
.sides {{ display: grid; grid-template-columns: 1fr 1fr; gap: .3rem;
  align-items: end; margin-bottom: .5rem; text-align: center;
  font-size: .8rem; }}
.bone, .ghost {{ stroke-width: .07; stroke-linecap: round; }}
.ghost {{ stroke: var(--ghost); }}
.mark {{ fill: none; stroke: var(--mark); stroke-width: .04; }}
.axis {{ fill: none; stroke: var(--soft); }}
.even {{ fill: none; stroke: var(--soft); stroke-dasharray: 4 4; }}
.mean {{ fill: none; stroke: var(--soft); stroke-width: 1.2; }}
.band {{ fill: var(--ghost); opacity: .4; }}
.attempt {{ fill: none; stroke: #0072b2; stroke-width: 2.5; }}
.dot {{ display: inline-block; width: .8em; height: .8em;
  border-radius: 50%; margin-right: .5em; }}
ul {{ list-style: none; padding: 0; }}
.scroll {{ overflow-x: auto; margin-bottom: 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: .9rem; }}
th, td {{ padding: .25rem .6rem; text-align: right;
  border-bottom: 1px solid var(--line); vertical-align: top; }}
th {{ font-weight: 600; vertical-align: bottom; }}
td:first-child, th:first-child, .text {{ text-align: left; }}
td:not(.text, :first-child) {{ white-space: nowrap; }}
td:first-child {{ min-width: 7rem; }}
tr.worst td {{ font-weight: 700; }}
details {{ margin: 1rem 0; }}
summary {{ cursor: pointer; font-weight: 600; }}
a {{ color: inherit; }}
@media print {{ body {{ max-width: none; font-size: 12px; }}
  .grid {{ grid-template-columns: repeat(3, 1fr); }}
  figure.wide {{ max-width: 22rem; }} h2 {{ break-after: avoid; }}
  .scroll {{ overflow: visible; }} .player {{ display: none; }} }}
</style>
<body>
{body}
<p class="soft">Made by masa {version}. Nothing on this page is loaded from
elsewhere.</p>
{height}
</body>
</html>
"""
