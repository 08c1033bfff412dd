"""Pictures of corresponding frames, in a folder or a ZIP archive."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..alignment import Match, Occurrence, Timeline
from ..embeddings import EmbeddedSequence
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from ..support.files import alike_on_disk, atomic_path, output_path
from ..visualization.sequence_images import SequenceImages

# Of drawn skeletons, in pixels.
HEIGHT = 240
# Name without suffix, slashes for folders, and RGB (H, W, 3) uint8.
Picture = tuple[str, np.ndarray]


def write_pictures(path: Path, pictures: Iterable[Picture], what: str) -> None:
    """Write pictures as PNG files, and say so.

    Args:
        path (Path): A folder, or an archive, ``.zip``. Other files in the
            folder are kept.
        pictures (Iterable[Picture]): The pictures, of different names.
        what (str): What they show, for the line that says so.

    Raises:
        OSError: If a file cannot be written.
    """
    count = 0
    if path.suffix.lower() == '.zip':
        with (
            atomic_path(path) as temporary,
            zipfile.ZipFile(temporary, 'w') as archive,
        ):
            for name, image in pictures:
                member = output_path('', name, '.png').as_posix()
                # Without the time, so that equal inputs make equal files.
                archive.writestr(zipfile.ZipInfo(member), _png(image))
                count += 1
    else:
        path.mkdir(parents=True, exist_ok=True)
        for name, image in pictures:
            with atomic_path(output_path(path, name, '.png')) as temporary:
                temporary.write_bytes(_png(image))
            count += 1
    print(f'{path}: {count} pictures, {what}')


def pictures_of_timeline(
    sequences: Sequence[EmbeddedSequence],
    timeline: Timeline,
    moments: int,
    height: int,
    limits: MediaLimits = DEFAULT_LIMITS,
) -> Iterator[Picture]:
    """Yield pictures of all sequences at the same moments.

    Args:
        sequences (Sequence[EmbeddedSequence]): The sequences.
        timeline (Timeline): Their alignment.
        moments (int): At how many moments of the reference, from the first
            frame to the last one.
        height (int): Height of drawn skeletons in pixels; frames of videos
            keep their size.
        limits (MediaLimits): Limits above which a video is refused.

    Yields:
        Picture: ``SEQUENCE/MOMENT_SECONDS_FRAME``. Where a sequence has no
        counterpart it has no picture.

    Raises:
        ValueError: If there is nothing to show of a sequence, or the folders
            of two would be one on some systems.
    """
    alike = alike_on_disk(one.name for one in sequences)
    if alike:
        raise ValueError(
            f'{alike[0]} and {alike[1]} are one folder on some systems: '
            'write one of them at a time (--only)'
        )
    length = timeline.frames.shape[1]
    chosen = np.linspace(0, length - 1, moments).round().astype(np.int64)
    for sequence, row in zip(sequences, timeline.frames, strict=True):
        named = [
            (int(frame), f'{sequence.name}/{number:02}')
            for number, frame in enumerate(row[chosen], 1)
            if frame >= 0
        ]
        yield from _pictures(sequence, named, height, limits)


def pictures_of_occurrences(
    recording: EmbeddedSequence,
    found: Sequence[Occurrence],
    limits: MediaLimits = DEFAULT_LIMITS,
) -> Iterator[Picture]:
    """Yield the first, the middle and the last frame of occurrences.

    Args:
        recording (EmbeddedSequence): The recording.
        found (Sequence[Occurrence]): What was found in it, in its order.
        limits (MediaLimits): Limits above which a video is refused.

    Yields:
        Picture: ``OCCURRENCE_PART_SECONDS_FRAME``, the part ``1_first``,
        ``2_middle`` or ``3_last``.

    Raises:
        ValueError: If there is nothing to show of the recording.
    """
    named = []
    for number, one in enumerate(found, 1):
        last = one.end_frame - 1
        frames = one.start_frame, (one.start_frame + last) // 2, last
        for frame, part in zip(
            frames, ('1_first', '2_middle', '3_last'), strict=True
        ):
            named.append((frame, f'{number:02}_{part}'))
    yield from _pictures(recording, named, HEIGHT, limits)


def pictures_of_matches(
    query: EmbeddedSequence,
    frame: int,
    others: Sequence[EmbeddedSequence],
    matches: Sequence[Match],
    limits: MediaLimits = DEFAULT_LIMITS,
) -> Iterator[Picture]:
    """Yield a frame and its matches in other sequences.

    Args:
        query (EmbeddedSequence): The sequence of the frame.
        frame (int): Its index; negative from the end.
        others (Sequence[EmbeddedSequence]): The other sequences.
        matches (Sequence[Match]): What was found in them, the nearest first.
        limits (MediaLimits): Limits above which a video is refused.

    Yields:
        Picture: ``RANK_SEQUENCE_SECONDS_FRAME``, rank 0 being the query.

    Raises:
        ValueError: If there is nothing to show of a sequence.
    """
    shown = [(query, frame % len(query))]
    shown += [(others[match.sequence], match.frame) for match in matches]
    for rank, (sequence, index) in enumerate(shown):
        # The rank tells apart what is one name without slashes.
        name = f'{rank:02}_{sequence.name.replace("/", "_")}'
        yield from _pictures(sequence, [(index, name)], HEIGHT, limits)


def _pictures(
    sequence: EmbeddedSequence,
    named: Sequence[tuple[int, str]],
    height: int,
    limits: MediaLimits,
) -> Iterator[Picture]:
    images = SequenceImages(sequence, height, limits)
    # A video is read once.
    named = sorted(named)
    frames = [frame for frame, _ in named]
    for (frame, name), image in zip(named, images.at(frames), strict=True):
        second = sequence.seconds(frame)
        when = '' if second is None else f'_{second:.3f}s'
        yield f'{name}{when}_frame{frame:06}', image


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, 'png')
    return buffer.getvalue()
