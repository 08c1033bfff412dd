import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..datasets.annotation import AnnotationError, save_annotations
from ..datasets.frame_labels import (
    add_phases,
    check_labeled,
    read_frame_labels,
)
from .content_cache import ContentCache
from .distributed import (
    choose_device,
    gather,
    on_main_process,
    rank_and_size,
)
from .errors import ExtractionError, SequenceError
from .limits import MediaLimits
from .output_folder import OutputFolder
from .parallel import available_cores, run_in_processes
from .plan import Job, Plan, make_plan, refuse_problems
from .progress import FrameProgress


class Extraction(ABC):
    """Base class of extractions: what to compute for each sequence.

    Args:
        device (str, optional): Such as ``cuda:0``. Defaults to CUDA if
            available.
        max_pixels, max_seconds: See :class:`MediaLimits`.

    Attributes:
        content (str): What the files hold, for messages.
        limits (MediaLimits): Limits above which a file is refused.
        fields (tuple[str, ...]): Keys of annotations and records that
            :meth:`annotate` sets.
        dtype (str): Data type of the files, ``float16`` or ``float32``.
        in_processes (bool): Whether several sequences are processed at once,
            in processes of their own, unless the caller says how many.
        settings (dict): Plain values that identify how the files were made.
            Before :meth:`prepare` they include nothing that depends on the
            weights.
        per_frame (str): What is stored for each frame, such as ``64 numbers``.
            Set by :meth:`prepare`.

    Raises:
        ExtractionError: If there is no such device.
    """

    content: str
    fields: tuple[str, ...]
    dtype: str
    in_processes: bool = False
    settings: dict
    per_frame: str

    def __init__(
        self, device: str | None, max_pixels: int, max_seconds: float
    ):
        self.device = choose_device(device)
        self.limits = MediaLimits(max_pixels, max_seconds)

    @abstractmethod
    def describe(self) -> str:
        """Return the names of the models, for messages."""

    @abstractmethod
    def prepare(self) -> None:
        """Load the models and complete the settings.

        Raises ExtractionError if the weights are missing or do not fit.
        """

    @abstractmethod
    def process(
        self, job: Job, output: Path, advance: Callable[[int], None]
    ) -> str:
        """Write the ``.npy`` file of a sequence.

        ``advance`` is called with the number of frames processed since the
        last call. Returns a summary for the progress display. Raises
        SequenceError if the sequence cannot be used.
        """

    @abstractmethod
    def annotate(
        self, plan: Plan, folder: OutputFolder, lengths: dict[str, int]
    ) -> dict:
        """Make the annotations for the finished files of a folder.

        ``lengths`` are numbers of frames by sequence id. Raises
        ExtractionError if the annotations cannot be made.
        """


class ExtractionResult(NamedTuple):
    """Result of an extraction.

    Attributes:
        lengths (dict[str, int]): Numbers of frames of the annotated sequences,
            by id.
        made (int): Number of sequences processed; the files of the others
            existed.
        problems (dict[str, str]): Why sequences were skipped, by id.
        remarks (list[str]): Which parts of the file of phases were not used.
        seconds (float): Duration of the extraction.
    """

    lengths: dict[str, int]
    made: int
    problems: dict[str, str]
    remarks: list[str]
    seconds: float


def plan_extraction(
    extraction: Extraction,
    inputs: Iterable[Path],
    output: Path,
    labels: Path | None = None,
    merge: Path | None = None,
    replace: bool = False,
) -> Plan:
    """Find the sequences and decide which to process.

    See :func:`make_plan`; ``output`` is the folder for the files. Also raises
    ExtractionError if it holds files made with other settings.
    """
    folder = OutputFolder(output, extraction.dtype, extraction.content)
    return on_main_process(
        lambda: make_plan(
            inputs,
            folder,
            extraction.settings,
            labels,
            merge,
            extraction.fields,
            replace,
            extraction.limits,
        )
    )


