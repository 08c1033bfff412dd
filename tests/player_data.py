"""Sequences whose pictures tell their frame, and pages of them."""

import json
import re
from dataclasses import replace

import numpy as np
from PIL import Image
from squats import squat

from masa.alignment import Timeline
from masa.datasets.skeletons import PENN_ACTION
from masa.embeddings import EmbeddedSequence

# Gray values of two frames differ by so much, which WebP keeps apart.
STEP = 8


def video_of(folder, number, height=32, width=48):
    """Make a folder of images, each frame of a gray value of its own."""
    folder.mkdir(parents=True)
    for frame in range(number):
        image = Image.new('L', (width, height), STEP * frame % 256)
        image.save(folder / f'{frame}.png')
    return folder


def sequence(name, number, rate=30.0, **contents):
    rng = np.random.default_rng(number)
    return EmbeddedSequence(
        name,
        rng.normal(size=(number, 4)).astype(np.float32),
        timestamps=None if rate is None else np.arange(number) / rate,
        **contents,
    )


def body(number, axes=3):
    """Joints of a body that bends, (T, 13, axes)."""
    rng = np.random.default_rng(axes)
    way = np.sin(np.linspace(0, np.pi, number))[:, None, None]
    return rng.normal(size=(13, axes)) + way * rng.normal(size=(13, axes))


def skeleton(up_axis='y'):
    return PENN_ACTION | dict(up_axis=up_axis)


def timeline(reference, *rows):
    frames = np.array(rows)
    return Timeline(reference, frames, np.linspace(0, 1, len(rows)))


def data_of(page):
    """Read the data that are inside of a page."""
    found = re.search(
        r'<script type="application/json" id="player-data">(.*?)</script>',
        page,
    )
    return json.loads(found[1])


def performance(name, number, knee):
    """A squat that is embedded by its depth."""
    joints = squat(number)
    joints[:, 9:11, 2] += knee * np.sin(np.linspace(0, np.pi, number))[:, None]
    depth = joints[:, :1, 1]
    way = np.linspace(0, 1, number)[:, None]
    one = sequence(name, number, keypoint=joints, skeleton=skeleton())
    return replace(one, embedding=np.hstack([depth, way]).astype(np.float32))
