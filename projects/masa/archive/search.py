"""Finding moments and occurrences in an archive."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..alignment import Occurrence
from ..apis.alignment_inferencer import AlignmentInferencer
from ..embeddings import EmbeddedSequence
from .archive import Archive
from .sequences import ArchivedSequence, Hit, make_entry

# Moments of a query whose nearest ones are looked for, and how many of each.
QUERIED, NEAREST = 16, 500
# Stretches that are searched by the finder.
STRETCHES = 50
# How much slower than the query, and no more, an occurrence may be, as in
# masa find; and seconds around a stretch that are searched, too.
SLOWEST, AROUND = 2.0, 1.0
# Seconds between two moments of a sequence that are told apart.
APART = 1.0


class FoundMoment(NamedTuple):
    """A moment in an archive that is like another.

    Attributes:
        sequence (ArchivedSequence): Where.
        second (float): When, in seconds.
        distance (float): Squared distance of the embeddings.
    """

    sequence: ArchivedSequence
    second: float
    distance: float


class Candidate(NamedTuple):
    """A stretch of a sequence that may hold occurrences.

    Attributes:
        sequence (str): Id of the sequence.
        start (float): First second.
        end (float): Last second.
        moments (int): Of how many moments of the query there are near ones.
    """

    sequence: str
    start: float
    end: float
    moments: int


class FoundOccurrence(NamedTuple):
    """An occurrence of a template in an archive.

    Attributes:
        sequence (ArchivedSequence): Where.
        occurrence (Occurrence): Its seconds and score; frames are those of
            the sequence.
        part (EmbeddedSequence): Its frames.
    """

    sequence: ArchivedSequence
    occurrence: Occurrence
    part: EmbeddedSequence


def find_moment(
    archive: Archive,
    inferencer: AlignmentInferencer,
    query: EmbeddedSequence,
    frame: int,
    count: int,
    condition: str = '',
) -> list[FoundMoment]:
    """Find the moments of an archive that are most like one of a sequence.

    Args:
        archive (Archive): The open archive.
        inferencer (AlignmentInferencer): Its model.
        query (EmbeddedSequence): The sequence.
        frame (int): Its frame; negative from the end.
        count (int): How many to find. Of moments of one sequence that are
            less than a second apart, the nearest counts.
        condition (str): A filter of Milvus. Defaults to none.

    Returns:
        list[FoundMoment]: The nearest first.

    Raises:
        ArchiveError: If the archive is empty, or of another model.
        ValueError: If the query has no joints or times.
        IndexError: If it has no such frame.
    """
    entry = make_entry(inferencer, _record_of(query), query.name)
    if not -len(query) <= frame < len(query):
        raise IndexError(
            f'{query.name} has {len(query)} frames, and no frame {frame}'
        )
    second = query.timestamps[frame]
    moment = entry.embeddings[np.abs(entry.seconds - second).argmin()]
    (hits,) = archive.nearest(moment[None], NEAREST * count, condition)
    chosen: list[Hit] = []
    for hit in hits:
        if len(chosen) < count and not any(
            one.sequence == hit.sequence
            and abs(one.second - hit.second) < APART
            for one in chosen
        ):
            chosen.append(hit)
    known = archive.by_ids(hit.sequence for hit in chosen)
    return [
        FoundMoment(known[hit.sequence], round(hit.second, 3), hit.distance)
        for hit in chosen
    ]


def find_occurrences_in(
    archive: Archive,
    inferencer: AlignmentInferencer,
    query: EmbeddedSequence,
    condition: str = '',
    tolerance: float | None = None,
    mirrored: bool = False,
    stretches: int = STRETCHES,
) -> list[FoundOccurrence]:
    """Find where an archive shows what a template shows.

    The nearest moments of moments of the template make stretches, in which
    :meth:`masa.AlignmentInferencer.find` searches.

    Args:
        archive (Archive): The open archive.
        inferencer (AlignmentInferencer): Its model.
        query (EmbeddedSequence): The template, one execution.
        condition (str): A filter of Milvus. Defaults to none.
        tolerance (float, optional): Of ``find``.
        mirrored (bool): Of ``find``. Defaults to False.
        stretches (int): How many stretches are searched. Defaults to 50.

    Returns:
        list[FoundOccurrence]: The best first.

    Raises:
        ArchiveError: If the archive is empty, or of another model.
        ValueError: If the query has no joints or times, or as ``find``.
    """
    queries = [query]
    if mirrored:
        flipped = inferencer.embed_mirrored(query)
        if flipped is not None:
            queries.append(flipped)
    candidates = []
    for one in queries:
        entry = make_entry(inferencer, _record_of(one), query.name)
        candidates += candidate_stretches(
            archive, entry.seconds, entry.embeddings, condition
        )
    candidates = _joined(candidates)[:stretches]
    known = archive.by_ids(one.sequence for one in candidates)
    found = []
    for one in inferencer.track(candidates, 'Searching stretches'):
        sequence = known[one.sequence]
        record = archive.record(sequence, one.start, one.end)
        found += _find_in_stretch(
            inferencer, query, sequence, record, one, tolerance, mirrored
        )
    return sorted(found, key=lambda one: one.occurrence.cost)


def candidate_stretches(
    archive: Archive,
    seconds: np.ndarray,
    embeddings: np.ndarray,
    condition: str = '',
) -> list[Candidate]:
    """Find stretches in which moments are like those of a template.

    A near moment of one of the template's places the template in its
    sequence. Where more of the template's moments place it, it is more
    likely to be.

    Args:
        archive (Archive): The open archive.
        seconds (np.ndarray): Times of the template's moments, (M,).
        embeddings (np.ndarray): Their embeddings, (M, D).
        condition (str): A filter of Milvus. Defaults to none.

    Returns:
        list[Candidate]: The most likely first.
    """
    chosen = np.unique(
        np.linspace(0, len(seconds) - 1, QUERIED).round().astype(int)
    )
    length = max(float(seconds[-1] - seconds[0]), APART)
    places: dict[str, list[tuple[float, int]]] = {}
    for moment, hits in zip(
        chosen,
        archive.nearest(embeddings[chosen], NEAREST, condition),
        strict=True,
    ):
        # Where the template would begin, at its own tempo.
        before = float(seconds[moment] - seconds[0])
        for hit in hits:
            places.setdefault(hit.sequence, []).append(
                (hit.second - before, int(moment))
            )
    found = []
    for sequence, starts in places.items():
        starts.sort()
        times = np.array([start for start, _ in starts])
        moments = np.array([moment for _, moment in starts])
        # Windows of half a template, of which the fullest come first.
        ends = np.searchsorted(times, times + length / 2, 'right')
        counts = np.array(
            [len(np.unique(moments[i:end])) for i, end in enumerate(ends)]
        )
        free = np.ones(len(times), bool)
        for i in np.argsort(-counts, kind='stable'):
            if free[i]:
                free &= np.abs(times - times[i]) > length / 2
                found.append(
                    Candidate(
                        sequence,
                        float(times[i]) - AROUND,
                        float(times[i]) + SLOWEST * length + AROUND,
                        int(counts[i]),
                    )
                )
    return sorted(found, key=lambda one: -one.moments)


def _joined(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Join stretches that overlap; the most likely come first."""
    joined: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: one[:2]):
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.sequence == one.sequence
            and one.start <= last.end
        ):
            joined[-1] = last._replace(
                end=max(last.end, one.end),
                moments=max(last.moments, one.moments),
            )
        else:
            joined.append(one)
    return sorted(joined, key=lambda one: -one.moments)


