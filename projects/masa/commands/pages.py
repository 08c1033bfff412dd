"""Pages of one file that play sequences in step."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..alignment import Occurrence, Timeline, align_pair, central_sequence
from ..apis import AlignmentInferencer, EmbeddedSequence
from ..support.files import atomic_path
from ..visualization.player import (
    DISTANCE,
    Player,
    Track,
    aligned_player,
    distances,
    phase_marks,
    player_page,
)


def write_aligned_page(
    path: Path,
    inferencer: AlignmentInferencer,
    sequences: list[EmbeddedSequence],
    timeline: Timeline,
    height: int,
) -> None:
    """Write a page that plays aligned sequences.

    Args:
        path (Path): The file, ``.html``.
        inferencer (AlignmentInferencer): The model that embedded them.
        sequences (list[EmbeddedSequence]): The sequences.
        timeline (Timeline): Their alignment.
        height (int): Height of the pictures of videos in pixels.

    Raises:
        OSError: If the file cannot be written or a video be read.
        ValueError: If there is nothing to show of a sequence.
    """
    _write(
        path,
        aligned_player(sequences, timeline),
        f'{len(sequences)} aligned sequences',
        height,
        inferencer,
    )


def write_found_page(
    path: Path,
    inferencer: AlignmentInferencer,
    references: Sequence[EmbeddedSequence],
    recording: EmbeddedSequence,
    found: Sequence[Occurrence],
    height: int,
) -> None:
    """Write a page that plays occurrences in step with a reference.

    Of several references it is the most central one.

    Args:
        path (Path): The file, ``.html``.
        inferencer (AlignmentInferencer): The model that embedded them.
        references (Sequence[EmbeddedSequence]): The references.
        recording (EmbeddedSequence): The recording.
        found (Sequence[Occurrence]): What was found in it.
        height (int): Height of the pictures of videos in pixels.

    Raises:
        OSError: If the file cannot be written or a video be read.
        ValueError: If there is nothing to show of a sequence.
    """
    reference = references[
        central_sequence([one.embedding for one in references])
    ]
    tracks = [
        Track(
            reference,
            np.arange(len(reference)),
            title=f'{reference.name} (reference)',
        )
    ]
    parts = inferencer.cut_parts(
        recording, [(one.start_frame, one.end_frame) for one in found]
    )
    for number, (one, part) in enumerate(zip(found, parts, strict=True), 1):
        seen = inferencer.embed_mirrored(part) if one.mirrored else part
        frames = align_pair(reference.embedding, seen.embedding).match_first()
        tracks.append(
            Track(
                part,
                frames,
                distances(reference, seen, frames),
                one.score,
                f'{number}{" (mirrored)" * one.mirrored}',
                one.start_frame,
            )
        )
    _write(
        path,
        Player(tracks, marks=phase_marks(reference), curve_title=DISTANCE),
        f'{len(found)} found in {recording.name}',
        height,
        inferencer,
    )


def _write(
    path: Path,
    player: Player,
    title: str,
    height: int,
    inferencer: AlignmentInferencer,
) -> None:
    page = player_page(player, title, height, inferencer.limits)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding='utf-8')
    print(f'{path}: {title}, {len(page) / 1e6:.1f} MB')
