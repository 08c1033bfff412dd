"""The video of aligned sequences in step."""

from pathlib import Path

import numpy as np

from ..alignment import Timeline
from ..apis import AlignmentInferencer, EmbeddedSequence
from ..visualization.sequence_images import SequenceImages
from ..visualization.video import (
    USUAL_RATE,
    frame_interval,
    playback,
    show_in_step,
    write_video,
)
from ..writers.formats import output_suffix

# Highest frame rates in Hz: that of a screen, and one that a GIF, whose
# durations are in hundredths of a second, can hold.
MAX_RATE = {'.mp4': 60.0, '.gif': 25.0}


def write_aligned_video(
    path: Path,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
    timeline: Timeline,
    height: int,
) -> None:
    """Write a video of the sequences as recorded and, below, in step.

    Args:
        path (Path): The file, ``.mp4`` or ``.gif``.
        inferencer (AlignmentInferencer): The model that embedded them.
        sequences (list[EmbeddedSequence]): The sequences.
        timeline (Timeline): Their alignment.
        height (int): Height of each sequence's pictures in pixels.

    Raises:
        OSError: If the file cannot be written.
    """
    sources = [
        SequenceImages(one, height, inferencer.limits) for one in sequences
    ]
    unknown = [one.name for one in sequences if one.timestamps is None]
    if unknown:
        print(
            f'{", ".join(unknown)}: no frame rate is known, {USUAL_RATE:g} '
            'frames a second are played; --frame-rate sets it'
        )
    timestamps = [
        np.arange(len(one)) / USUAL_RATE
        if one.timestamps is None
        else one.timestamps
        for one in sequences
    ]
    rate = min(
        max(1 / frame_interval(times) for times in timestamps),
        MAX_RATE[output_suffix(path)],
    )
    recorded, aligned = playback(
        timestamps, timeline.frames, timeline.reference, rate
    )
    matched = aligned >= 0
    # Without a counterpart a sequence waits where it was last.
    aligned = np.maximum.accumulate(aligned, axis=1).clip(0)
    # A sequence of a single frame has no duration.
    progress = [
        (times - times[0]) / (np.ptp(times) or 1.0) for times in timestamps
    ]
    pictures = show_in_step(
        [one.name for one in sequences],
        [one.at(i) for one, i in zip(sources, recorded, strict=True)],
        [one.at(i) for one, i in zip(sources, aligned, strict=True)],
        *(
            np.stack([p[row] for p, row in zip(progress, rows, strict=True)])
            for rows in (recorded, aligned)
        ),
        height,
        matched,
    )
    count = write_video(path, pictures, rate)
    print(f'{path}: {count} pictures, {rate:.4g} a second, in real time')
