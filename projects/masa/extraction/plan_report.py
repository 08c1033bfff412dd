import argparse
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .plan import Plan


def show_plan(plan: Plan, args: argparse.Namespace, models: str) -> None:
    """Print what would be done.

    Args:
        plan (Plan): For every sequence, its state.
        args (argparse.Namespace): ``output`` and ``ann_file``.
        models (str): With what it would be done.
    """
    table = Table('sequence', 'frames', 'from', 'state')
    for job in plan.jobs:
        state = 'done' if job.done else 'to do'
        frames = '?' if job.claimed is None else str(job.claimed)
        row = (job.sequence.name, frames, str(job.sequence.path))
        table.add_row(*map(escape, (*row, job.problem or state)))
    # Never cut a message to fit a terminal that is not there.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    todo = sum(not (job.done or job.problem) for job in plan.jobs)
    print(
        f'{todo} of {len(plan.jobs)} sequences to do, with {models}, into '
        f'{args.output}; annotations into {args.ann_file}'
    )
    show_notes(plan)


def show_notes(plan: Plan) -> None:
    """Print what of the input is not used.

    Args:
        plan (Plan): The plan.
    """
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
