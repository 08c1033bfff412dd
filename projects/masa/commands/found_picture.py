"""A picture of what was found: each occurrence in step with its reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..alignment import Occurrence, align_pair
from ..apis import AlignmentInferencer, EmbeddedSequence
from ..support.files import atomic_path
from ..visualization.sequence_images import SequenceImages
from ..visualization.video import add_heading, show_beside

MOMENTS = 7
HEIGHT = 120
# A picture of more could not be looked at.
MOST = 30


def write_found_picture(
    path: Path,
    inferencer: AlignmentInferencer,
    references: Sequence[EmbeddedSequence],
    recording: EmbeddedSequence,
    found: Sequence[Occurrence],
) -> None:
    """Write rows of pictures: of each reference, and of what matches it.

    Args:
        path (Path): The file, ``.png``.
        inferencer (AlignmentInferencer): The model that embedded them.
        references (Sequence[EmbeddedSequence]): The references.
        recording (EmbeddedSequence): The recording.
        found (Sequence[Occurrence]): The first 30 are shown.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If there is nothing to show of a sequence.
    """
    shown = found[:MOST]
    pictures = SequenceImages(recording, HEIGHT, inferencer.limits)
    parts = inferencer.cut_parts(
        recording, [(one.start_frame, one.end_frame) for one in shown]
    )
    rows = []
    for i, reference in enumerate(references):
        frames = np.linspace(0, len(reference) - 1, MOMENTS).round()
        frames = frames.astype(np.int64)
        images = SequenceImages(reference, HEIGHT, inferencer.limits)
        rows.append(_row(reference.name, reference, images, frames, frames))
        for number, (one, part) in enumerate(
            zip(shown, parts, strict=True), 1
        ):
            if one.reference != i:
                continue
            seen = inferencer.embed_mirrored(part) if one.mirrored else part
            alignment = align_pair(reference.embedding, seen.embedding)
            matched = alignment.match_first()[frames] + one.start_frame
            title = f'{number}: score {one.score:.2f}'
            title += ', mirrored' * one.mirrored
            rows.append(_row(title, recording, pictures, matched, frames))
    wide = max(row.shape[1] for row in rows)
    rows = [
        np.pad(row, ((0, 0), (0, wide - row.shape[1]), (0, 0)), mode='edge')
        for row in rows
    ]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary)
    left_out = f', the first {MOST}' if len(found) > MOST else ''
    print(f'{path}: {len(shown)} occurrences in step{left_out}')


def _row(
    title: str,
    sequence: EmbeddedSequence,
    images: SequenceImages,
    frames: np.ndarray,
    progress: np.ndarray,
) -> np.ndarray:
    seconds = [sequence.seconds(frame) for frame in frames]
    titles = [
        f'frame {frame}' if second is None else f'{second:.2f} s'
        for frame, second in zip(frames, seconds, strict=True)
    ]
    shares = progress / max(progress[-1], 1)
    pictures = list(images.at(frames))
    return add_heading(show_beside(titles, pictures, shares, HEIGHT), title)
