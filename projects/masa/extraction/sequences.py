import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .errors import ExtractionError, SequenceError
from .frames import list_images, natural_order

VIDEO_SUFFIXES = (
    *('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg'),
    *('.wmv', '.flv', '.ts', '.mts', '.m2ts', '.3gp', '.ogv', '.gif'),
)


class MediaSequence(NamedTuple):
    """A video file or a folder of images.

    Attributes:
        name (str): Its id.
        path (Path): Where it is.
        problem (str): Why it cannot be used; '' if nothing is known against
            it.
    """

    name: str
    path: Path
    problem: str = ''


def find_sequences(inputs: Iterable[Path]) -> list[MediaSequence]:
    """Find the sequences that videos and folders hold.

    A video file is a sequence, its id the name without suffix. A folder that
    holds images is one, too. Every other file is passed over. Folders are
    searched through all levels, symbolic links included and hidden files
    left out, and the id of what is found in a folder is its path below that
    folder: ``squat/001`` for ``squat/001.mp4``.

    An input that does not exist or holds no sequence, and a folder that
    holds images and videos, are among the result with a ``problem``, by
    their path, so that all of them can be told at once.

    Args:
        inputs (Iterable[Path]): Files, whatever their suffix, and folders.

    Returns:
        list[MediaSequence]: In the order of the inputs; within a folder its
        videos first, in the order of the numbers in their names, then what
        the folders below hold.

    Raises:
        ExtractionError: If two sequences have one id.
    """
    found: dict[str, MediaSequence] = {}
    for path in inputs:
        for name, place, problem in _sequences_of(path):
            if any('\ud800' <= letter <= '\udfff' for letter in name):
                problem = f'the name {str(place)!a} is not UTF-8: rename it'
                name = ascii(name)
            if name in found:
                raise ExtractionError(
                    f'two sequences have the id {name!r}: {found[name].path} '
                    f'and {place}; rename one, or give a folder above both, '
                    'whose folders become part of the ids'
                )
            found[name] = MediaSequence(name, place, problem)
    return list(found.values())


def _sequences_of(path: Path) -> list[MediaSequence]:
    if path.is_dir():
        reason = (
            f'{path} holds neither images nor videos: expected files that '
            f'end in {", ".join(VIDEO_SUFFIXES)}, or folders of images'
        )
        sequences = list(_search(path, path, ()))
        return sequences or [MediaSequence(str(path), path, reason)]
    if path.exists():
        return [MediaSequence(path.stem, path)]
    reason = f'there is no video or folder {path}'
    return [MediaSequence(str(path), path, reason)]


def last_change(sequence: MediaSequence) -> int:
    """Return when a sequence was last changed, in nanoseconds since 1970."""
    path = sequence.path
    # A folder's own time tells of added and removed images.
    images = path.iterdir() if path.is_dir() else ()
    return max(file.stat().st_mtime_ns for file in (path, *images))


def check_length(
    sequence: MediaSequence, frames: int, expected: int | None
) -> None:
    """Raise a SequenceError if its record has another number of frames."""
    if expected not in (None, frames):
        raise SequenceError(
            f'{sequence.path} has {frames} frames, and record '
            f'{sequence.name!r} of the annotation file has {expected}'
        )


def _search(folder: Path, top: Path, above: tuple) -> Iterator[MediaSequence]:
    real = os.path.realpath(folder)
    # A link to a folder above leads in a circle.
    if real in above:
        return
    entries = sorted(
        (p for p in folder.iterdir() if not p.name.startswith('.')),
        key=natural_order,
    )
    folders = [p for p in entries if p.is_dir()]
    videos = [
        p
        for p in entries
        if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()
    ]
    images = list_images(folder)
    if images and videos:
        yield MediaSequence(
            str(folder),
            folder,
            f'{folder} holds images ({images[0].name}) and videos '
            f'({videos[0].name}), so that it is not clear whether it is one '
            'sequence: move one kind elsewhere',
        )
        images = videos = []
    if images:
        relative = folder.relative_to(top)
        name = Path(real).name if folder == top else relative.as_posix()
        yield MediaSequence(name, folder)
    for path in videos:
        relative = path.relative_to(top)
        yield MediaSequence(relative.with_name(path.stem).as_posix(), path)
    for path in folders:
        yield from _search(path, top, (*above, real))
