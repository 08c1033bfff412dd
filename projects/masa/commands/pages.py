"""Pages of one file that play sequences in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..alignment import Occurrence, Timeline, align_pair, central_sequence
from ..apis import AlignmentInferencer, EmbeddedSequence
from ..apis.inputs import is_video
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

if TYPE_CHECKING:
    from ..archive.search import FoundOccurrence


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
    parts = inferencer.cut_parts(
        recording, [(one.start_frame, one.end_frame) for one in found]
    )
    _write(
        path,
        _found_player(inferencer, reference, found, parts),
        f'{len(found)} found in {recording.name}',
        height,
        inferencer,
    )


def write_archive_page(
    path: Path,
    inferencer: AlignmentInferencer,
    query: EmbeddedSequence,
    found: Sequence[FoundOccurrence],
    height: int,
) -> None:
    """Write a page that plays occurrences in an archive in step.

    Videos are shown where they are still, else skeletons.

    Args:
        path (Path): The file, ``.html``.
        inferencer (AlignmentInferencer): The model of the archive.
        query (EmbeddedSequence): What was looked for.
        found (Sequence[FoundOccurrence]): What was found.
        height (int): Height of the pictures of videos in pixels.

    Raises:
        OSError: If the file cannot be written or a video be read.
        ValueError: If a video is not as it was.
    """
    parts = []
    for one in found:
        video = Path(one.sequence.source)
        is_there = is_video(video) and video.is_file()
        parts.append(replace(one.part, video=video if is_there else None))
    _write(
        path,
        _found_player(
            *(inferencer, query, [one.occurrence for one in found], parts),
            [one.sequence.name for one in found],
        ),
        f'{len(found)} found like {query.name}',
        height,
        inferencer,
    )


def _found_player(
    inferencer: AlignmentInferencer,
    reference: EmbeddedSequence,
    found: Sequence[Occurrence],
    parts: Sequence[EmbeddedSequence],
    names: Sequence[str] | None = None,
) -> Player:
    """Play occurrences, which are parts of recordings, with a reference."""
    tracks = [
        Track(
            reference,
            np.arange(len(reference)),
            title=f'{reference.name} (reference)',
        )
    ]
    for number, (one, part) in enumerate(zip(found, parts, strict=True), 1):
        seen = inferencer.embed_mirrored(part) if one.mirrored else part
        frames = align_pair(reference.embedding, seen.embedding).match_first()
        name = '' if names is None else f' {names[number - 1]}'
        tracks.append(
            Track(
                part,
                frames,
                distances(reference, seen, frames),
                one.score,
                f'{number}{name}{" (mirrored)" * one.mirrored}',
                one.start_frame,
            )
        )
    return Player(tracks, marks=phase_marks(reference), curve_title=DISTANCE)


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
