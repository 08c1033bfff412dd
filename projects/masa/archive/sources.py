"""What is to be archived: files, and what is known of them."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..apis.alignment_inferencer import AlignmentInferencer
from ..datasets.errors import AnnotationError
from ..datasets.frame_labels import Segment, read_frame_labels
from ..datasets.text_files import read_csv
from ..extraction.limits import MediaLimits
from ..extraction.sequences import VIDEO_SUFFIXES, find_sequences
from ..pose_files.search import find_pose_files, holds_media, holds_poses
from ..support.files import add_to_digest
from .sequences import FILTERS, Entry, Stretch, make_entry


class Source(NamedTuple):
    """A file, or a folder, that is read at once.

    Attributes:
        path (Path): The file or folder.
        name (str): Id of its only sequence; '' if it names its sequences.
        digest (str): Of a video and of how it is read; '' for others.
    """

    path: Path
    name: str = ''
    digest: str = ''


class Settings(NamedTuple):
    """How sources are read: arguments of ``AlignmentInferencer``."""

    model: str | None = None
    weights: Path | None = None
    device: str | None = None
    features: Path | str = ''
    cache: Path | bool | None = True
    frame_rate: float | None = None
    layout: str | None = None
    up_axis: str | None = None
    limits: MediaLimits = MediaLimits()
    unsafe_load: bool = False
    time_step: float = 0.0

    @lru_cache(maxsize=1)  # noqa: B019
    def load(self) -> AlignmentInferencer:
        """Load the model, once in a process."""
        return AlignmentInferencer(**self._asdict())

    def digest(self, path: Path) -> str:
        """Compute a digest of a video, and of how it is read.

        Args:
            path (Path): The file.

        Returns:
            str: SHA-256, hexadecimal.

        Raises:
            OSError: If it cannot be read.
        """
        inferencer = self.load()
        how = [inferencer.model.from_video, self.frame_rate, self.time_step]
        digest = hashlib.sha256(json.dumps(how, sort_keys=True).encode())
        add_to_digest(digest, path)
        return digest.hexdigest()


def find_sources(
    paths: Iterable[Path],
) -> tuple[list[Source], dict[str, str]]:
    """Find what can be read apart, so that it can be read at once.

    Args:
        paths (Iterable[Path]): Videos, pose files, annotation files, folders.

    Returns:
        tuple[list[Source], dict[str, str]]: The sources, and why others
        cannot be used, by their paths.
    """
    sources: list[Source] = []
    problems: dict[str, str] = {}
    for path in paths:
        if not path.exists():
            problems[str(path)] = 'there is no such file or folder'
            continue
        try:
            if holds_media(path):
                for name, place, problem in find_sequences([path]):
                    if problem:
                        problems[str(place)] = problem
                    else:
                        sources.append(Source(place, name))
            elif path.is_dir() and holds_poses(path):
                sources += _pose_sources(path)
            else:
                sources.append(Source(path))
        except (ValueError, OSError) as error:
            problems[str(path)] = str(error)
    return sources, problems


def _pose_sources(folder: Path) -> list[Source]:
    """Divide a folder into its files, unless a sequence has several."""
    found = find_pose_files([folder], ('.npy',))
    if any(len(one.paths) > 1 for one in found) or any(folder.rglob('*.npy')):
        return [Source(folder)]
    return [Source(*one.paths, one.name) for one in found]


def is_video_file(path: Path) -> bool:
    """Tell whether a path is a video file."""
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()


def read_source(
    source: Source, settings: Settings
) -> tuple[list[Entry], dict[str, str]]:
    """Read and embed a source.

    Args:
        source (Source): The source.
        settings (Settings): How it is read.

    Returns:
        tuple[list[Entry], dict[str, str]]: Its sequences, and why others
        cannot be used, by their names.
    """
    inferencer = settings.load()
    try:
        records, problems = inferencer.reader.read([source.path])
    # Whatever is wrong with a file, the others go on, and the report tells.
    except Exception as error:
        return [], {str(source.path): _describe(error)}
    entries = []
    for record in records:
        name = record['frame_dir']
        if source.name and len(records) == 1:
            name = source.name
        try:
            entry = make_entry(
                inferencer,
                record | dict(frame_dir=name),
                str(source.path.resolve()),
                source.digest,
            )
        except Exception as error:
            problems[name] = _describe(error)
        else:
            entries.append(entry)
    return entries, problems


def _describe(error: Exception) -> str:
    if isinstance(error, (ValueError, OSError)):
        return str(error)
    return f'{type(error).__name__}: {error}'


def read_metadata(path: Path) -> dict[str, dict[str, str]]:
    """Read what is known of sequences.

    Args:
        path (Path): A CSV file (:func:`~masa.datasets.text_files.read_csv`)
            with the column ``sequence``, the name, and any of ``person``,
            ``date`` (YYYY-MM-DD) and ``activity``. Empty cells tell nothing.

    Returns:
        dict[str, dict[str, str]]: What is told, by the name.

    Raises:
        AnnotationError: If the file has other columns, a sequence twice, or
            no date where one is expected. It names file and line.
        OSError: If it cannot be opened.
    """
    table = read_csv(path, ('sequence', *FILTERS), required=('sequence',))
    found: dict[str, dict[str, str]] = {}
    for line, values in table.rows:
        name = values.pop('sequence')
        if not name or name in found:
            raise AnnotationError(
                f'{path}, line {line}: sequence {name!r} is expected to be a '
                'name that no other line has'
            )
        if values.get('date'):
            try:
                datetime.date.fromisoformat(values['date'])
            except ValueError as error:
                raise AnnotationError(
                    f'{path}, line {line}: a date is expected as YYYY-MM-DD, '
                    f'but is {values["date"]!r}'
                ) from error
        found[name] = {key: value for key, value in values.items() if value}
    return found


def read_stretches(path: Path) -> dict[str, dict[str, Any]]:
    """Read what stretches of sequences show.

    Args:
        path (Path): A CSV file of frame labels
            (:func:`~masa.datasets.frame_labels.read_frame_labels`) with the
            column ``sequence``, in seconds.

    Returns:
        dict[str, dict]: ``stretches`` by the name of the sequence.

    Raises:
        AnnotationError: As there, or if the names or seconds are missing.
        OSError: If it cannot be opened.
    """
    segments = read_frame_labels(path).segments
    wrong = next(
        (
            one
            for name, some in segments.items()
            for one in some
            if not (name and one.in_seconds)
        ),
        None,
    )
    if wrong is not None:
        raise AnnotationError(
            f'{wrong.where}: the columns sequence, start and end (in '
            'seconds) are expected'
        )
    return {
        name: dict(stretches=_stretches(some))
        for name, some in segments.items()
    }


def _stretches(segments: Sequence[Segment]) -> tuple[Stretch, ...]:
    return tuple(
        sorted(Stretch(one.start, one.end, one.label) for one in segments)
    )
