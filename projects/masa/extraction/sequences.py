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
        name (str): Id of the sequence.
        path (Path): The file or folder.
        problem (str): Why it cannot be used; '' if no reason is known.
    """

    name: str
    path: Path
    problem: str = ''


def find_sequences(inputs: Iterable[Path]) -> list[MediaSequence]:
    """Find the sequences in files and folders.

    A sequence is a video file, with its name without suffix as id, or a folder
    of images. Folders are searched recursively, following symbolic links and
    skipping hidden files; the id is then the path relative to the folder,
    ``squat/001`` for ``squat/001.mp4``. Other files are ignored.

    An input that does not exist or has no sequence, and a folder with both
    images and videos, are returned with a ``problem``, named by their path, so
    that all can be reported at once.

    Args:
        inputs (Iterable[Path]): Files, with any suffix, and folders.

    Returns:
        list[MediaSequence]: Sequences in the order of the inputs; within a
        folder first its videos in natural order, then its subfolders.

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
    """Return the modification time in nanoseconds since 1970."""
    path = sequence.path
    # The folder's own time covers added and removed images.
    images = path.iterdir() if path.is_dir() else ()
    return max(file.stat().st_mtime_ns for file in (path, *images))


def check_length(
    sequence: MediaSequence, frames: int, expected: int | None
) -> None:
    """Raise SequenceError if the number of frames is not the expected one."""
    if expected not in (None, frames):
        raise SequenceError(
            f'{sequence.path} has {frames} frames, and record '
            f'{sequence.name!r} of the annotation file has {expected}'
        )


def _search(folder: Path, top: Path, above: tuple) -> Iterator[MediaSequence]:
    real = os.path.realpath(folder)
    # A symbolic link to a parent folder.
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
