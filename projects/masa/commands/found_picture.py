"""A picture of what was found: each occurrence in step with its reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..alignment import Occurrence, align_pair
from ..alignment.joint_angles import body_joints, has_body
from ..apis import AlignmentInferencer, EmbeddedSequence
from ..datasets.skeletons import PENN_ACTION
from ..extraction.limits import MediaLimits
from ..support.files import atomic_path
from ..visualization.drawing import draw_poses
from ..visualization.sequence_images import SequenceImages
from ..visualization.video import add_heading, show_beside
from ..visualization.views import VIEWS, best_view, view_from

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
    parts = inferencer.cut_parts(
        recording, [(one.start_frame, one.end_frame) for one in shown]
    )
    rows = []
    for i, reference in enumerate(references):
        frames = np.linspace(0, len(reference) - 1, MOMENTS).round()
        frames = frames.astype(np.int64)
        view = _choose_view(reference)
        title = reference.name
        if view is not None and reference.video is None:
            title += f', seen from {VIEWS[view]}'
        pictures = _show(reference, frames, view, inferencer.limits)
        rows.append(_row(title, reference, pictures, frames, frames))
        for number, (one, part) in enumerate(
            zip(shown, parts, strict=True), 1
        ):
            if one.reference != i:
                continue
            seen = inferencer.embed_mirrored(part) if one.mirrored else part
            alignment = align_pair(reference.embedding, seen.embedding)
            matched = alignment.match_first()[frames]
            pictures = _show(
                part, matched, view, inferencer.limits, one.start_frame
            )
            title = f'{number}: score {one.score:.2f}'
            title += ', mirrored' * one.mirrored
            matched += one.start_frame
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


def _choose_view(reference: EmbeddedSequence) -> int | None:
    """Choose from where a body in 3D is seen to move; None in 2D."""
    if not _is_body_in_3d(reference):
        return None
    joints = body_joints(reference)
    return best_view(joints, joints[:1])


def _is_body_in_3d(sequence: EmbeddedSequence) -> bool:
    return has_body(sequence) and (
        sequence.keypoint.shape[1:] == (len(sequence.skeleton['joints']), 3)
    )


def _show(
    sequence: EmbeddedSequence,
    frames: np.ndarray,
    view: int | None,
    limits: MediaLimits,
    offset: int = 0,
) -> list[np.ndarray]:
    """Show frames of a sequence, which its video has after ``offset``."""
    if sequence.video is not None:
        frames = frames + offset
    elif view is not None and _is_body_in_3d(sequence):
        poses = view_from(body_joints(sequence)[frames], view)
        return draw_poses(poses * [1, -1], PENN_ACTION, HEIGHT)
    return list(SequenceImages(sequence, HEIGHT, limits).at(frames))


def _row(
    title: str,
    sequence: EmbeddedSequence,
    pictures: Sequence[np.ndarray],
    frames: np.ndarray,
    progress: np.ndarray,
) -> np.ndarray:
    seconds = [sequence.seconds(frame) for frame in frames]
    titles = [
        f'frame {frame}' if second is None else f'{second:.2f} s'
        for frame, second in zip(frames, seconds, strict=True)
    ]
    shares = progress / max(progress[-1], 1)
    return add_heading(show_beside(titles, pictures, shares, HEIGHT), title)
