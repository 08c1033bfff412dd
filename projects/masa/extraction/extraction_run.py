import argparse
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from mmengine.dist import get_dist_info

from ..datasets.annotation import AnnotationError, save_annotations
from ..datasets.frame_labels import (
    add_phases,
    check_labelled,
    read_frame_labels,
)
from ..datasets.schema import check_annotations
from .distributed import (
    choose_device,
    gather,
    join_processes,
    leave_processes,
    on_main_process,
)
from .errors import ExtractionError, SequenceError
from .limits import MediaLimits
from .output_folder import OutputFolder
from .plan import Job, Plan, make_plan
from .plan_report import show_notes, show_plan, show_problems
from .progress import FrameProgress


class Extraction(ABC):
    """What one kind of extraction does with a sequence.

    Args:
        args (argparse.Namespace): Of the tool. Every tool has ``inputs``,
            ``output``, ``ann_file``, ``labels``, ``merge``, ``replace``,
            ``phases``, ``skip_broken``, ``dry_run``, ``device``,
            ``random_weights``, ``max_pixels`` and ``max_seconds``.
        device (str): Such as ``cuda:0``.

    Attributes:
        content (str): What the files hold, for messages.
        limits (MediaLimits): What is refused before it is decoded.
        fields (tuple[str, ...]): Keys of annotations and their records that
            :meth:`annotate` gives values to.
        dtype (str): ``float16`` or ``float32``, of the files.
        settings (dict): Plain values that tell the files from others. Before
            :meth:`prepare` those that need no weights.
        per_frame (str): What there is of every frame, such as ``64 numbers``.
            From :meth:`prepare` on.
    """

    content: str
    fields: tuple[str, ...]
    dtype: str
    settings: dict
    per_frame: str

    def __init__(self, args: argparse.Namespace, device: str):
        self.args = args
        self.limits = MediaLimits(args.max_pixels, args.max_seconds)
        self.device = device

    @abstractmethod
    def describe(self) -> str:
        """Say with what the files are made.

        Returns:
            str: A part of a sentence, for the listing of ``--dry-run``.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Load the models and complete the settings.

        Raises:
            ExtractionError: If there are no weights, or they do not fit.
        """

    @abstractmethod
    def process(
        self, job: Job, output: Path, advance: Callable[[int], None]
    ) -> str:
        """Write the file of a sequence.

        Args:
            job (Job): The sequence.
            output (Path): The ``.npy`` file.
            advance (Callable[[int], None]): To be called with the number of
                frames that were done since the last call.

        Returns:
            str: What became of it, for the line that is printed.

        Raises:
            SequenceError: If the sequence cannot be used.
        """

    @abstractmethod
    def annotate(
        self, plan: Plan, folder: OutputFolder, lengths: dict[str, int]
    ) -> dict:
        """Make the annotations of the finished files.

        Args:
            plan (Plan): Of all sequences.
            folder (OutputFolder): Where the files are.
            lengths (dict[str, int]): Number of frames by id.

        Returns:
            dict: The annotations.

        Raises:
            ExtractionError: If they cannot be made.
        """


def run(
    args: argparse.Namespace,
    build: Callable[[argparse.Namespace, str], Extraction],
) -> int:
    """Extract what the command line asks for, in this and other processes.

    Args:
        args (argparse.Namespace): As for :class:`Extraction`.
        build (Callable): Makes the extraction from the arguments and the
            device.

    Returns:
        int: The exit status: 0, 1 if sequences were left out, 2 if some
        cannot be used and leaving out was not asked for.

    Raises:
        ExtractionError: If it cannot be done.
        OSError: If a file cannot be written.
    """
    join_processes()
    status = _run(args, build(args, choose_device(args.device)))
    leave_processes()
    return status


