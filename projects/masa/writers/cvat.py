"""CVAT's XML 1.1 for video (https://docs.cvat.ai/docs/manual/advanced/xml_format)."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from ..extraction.frames import FrameReader
from ..extraction.limits import MediaLimits
from ..support.files import atomic_path
from .tracks import Track, one_line, video_of


def write_cvat(path: Path, tracks: Sequence[Track]) -> None:
    """Write a track for CVAT: a box around the picture for each interval.

    CVAT has no intervals without a shape.

    Args:
        path (Path): The file.
        tracks (Sequence[Track]): The track alone.

    Raises:
        ValueError: If the sequence has no video.
        OSError: If the file cannot be written.
    """
    (track,) = tracks
    sequence = track.sequence
    video = video_of(sequence)
    # It was read before, within its limits; more pixels FFmpeg does not take.
    reader = FrameReader(video, MediaLimits(2**31 - 1, math.inf))
    height, width = next(iter(reader)).shape[:2]
    root = ET.Element('annotations')
    _add(root, 'version', '1.1')
    task = ET.SubElement(ET.SubElement(root, 'meta'), 'task')
    _add(task, 'name', one_line(sequence.name))
    _add(task, 'size', len(sequence))
    _add(task, 'mode', 'interpolation')
    _add(task, 'start_frame', 0)
    _add(task, 'stop_frame', len(sequence) - 1)
    labels = ET.SubElement(task, 'labels')
    for label in dict.fromkeys(one.label for one in track.intervals):
        element = ET.SubElement(labels, 'label')
        _add(element, 'name', label)
        attribute = ET.SubElement(
            ET.SubElement(element, 'attributes'), 'attribute'
        )
        for key, value in (
            *(('name', 'score'), ('mutable', 'False')),
            *(('input_type', 'text'), ('default_value', ''), ('values', '')),
        ):
            _add(attribute, key, value)
    size = ET.SubElement(task, 'original_size')
    _add(size, 'width', width)
    _add(size, 'height', height)
    _add(task, 'source', one_line(video.name))
    for number, one in enumerate(track.intervals):
        element = ET.SubElement(
            root, 'track', id=str(number), label=one.label, source='file'
        )
        # A shape is kept until the next one, which is outside of the picture.
        for frame, outside in ((one.start_frame, 0), (one.end_frame, 1)):
            if frame == len(sequence):
                break
            box = ET.SubElement(
                element,
                'box',
                frame=str(frame),
                keyframe='1',
                outside=str(outside),
                occluded='0',
                xtl='0.00',
                ytl='0.00',
                xbr=f'{width:.2f}',
                ybr=f'{height:.2f}',
                z_order='0',
            )
            if one.score is not None:
                _add(box, 'attribute', one.score).set('name', 'score')
    ET.indent(root)
    with atomic_path(path) as temporary:
        ET.ElementTree(root).write(
            temporary, encoding='utf-8', xml_declaration=True
        )


def _add(parent: ET.Element, tag: str, value: object) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = str(value)
    return element
