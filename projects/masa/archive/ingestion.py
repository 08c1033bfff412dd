"""Fill an archive: read sources at once, write what comes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..extraction.parallel import run_in_processes
from ..support.extras import explain_missing
from .archive import Archive
from .errors import RefusedSequenceError
from .sequences import ArchivedSequence, Entry
from .sources import Settings, Source, is_video_file, read_source

# Seconds between two writes, in which a file is free for other processes; and
# moments above which there is one.
PERIOD, MOST_MOMENTS = 20.0, 100_000
# Tasks of Ray under way, in those that it can run at once.
AHEAD = 2
# How often Ray runs a task whose worker was killed.
RETRIES = 2

Result = tuple[list[Entry], dict[str, str]]


@dataclass
class Report:
    """What came of an ingestion.

    Attributes:
        added (list[str]): Names of sequences that were added.
        present (list[str]): Of those that were there.
        duplicates (dict[str, str]): Names of sequences whose content was there
            under another name, and that name.
        described (list[str]): Of those of which more is known now.
        frames (int): Frames of the recordings that were added.
        moments (int): Embeddings that were added.
        seconds (float): How long it took.
        archived (list[ArchivedSequence]): All that is in the archive now.
        problems (dict[str, str]): Why others were left out, by name or path.
    """

    added: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)
    described: list[str] = field(default_factory=list)
    frames: int = 0
    moments: int = 0
    seconds: float = 0.0
    archived: list[ArchivedSequence] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def ingest(
    archive: Archive,
    sources: Sequence[Source],
    settings: Settings,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    workers: int = 1,
    ray: str | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Read sources and add their sequences to an archive.

    Workers read and embed; this process writes, from time to time, so that
    an archive in a file is free for others in between. Whatever ends it, what
    is written stays, and the same call goes on.

    Args:
        archive (Archive): Not opened.
        sources (Sequence[Source]): Of
            :func:`~masa.archive.sources.find_sources`.
        settings (Settings): How they are read.
        known (Mapping, optional): Fields of sequences by their names:
            ``person``, ``date``, ``activity``, ``stretches``. Those of
            sequences that are there are changed as well.
        workers (int): Processes of this machine. Defaults to 1, this one.
        ray (str, optional): Address of a Ray cluster, or ``local``, instead
            of these processes.
        advance (Callable[[], None]): Called for each source that is done.

    Returns:
        Report: What was done.

    Raises:
        ArchiveError: If the archive cannot be written.
        ExtractionError: If a process was killed.
        ImportError: If Ray is not installed.
    """
    started = time.monotonic()
    report, known = Report(), known or {}
    sources = _unknown(archive, sources, settings, report, advance)
    pending: list[Entry] = []
    written = time.monotonic()
    for _, (entries, problems) in _results(
        partial(read_source, settings=settings),
        sources,
        workers,
        ray,
        settings,
    ):
        report.problems.update(problems)
        pending += entries
        if (
            time.monotonic() > written + PERIOD
            or sum(len(one.seconds) for one in pending) > MOST_MOMENTS
        ):
            with archive:
                _write(archive, pending, known, report)
            pending, written = [], time.monotonic()
        advance()
    with archive:
        _write(archive, pending, known, report)
        report.archived = archive.sequences()
        for one in report.archived:
            if one.name not in known:
                continue
            try:
                if archive.describe(one, **known[one.name]):
                    report.described.append(one.name)
            except RefusedSequenceError as error:
                report.problems[one.name] = str(error)
    report.seconds = time.monotonic() - started
    return report


def _unknown(
    archive: Archive,
    sources: Sequence[Source],
    settings: Settings,
    report: Report,
    advance: Callable[[], None],
) -> list[Source]:
    """Leave out the videos whose content is archived."""
    digested = []
    for one in sources:
        try:
            if is_video_file(one.path):
                one = one._replace(digest=settings.digest(one.path))
        except OSError as error:
            report.problems[str(one.path)] = str(error)
            advance()
            continue
        digested.append(one)
    digests = {one.digest for one in digested} - {''}
    if not digests:
        return digested
    with archive:
        there = archive.known_files(digests)
    for one in digested:
        if one.digest in there:
            _note_present(report, one.name, there[one.digest])
            advance()
    return [one for one in digested if one.digest not in there]


def _write(
    archive: Archive,
    entries: Iterable[Entry],
    known: Mapping[str, Mapping[str, Any]],
    report: Report,
) -> None:
    """Write sequences, and what is known of them."""
    for one in entries:
        name = one.sequence.name
        told = replace(one.sequence, **known.get(name, {}))
        try:
            is_new = archive.add(replace(one, sequence=told))
        except RefusedSequenceError as error:
            report.problems[name] = str(error)
            continue
        if is_new:
            report.added.append(name)
            report.frames += one.sequence.frames
            report.moments += len(one.seconds)
        else:
            there = archive.by_ids([told.id])[told.id]
            _note_present(report, name, there.name)


def _note_present(report: Report, name: str, archived: str) -> None:
    report.present.append(archived)
    if name != archived:
        report.duplicates[name] = archived


def _results(
    function: Callable[[Source], Result],
    sources: Sequence[Source],
    workers: int,
    ray: str | None,
    settings: Settings,
) -> Iterator[tuple[Source, Result]]:
    if ray is not None:
        on_gpu = (settings.device or '').startswith('cuda')
        return _run_on_ray(function, sources, ray, on_gpu)
    return run_in_processes(
        partial(_without_progress, function), sources, workers, lambda _: None
    )


def _without_progress(function: Callable, source: Source, _: Any) -> Result:
    return function(source)


def _run_on_ray(
    function: Callable[[Source], Result],
    sources: Sequence[Source],
    address: str,
    on_gpu: bool,
) -> Iterator[tuple[Source, Result]]:
    """Call a function for every source, on the machines of a Ray cluster.

    A task whose worker is killed runs again, and after ``RETRIES`` times is a
    problem of its source.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise explain_missing('--ray', 'archive', error) from error
    ray.init(
        address=None if address == 'local' else address,
        include_dashboard=False if address == 'local' else None,
        logging_level='ERROR',
        log_to_driver=False,
    )
    try:
        # A partial function is no function for Ray.
        @ray.remote(max_retries=RETRIES, num_gpus=int(on_gpu))
        def task(source: Source) -> Result:
            return function(source)

        at_once = ray.cluster_resources().get('GPU' if on_gpu else 'CPU', 1)
        waiting, running = list(reversed(sources)), {}
        while waiting or running:
            while waiting and len(running) < max(1, AHEAD * int(at_once)):
                source = waiting.pop()
                running[task.remote(source)] = source
            (done,), _ = ray.wait(list(running))
            source = running.pop(done)
            try:
                yield source, ray.get(done)
            except ray.exceptions.RayError as error:
                (first, *_) = str(error).splitlines()
                yield source, ([], {str(source.path): first})
    finally:
        ray.shutdown()