def _run(args: argparse.Namespace, extraction: Extraction) -> int:
    start = time.monotonic()
    rank, processes = get_dist_info()
    folder = OutputFolder(args.output, extraction.dtype, extraction.content)
    plan = on_main_process(
        lambda: make_plan(
            args.inputs,
            folder,
            extraction.settings,
            args.labels,
            args.merge,
            extraction.fields,
            args.replace,
            extraction.limits,
        )
    )
    if args.phases is not None:
        on_main_process(lambda: _check_phases(plan, args))
    problems = plan.problems()
    if args.dry_run:
        if rank == 0:
            show_plan(plan, args, extraction.describe())
            if problems:
                show_problems(problems)
        return 1 if problems else 0
    if problems and not args.skip_broken:
        if rank == 0:
            show_problems(problems)
            print('--skip-broken leaves them out', file=sys.stderr)
        return 2
    if args.random_weights is not None and rank == 0:
        print(
            f'warning: random weights, so that the {extraction.content} mean '
            'nothing',
            file=sys.stderr,
        )
    extraction.prepare()
    settings = extraction.settings
    if any(other != settings for other in gather(settings)):
        raise ExtractionError(
            'the processes differ in their models, weights or precision: '
            'give all the same options'
        )
    on_main_process(
        lambda: folder.claim(settings, [job.sequence for job in plan.jobs])
    )
    todo = [j for j in plan.jobs if j.done is None and not j.problem]
    broken = _run_jobs(todo[rank::processes], folder, extraction)
    for found in gather(broken):
        problems.update(found)
    names = {job.sequence.name for job in plan.jobs}
    if not names - problems.keys():
        if rank == 0:
            show_problems(problems)
        return 2
    frames = on_main_process(
        lambda: _write_annotations(plan, folder, extraction, problems)
    )
    if rank == 0:
        show_notes(plan)
        left = names - problems.keys()
        features = (
            f' --features {args.output}'
            if extraction.content == 'features'
            else ''
        )
        print(
            f'{args.output}: {extraction.content} of {len(left)} sequences, '
            f'{frames} frames of {extraction.per_frame}; {len(todo)} '
            'sequences in '
            f'{time.monotonic() - start:.1f} s on {extraction.device}\n'
            f'{args.ann_file}: written; next: python tools/check_data.py '
            f'{args.ann_file}{features}'
        )
        if problems:
            show_problems(problems)
    return 1 if problems else 0


def _run_jobs(
    jobs: list[Job], folder: OutputFolder, extraction: Extraction
) -> dict[str, str]:
    """Make the files of these jobs; return what is broken, by id."""
    broken = {}
    rank, _ = get_dist_info()
    bar = FrameProgress([job.claimed for job in jobs], visible=rank == 0)
    with bar:
        for job in jobs:
            name = job.sequence.name
            try:
                text = extraction.process(job, folder.path(name), bar.advance)
            except SequenceError as error:
                if not extraction.args.skip_broken:
                    raise SequenceError(
                        f'{error}; --skip-broken leaves it out'
                    ) from error
                broken[name] = str(error)
                text = 'cannot be used'
            bar.finish(name, job.claimed, text)
    return broken


def _write_annotations(
    plan: Plan,
    folder: OutputFolder,
    extraction: Extraction,
    problems: dict[str, str],
) -> int:
    """Write the annotation file; return the number of frames in it."""
    lengths = {
        job.sequence.name: folder.num_frames(job.sequence)
        for job in plan.jobs
        if job.sequence.name not in problems
    }
    changed = [name for name, frames in lengths.items() if frames is None]
    if changed:
        raise ExtractionError(
            f'the {folder.content} of {", ".join(changed[:10])} are not '
            'there, or their videos were changed meanwhile: run the command '
            'again'
        )
    annotations = extraction.annotate(plan, folder, lengths)
    args = extraction.args
    if args.phases is not None:
        annotations = _add_phases(annotations, args)
    save_annotations(annotations, args.ann_file)
    return sum(lengths.values())


def _check_phases(plan: Plan, args: argparse.Namespace) -> None:
    """Check before the work begins that there are phases to add."""
    if plan.annotations is None:
        records = [dict(frame_dir=job.sequence.name) for job in plan.jobs]
    else:
        records = plan.annotations['annotations']
    try:
        found = read_frame_labels(args.phases)
        check_labelled(found, records, args.phases, args.replace)
    except AnnotationError as error:
        raise ExtractionError(str(error)) from error


def _add_phases(annotations: dict, args: argparse.Namespace) -> dict:
    try:
        annotations, remarks = add_phases(
            annotations, args.phases, args.replace
        )
    except AnnotationError as error:
        raise ExtractionError(str(error)) from error
    problems = check_annotations(annotations)
    if problems:
        raise ExtractionError(
            f'with the phases of {args.phases} the annotations would have '
            'problems:\n  ' + '\n  '.join(map(str, problems))
        )
    for remark in remarks:
        print(remark)
    return annotations