def _find_in_stretch(
    inferencer: AlignmentInferencer,
    query: EmbeddedSequence,
    sequence: ArchivedSequence,
    record: dict,
    stretch: Candidate,
    tolerance: float | None,
    mirrored: bool,
) -> list[FoundOccurrence]:
    first_frame = record.pop('first_frame')
    times = record['timestamps']
    start, end = np.searchsorted(times, (stretch.start, stretch.end))
    first_frame += int(start)
    part = {
        **record,
        'keypoint': record['keypoint'][:, start:end],
        'keypoint_score': record['keypoint_score'][:, start:end],
        'timestamps': times[start:end],
        'total_frames': int(end - start),
    }
    with warnings.catch_warnings():
        # A stretch may be shorter than the template; it is not the recording.
        warnings.filterwarnings('ignore', '.*much shorter than')
        (recording,) = inferencer.embed(part, parts=True)
        found = inferencer.find(query, recording, tolerance, mirrored)
    return [
        FoundOccurrence(
            sequence,
            one._replace(
                start_frame=one.start_frame + first_frame,
                end_frame=one.end_frame + first_frame,
            ),
            cut,
        )
        for one, cut in zip(
            found,
            inferencer.cut_parts(
                recording, [(one.start_frame, one.end_frame) for one in found]
            ),
            strict=True,
        )
    ]


def _record_of(query: EmbeddedSequence) -> dict:
    """Make a record of a sequence of joints, or of its mirror image."""
    if query.keypoint is None or query.skeleton is None:
        raise ValueError(
            f'{query.name} is expected to be a sequence of joints'
        )
    record = dict(
        frame_dir=query.name,
        total_frames=len(query),
        keypoint=query.keypoint[None],
        skeleton=query.skeleton,
    )
    if query.keypoint_score is not None:
        record['keypoint_score'] = query.keypoint_score[None]
    if query.timestamps is not None:
        record['timestamps'] = query.timestamps
    return record
