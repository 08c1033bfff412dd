import argparse
import sys
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..support.broken_inputs import show_broken, show_problems
from .distributed import join_processes, leave_processes, rank_and_size
from .errors import ExtractionError
from .extraction_run import (
    Extraction,
    ExtractionResult,
    extract,
    plan_extraction,
)
from .plan import Plan


def run_extraction(
    args: argparse.Namespace,
    build: Callable[[], Extraction],
    workers: int | None = None,
) -> int:
    """Run an extraction from the command line and print its result.

    The arguments are those of ``add_sequence_options`` and
    ``add_running_options``, and ``random_weights``; ``workers`` is that of
    :func:`extract`. Returns the exit status:
    0; 1 if sequences were skipped; 2 if sequences cannot be used and are not
    to be skipped.
    """
    join_processes()
    status = _run(args, build(), workers)
    leave_processes()
    return status


def _run(
    args: argparse.Namespace, extraction: Extraction, workers: int | None
) -> int:
    is_main = rank_and_size()[0] == 0
    plan = plan_extraction(
        *(extraction, args.inputs, args.output),
        *(args.labels, args.merge, args.replace),
    )
    problems = plan.problems()
    if args.dry_run:
        if is_main:
            _show_plan(plan, args, extraction.describe())
            show_problems(problems)
        return 1 if problems else 0
    todo = any(job.done is None and not job.problem for job in plan.jobs)
    if is_main and problems and todo and not args.skip_broken:
        # Before the other sequences, which may take hours.
        show_problems(problems)
        print('the other sequences are done first', file=sys.stderr)
    if args.random_weights is not None and is_main:
        print(
            f'warning: random weights, so that the {extraction.content} mean '
            'nothing',
            file=sys.stderr,
        )
    try:
        result = extract(
            *(extraction, plan, args.output, args.ann_file, args.phases),
            skip_broken=args.skip_broken,
            show_progress=is_main,
            workers=workers,
        )
    except ExtractionError as error:
        if not error.problems:
            raise
        if is_main:
            names = {job.sequence.name for job in plan.jobs}
            show_broken(error.problems, bool(names - error.problems.keys()))
        return 2
    if is_main:
        _show_notes(plan)
        for remark in result.remarks:
            print(remark)
        _show_result(args, extraction, result)
    return 1 if result.problems else 0


def _show_result(
    args: argparse.Namespace, extraction: Extraction, result: ExtractionResult
) -> None:
    is_features = extraction.content == 'features'
    features = f' --features {args.output}' if is_features else ''
    print(
        f'{args.output}: {extraction.content} of {len(result.lengths)} '
        f'sequences, {sum(result.lengths.values())} frames of '
        f'{extraction.per_frame}; {result.made} sequences in '
        f'{result.seconds:.1f} s on {extraction.device}\n'
        f'{args.ann_file}: written; next: masa check {args.ann_file}{features}'
    )
    show_problems(result.problems)


def _show_plan(plan: Plan, args: argparse.Namespace, models: str) -> None:
    """Print the plan and the models."""
    table = Table('sequence', 'frames', 'from', 'state')
    for job in plan.jobs:
        state = 'done' if job.done else 'to do'
        frames = '?' if job.claimed is None else str(job.claimed)
        row = (job.sequence.name, frames, str(job.sequence.path))
        table.add_row(*map(escape, (*row, job.problem or state)))
    # Without a terminal Rich would truncate messages at 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    todo = sum(not (job.done or job.problem) for job in plan.jobs)
    print(
        f'{todo} of {len(plan.jobs)} sequences to do, with {models}, into '
        f'{args.output}; annotations into {args.ann_file}'
    )
    _show_notes(plan)


def _show_notes(plan: Plan) -> None:
    """Print which parts of the input are not used."""
    if plan.unasked:
        print(
            f'{len(plan.unasked)} sequences have no record in the annotation '
            f'file and are left alone, such as {plan.unasked[0]}'
        )
    if plan.labels is not None and plan.absent:
        print(
            f'{len(plan.absent)} lines of labels have no sequence, such as '
            f'that of {plan.absent[0]}'
        )
