import argparse
import sys
import time

import torch
from mmengine.dist import get_dist_info

from ..datasets.annotation import save_annotations
from .distributed import (
    choose_device,
    gather,
    join_processes,
    leave_processes,
    on_main_process,
)
from .errors import ExtractionError, SequenceError
from .feature_folder import FeatureFolder
from .feature_model import FeatureModel, build_model, describe_model
from .features import extract_features
from .plan import Job, Plan, make_plan
from .plan_report import show_notes, show_plan, show_problems
from .progress import FrameProgress


def run(args: argparse.Namespace) -> int:
    """Extract the features that the command line asks for.

    Args:
        args (argparse.Namespace): Of tools/extract_features.py.

    Returns:
        int: The exit status: 0, 1 if sequences were left out, 2 if some
        cannot be used and leaving out was not asked for.

    Raises:
        ExtractionError: If it cannot be done.
        OSError: If a file cannot be written.
    """
    join_processes()
    status = _extract(args)
    leave_processes()
    return status


def _extract(args: argparse.Namespace) -> int:
    start = time.monotonic()
    rank, processes = get_dist_info()
    device = choose_device(args.device)
    folder = FeatureFolder(args.output, args.dtype)
    settings = dict(
        describe_model(
            args.model,
            args.image_size,
            args.crop_mode,
            _precision(args, device),
        ),
        dtype=args.dtype,
    )

    plan = on_main_process(
        lambda: make_plan(
            args.inputs, folder, settings, args.labels, args.merge
        )
    )
    problems = plan.problems()
    if args.dry_run:
        if rank == 0:
            show_plan(plan, args, settings)
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
            'warning: random weights, so that the features mean nothing',
            file=sys.stderr,
        )
    model, settings = build_model(
        args.model, settings, device, args.weights, args.random_weights
    )
    if any(other != settings for other in gather(settings)):
        raise ExtractionError(
            'the processes differ in their model, weights or precision: give '
            'all the same --weights and --amp-dtype'
        )
    on_main_process(
        lambda: folder.claim(settings, [job.sequence for job in plan.jobs])
    )
    todo = [j for j in plan.jobs if j.done is None and not j.problem]
    broken = _run_jobs(todo[rank::processes], folder, model, args)
    for found in gather(broken):
        problems.update(found)
    frames = on_main_process(
        lambda: _write_annotations(plan, folder, args, problems)
    )
    if rank == 0:
        show_notes(plan)
        left = {job.sequence.name for job in plan.jobs} - problems.keys()
        print(
            f'{args.output}: features of {len(left)} sequences, {frames} '
            f'frames of {model.channels} numbers; {len(todo)} sequences in '
            f'{time.monotonic() - start:.1f} s on {device}\n'
            f'{args.ann_file}: written; next: python tools/check_data.py '
            f'{args.ann_file} --features {args.output}'
        )
        if problems:
            show_problems(problems)
    return 1 if problems else 0


def _precision(args: argparse.Namespace, device: str) -> str:
    if not args.amp:
        return 'float32'
    if torch.device(device).type != 'cuda':
        raise ExtractionError(f'--amp needs a CUDA device, not {device}')
    if args.amp_dtype:
        return args.amp_dtype
    # Older GPUs only emulate bfloat16, slower than float32.
    major, _ = torch.cuda.get_device_capability(device)
    return 'bfloat16' if major >= 8 else 'float16'


def _run_jobs(
    jobs: list[Job],
    folder: FeatureFolder,
    model: FeatureModel,
    args: argparse.Namespace,
) -> dict[str, str]:
    """Compute features of these jobs; return what is broken, by id."""
    broken = {}
    rank, _ = get_dist_info()
    bar = FrameProgress([job.claimed for job in jobs], visible=rank == 0)
    with bar:
        for job in jobs:
            name = job.sequence.name
            try:
                frames = extract_features(
                    job.sequence,
                    folder.path(name),
                    model,
                    args.dtype,
                    args.batch_size,
                    args.workers,
                    job.expected,
                    bar.advance,
                )
            except SequenceError as error:
                if not args.skip_broken:
                    raise
                broken[name] = str(error)
                bar.finish(name, job.claimed, 'cannot be used')
            else:
                bar.finish(name, job.claimed, f'{frames} frames')
    return broken


def _write_annotations(
    plan: Plan,
    folder: FeatureFolder,
    args: argparse.Namespace,
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
            f'the features of {", ".join(changed[:10])} are not there, or '
            'their videos were changed meanwhile: run the command again'
        )
    save_annotations(plan.annotate(lengths), args.ann_file)
    return sum(lengths.values())