def extract(
    extraction: Extraction,
    plan: Plan,
    output: Path,
    ann_file: Path,
    phases: Path | None = None,
    skip_broken: bool = False,
    show_progress: bool = False,
    workers: int | None = None,
    cache: ContentCache | None = None,
) -> ExtractionResult:
    """Run a planned extraction, distributed over the processes.

    A sequence that cannot be used does not stop the others. Finished files
    stay in ``output``; another call continues from there.

    Args:
        extraction (Extraction): The kind of extraction.
        plan (Plan): Result of :func:`plan_extraction`.
        output (Path): The folder given to :func:`plan_extraction`.
        ann_file (Path): Annotation file to write.
        phases (Path, optional): CSV file of the phase of each frame; see
            :func:`~masa.datasets.frame_labels.add_phases`.
        skip_broken (bool): Whether to skip sequences that cannot be used
            instead of failing. Defaults to False.
        show_progress (bool): Whether to show progress on standard error.
            Defaults to False.
        workers (int, optional): How many sequences are processed at once, by
            each process of ``torchrun``. Defaults to one for each core, if
            the extraction runs on one core, else to one.
        cache (ContentCache, optional): Has what was extracted before, and
            gets what is. Defaults to None.

    Returns:
        ExtractionResult: The extracted and the skipped sequences.

    Raises:
        ExtractionError: If sequences cannot be used and ``skip_broken`` is
            False, or none can be used; ``problems`` lists them all. Also if
            the models cannot be loaded or the annotations cannot be made.
        OSError: If a file cannot be written.
    """
    start = time.monotonic()
    rank, processes = rank_and_size()
    folder = OutputFolder(output, extraction.dtype, extraction.content)
    if phases is not None:
        on_main_process(lambda: _check_phases(plan, phases))
    problems = plan.problems()
    usable = [job for job in plan.jobs if not job.problem]
    if not usable:
        raise ExtractionError.of_sequences(problems)
    extraction.prepare()
    settings = extraction.settings
    if any(other != settings for other in gather(settings)):
        raise ExtractionError(
            'the processes differ in their models, weights or precision: '
            'give all the same options'
        )
    on_main_process(
        lambda: folder.claim(settings, [job.sequence for job in usable])
    )
    todo = [job for job in usable if job.done is None]
    if workers is None:
        cores = available_cores() // processes
        workers = max(cores, 1) if extraction.in_processes else 1
    mine = todo[rank::processes]
    if cache is not None:
        mine = [
            job
            for job in mine
            if not cache.fetch(job.sequence, settings, folder)
        ]
    broken = _run_jobs(
        *(mine, folder, extraction, show_progress, workers, cache)
    )
    for found in gather(broken):
        problems.update(found)
    done = [job for job in usable if job.sequence.name not in problems]
    if not done or (problems and not skip_broken):
        raise ExtractionError.of_sequences(problems)
    lengths, remarks = on_main_process(
        lambda: _write_annotations(
            plan, done, folder, extraction, ann_file, phases
        )
    )
    seconds = time.monotonic() - start
    return ExtractionResult(lengths, len(todo), problems, remarks, seconds)


def _run_jobs(
    jobs: list[Job],
    folder: OutputFolder,
    extraction: Extraction,
    show_progress: bool,
    workers: int,
    cache: ContentCache | None,
) -> dict[str, str]:
    """Process the jobs; return the reasons of failures, by id."""
    broken = {}
    if not jobs:
        return broken
    run = partial(_run_job, extraction, folder, cache)
    with FrameProgress([job.claimed for job in jobs], show_progress) as bar:
        for job, (text, problem) in run_in_processes(
            run, jobs, workers, bar.advance
        ):
            if problem is not None:
                broken[job.sequence.name] = problem
            bar.finish(job.sequence.name, job.claimed, text)
    return broken


def _run_job(
    extraction: Extraction,
    folder: OutputFolder,
    cache: ContentCache | None,
    job: Job,
    advance: Callable[[int], None],
) -> tuple[str, str | None]:
    """Process one job; return a summary, and why it cannot be used."""
    path = folder.path(job.sequence.name)
    try:
        text = extraction.process(job, path, advance)
    except SequenceError as error:
        return 'cannot be used', str(error)
    if cache is not None:
        cache.store(job.sequence, extraction.settings, folder)
    return text, None


def _write_annotations(
    plan: Plan,
    jobs: list[Job],
    folder: OutputFolder,
    extraction: Extraction,
    ann_file: Path,
    phases: Path | None,
) -> tuple[dict[str, int], list[str]]:
    """Write the annotation file; return numbers of frames and remarks."""
    lengths = {
        job.sequence.name: folder.num_frames(job.sequence) for job in jobs
    }
    changed = [name for name, frames in lengths.items() if frames is None]
    if changed:
        raise ExtractionError(
            f'the {folder.content} of {", ".join(changed[:10])} are not '
            'there, or their videos were changed meanwhile: run the command '
            'again'
        )
    annotations, remarks = extraction.annotate(plan, folder, lengths), []
    if phases is not None:
        annotations, remarks = _add_phases(annotations, phases, plan.replace)
    save_annotations(annotations, ann_file)
    return lengths, remarks


def _check_phases(plan: Plan, phases: Path) -> None:
    """Check the file of phases before the extraction starts."""
    if plan.annotations is None:
        records = [dict(frame_dir=job.sequence.name) for job in plan.jobs]
    else:
        records = plan.annotations['annotations']
    try:
        found = read_frame_labels(phases)
        check_labeled(found, records, phases, plan.replace)
    except AnnotationError as error:
        raise ExtractionError(str(error)) from error


def _add_phases(
    annotations: dict, phases: Path, replace: bool
) -> tuple[dict, list[str]]:
    try:
        annotations, remarks = add_phases(annotations, phases, replace)
    except AnnotationError as error:
        raise ExtractionError(str(error)) from error
    refuse_problems(
        annotations,
        f'with the phases of {phases} the annotations would have problems',
    )
    return annotations, remarks
