"""ELAN's annotation format (EAF 3.0).

Written with the standard library: pympi-ling writes the older format 2.8, and
would be a dependency for a few lines.
"""

import mimetypes
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree as ET

from ..support.files import atomic_path
from .tracks import Interval, Track, one_line

_SCHEMA = '{http://www.w3.org/2001/XMLSchema-instance}'
_TYPE = 'default-lt'


def write_eaf(path: Path, tracks: Sequence[Track]) -> None:
    """Write tracks for ELAN, a tier for each, with their videos.

    Intervals of a tier may not overlap in ELAN: those that do go to a second
    tier of the same sequence, ``(2)``.

    Args:
        path (Path): The file, to whose folder the videos are relative.
        tracks (Sequence[Track]): One or several.

    Raises:
        ValueError: If the times of the frames are unknown.
        OSError: If the file cannot be written.
    """
    root = ET.Element(
        'ANNOTATION_DOCUMENT',
        {
            'AUTHOR': '',
            'DATE': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            'FORMAT': '3.0',
            'VERSION': '3.0',
            f'{_SCHEMA}noNamespaceSchemaLocation': (
                'http://www.mpi.nl/tools/elan/EAFv3.0.xsd'
            ),
        },
    )
    header = ET.SubElement(
        root, 'HEADER', MEDIA_FILE='', TIME_UNITS='milliseconds'
    )
    for track in tracks:
        _link_media(header, track.sequence.video, path.parent)
    order = ET.SubElement(root, 'TIME_ORDER')
    slots: list[tuple[int, str]] = []
    count = 0
    for track in tracks:
        name = one_line(track.sequence.name)
        for number, lane in enumerate(_lanes(track), 1):
            title = f'{name}: {track.kind}' + f' ({number})' * (number > 1)
            tier = ET.SubElement(
                root, 'TIER', LINGUISTIC_TYPE_REF=_TYPE, TIER_ID=title
            )
            for times, interval in lane:
                count += 1
                ends = [f'ts{2 * count - 1}', f'ts{2 * count}']
                slots += zip(times, ends, strict=True)
                annotation = ET.SubElement(
                    ET.SubElement(tier, 'ANNOTATION'),
                    'ALIGNABLE_ANNOTATION',
                    ANNOTATION_ID=f'a{count}',
                    TIME_SLOT_REF1=ends[0],
                    TIME_SLOT_REF2=ends[1],
                )
                value = ET.SubElement(annotation, 'ANNOTATION_VALUE')
                value.text = interval.caption
    for time, slot in sorted(slots, key=lambda one: one[0]):
        ET.SubElement(
            order, 'TIME_SLOT', TIME_SLOT_ID=slot, TIME_VALUE=str(time)
        )
    ET.SubElement(
        root,
        'LINGUISTIC_TYPE',
        GRAPHIC_REFERENCES='false',
        LINGUISTIC_TYPE_ID=_TYPE,
        TIME_ALIGNABLE='true',
    )
    ET.indent(root)
    with atomic_path(path) as temporary:
        ET.ElementTree(root).write(
            temporary, encoding='utf-8', xml_declaration=True
        )


def _link_media(header: ET.Element, video: Path | None, folder: Path) -> None:
    # ELAN plays no folders of images.
    if video is None or not video.is_file():
        return
    kind, _ = mimetypes.guess_type(video.name)
    media = ET.SubElement(
        header,
        'MEDIA_DESCRIPTOR',
        MEDIA_URL=video.resolve().as_uri(),
        MIME_TYPE=kind or 'unknown',
    )
    # Windows has no relative path to another drive.
    if video.resolve().drive == folder.resolve().drive:
        relative = os.path.relpath(video.resolve(), folder.resolve())
        media.set('RELATIVE_MEDIA_URL', one_line(Path(relative).as_posix()))


def _lanes(
    track: Track,
) -> list[list[tuple[tuple[int, int], Interval]]]:
    """Distribute intervals so that those of a lane do not overlap."""
    lanes: list[list[tuple[tuple[int, int], Interval]]] = [[]]
    timed = zip(track.milliseconds(), track.intervals, strict=True)
    for times, interval in sorted(timed, key=lambda one: one[0]):
        for lane in lanes:
            if not lane or lane[-1][0][1] <= times[0]:
                lane.append((times, interval))
                break
        else:
            lanes.append([(times, interval)])
    return lanes
