import base64
import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from ..alignment.explanation import Comparison
from ..alignment.joint_angles import JOINTS, body_joints, other_side
from ..alignment.joint_difference import JointDifference
from ..datasets.skeletons import PENN_ACTION
from ..embeddings import EmbeddedSequence
from ..extraction.frames import FrameReader
from ..extraction.limits import MediaLimits
from .drawing import LEFT, MIDDLE, RIGHT
from .video import frames_at
from .views import VIEWS, best_view, view_from

# More standard deviations of a few references mean no more.
MOST_DEVIATIONS = 10
# Of a picture, in pixels.
PHOTO = 240
# The video was accepted when it was embedded.
ACCEPTED = MediaLimits(2**31 - 1, math.inf)


def draw_moments(one: Comparison, shown: Sequence[JointDifference]) -> str:
    """Draw the moments of differences, with their sentences.

    Args:
        one (Comparison): Of sequences with the joints of a body.
        shown (Sequence[JointDifference]): Some of its differences.

    Returns:
        str: HTML with a figure for each: skeletons of the reference and of
        the attempt, and the pictures of their videos, where they have some.

    Raises:
        OSError: If a video cannot be read.
    """
    reference = one.references[one.reference]
    frames = [d.frame for d in shown]
    matched = [int(one.matches[frame]) for frame in frames]
    turned = one.turned[one.reference]
    photos = (
        _photos(reference, matched, turned),
        _photos(
            one.attempt, [one.first_frame + f for f in frames], one.mirrored
        ),
    )
    bodies = [body_joints(s) for s in (reference, one.attempt)]
    poses = [
        _seen(bodies[0][match], bodies[1][frame])
        for match, frame in zip(matched, frames, strict=True)
    ]
    points = np.concatenate([pose for *pair, _ in poses for pose in pair])
    box = np.nanmin(points, 0) - 0.3, np.nanmax(points, 0) + 0.3
    figures = []
    for number, (difference, (expected, own, view)) in enumerate(
        zip(shown, poses, strict=True)
    ):
        marked = _marked_joints(difference.joint, one.mirrored)
        sides = ''
        for title, drawn, mirrored, pictures in (
            ('reference', _bones(expected, turned, marked), turned, photos[0]),
            (
                'attempt',
                _ghost(expected) + _bones(own, one.mirrored, marked),
                one.mirrored,
                photos[1],
            ),
        ):
            sides += (
                f'<div>{_skeleton(drawn, box, title)}{pictures[number]}'
                f'{title}{", mirrored" * mirrored}</div>'
            )
        figures.append(
            f'<figure><div class="sides">{sides}</div><figcaption>'
            f'{escape(difference.sentence)}. {_deviation(difference)}{view}'
            '</figcaption></figure>'
        )
    return f'<div class="grid">{"".join(figures)}</div>'


def _deviation(difference: JointDifference) -> str:
    if difference.deviations is None:
        return ''
    number = abs(difference.deviations)
    many = (
        f'More than {MOST_DEVIATIONS}'
        if number > MOST_DEVIATIONS
        else f'{number:.1f}'
    )
    return f'{many} standard deviations of the references. '


def _photos(
    sequence: EmbeddedSequence, frames: Sequence[int], mirror: bool
) -> list[str]:
    """Cut pictures out of a video; empty texts if there is no video."""
    if sequence.video is None:
        return [''] * len(frames)
    order = np.argsort(frames, kind='stable')
    reader = FrameReader(sequence.video, ACCEPTED)
    made = [''] * len(frames)
    in_order = frames_at(reader, [frames[i] for i in order])
    for i, frame in zip(order, in_order, strict=True):
        picture = Image.fromarray(frame[:, ::-1] if mirror else frame)
        picture.thumbnail((10 * PHOTO, PHOTO))
        data = io.BytesIO()
        picture.save(data, 'JPEG', quality=80)
        text = base64.b64encode(data.getvalue()).decode('ascii')
        made[i] = (
            f'<img alt="frame {frames[i]} of {escape(sequence.name)}" '
            f'src="data:image/jpeg;base64,{text}">'
        )
    return made


def _seen(
    reference: np.ndarray, attempt: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str]:
    """See two bodies, in 3D from where they differ most."""
    if reference.shape[-1] == 2:
        return reference, attempt, ''
    best = best_view(reference, attempt)
    return (
        view_from(reference, best),
        view_from(attempt, best),
        f'Seen from {VIEWS[best]}.',
    )


def _skeleton(
    drawn: str, box: tuple[np.ndarray, np.ndarray], title: str
) -> str:
    """Frame drawn bodies, whose y points down."""
    (left, bottom), (right, top) = box
    return (
        f'<svg viewBox="{left:.2f} {-top:.2f} {right - left:.2f} '
        f'{top - bottom:.2f}" role="img" aria-label="skeleton of the {title}">'
        f'{drawn}</svg>'
    )


def _marked_joints(joint: str, mirrored: bool) -> list[int]:
    """Joints to circle; the mirrored body's left is the person's right."""
    if mirrored:
        joint = other_side(joint)
    if joint == 'trunk':
        joint = 'both_shoulders'
    side, _, rest = joint.partition('_')
    names = [joint]
    if side == 'both':
        names = [f'{side}_{rest[:-1]}' for side in ('left', 'right')]
    return [JOINTS.index(name) for name in names]


def _bones(pose: np.ndarray, mirrored: bool, marked: Sequence[int]) -> str:
    """Draw a body in the colors of the person's sides, and circle joints."""
    parts = []
    for first, second in PENN_ACTION['bones']:
        names = [JOINTS[first], JOINTS[second]]
        if mirrored:
            names = list(map(other_side, names))
        color = MIDDLE
        for side, own in (('left', LEFT), ('right', RIGHT)):
            if all(name.startswith(side) for name in names):
                color = own
        parts.append(
            _bone(pose[[first, second]], f'class="bone" stroke="rgb{color}"')
        )
    parts += [
        f'<circle class="mark" cx="{x:.2f}" cy="{-y:.2f}" r=".14"/>'
        for x, y in pose[marked]
        if np.isfinite(x)
    ]
    return ''.join(parts)


def _ghost(pose: np.ndarray) -> str:
    """Draw a body in gray."""
    return ''.join(
        _bone(pose[list(bone)], 'class="ghost"')
        for bone in PENN_ACTION['bones']
    )


def _bone(ends: np.ndarray, attributes: str) -> str:
    if np.isnan(ends).any():
        return ''
    (x1, y1), (x2, y2) = ends
    return (
        f'<line {attributes} x1="{x1:.2f}" y1="{-y1:.2f}" x2="{x2:.2f}" '
        f'y2="{-y2:.2f}"/>'
    )
