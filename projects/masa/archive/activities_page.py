"""A page of what was discovered in an archive, to look through and name."""

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

import numpy as np
from PIL import Image

from ..datasets.transforms import ProjectSkeleton
from ..embeddings import EmbeddedSequence
from ..visualization.sequence_images import SequenceImages
from .archive import Archive
from .discovery import SPAN, Stay

# Stretches of an activity that are shown, and moments of each.
SHOWN, MOMENTS = 3, 5
# Of the pictures, in pixels.
HEIGHT = 110


def activities_page(
    archive: Archive, activities: Sequence[Sequence[Stay]]
) -> str:
    """Write a page of the activities that were discovered.

    Args:
        archive (Archive): The open archive.
        activities (Sequence[Sequence[Stay]]): Of
            :func:`~masa.archive.discovery.discover_activities`.

    Returns:
        str: HTML that loads nothing from elsewhere: skeletons of the most
        typical stretches, of different sequences where there are some, a
        field for the name of each activity, and a button that saves the
        names as a table of labels.
    """
    sections = []
    for number, stays in enumerate(activities, 1):
        total = sum(one.end - one.start for one in stays)
        count = len({one.sequence.id for one in stays})
        figures = [_figure(archive, one) for one in _typical(stays)]
        sections.append(
            f'<section>\n<h2>Activity {number}: {total:.0f} s, {len(stays)} '
            f'stretches in {count} sequences <input placeholder="name" '
            f'aria-label="name of activity {number}"></h2>\n'
            f'{"".join(figures)}\n</section>'
        )
    data = [
        [
            [one.sequence.name, round(one.start, 2), round(one.end, 2)]
            for one in stays
        ]
        for stays in activities
    ]
    template = files(__package__).joinpath('activities.html')
    return Template(template.read_text(encoding='utf-8')).substitute(
        title=f'{len(activities)} activities that recur',
        archive=escape(archive.uri),
        sections='\n'.join(sections),
        # Nothing in it may end the script element.
        data=json.dumps(data).replace('<', '\\u003c'),
    )


def _typical(stays: Sequence[Stay]) -> list[Stay]:
    """Choose the most typical stretches, of each sequence one first."""
    seen: set[str] = set()
    first, rest = [], []
    for one in stays:
        (rest if one.sequence.id in seen else first).append(one)
        seen.add(one.sequence.id)
    return [*first, *rest][:SHOWN]


def _figure(archive: Archive, stay: Stay) -> str:
    """Draw moments of the most typical window of a stretch side by side."""
    start = stay.middle - SPAN / 2
    record = archive.record(stay.sequence, start, start + SPAN)
    # Half from the front: seen from the side, left and right are one.
    record = ProjectSkeleton()(record)
    times = record['timestamps']
    moments = np.linspace(start, start + SPAN, MOMENTS)
    frames = np.searchsorted(times, moments).clip(0, len(times) - 1)
    shown = slice(frames[0], frames[-1] + 1)
    sequence = EmbeddedSequence(
        stay.sequence.name,
        np.empty((frames[-1] + 1 - frames[0], 0)),
        keypoint=record['keypoint'][0, shown],
        keypoint_score=record['keypoint_score'][0, shown],
        skeleton=record['skeleton'],
    )
    images = SequenceImages(sequence, HEIGHT).at(frames - frames[0])
    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(images), axis=1)).save(file, 'png')
    content = base64.b64encode(file.getvalue()).decode()
    caption = f'{stay.sequence.name}, {stay.middle:.1f} s'
    return (
        f'<figure><img alt="{MOMENTS} poses" src="data:image/png;base64,'
        f'{content}"><figcaption>{escape(caption)}</figcaption></figure>'
    )
