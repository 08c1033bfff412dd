"""Train and test many methods under one protocol, and write one table."""

import argparse
import sys
import time
from pathlib import Path

from ..support.files import atomic_path
from ..support.shipped_configs import CONFIGS
from .options import add_options, bounded

EXPECTED = (ValueError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa experiment``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Run again, it goes on where it was '
        'interrupted. Exits with 1 if a training failed, and with 2 if '
        'nothing could be done.'
    )
    parser.epilog = (
        'Example: masa experiment demo --methods masa tcc --seeds 0 1'
    )
    parser.add_argument(
        'data',
        help='data set as the configs name it: demo, penn_pose2d',
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        metavar='NAME',
        help='masa, clan, files of configs/baselines without the name '
        'of the data set, files of configs/ablations (default: all but the '
        'ablations); clan+rotary is a method with a change of '
        'configs/_base_/experiments.py',
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument(
        '--modes',
        nargs='+',
        choices=['all', 'single'],
        default=['all'],
        help='one model for all activities, or one for each (default: all)',
    )
    parser.add_argument(
        '--epochs', type=int, help="instead of the config's, for all methods"
    )
    parser.add_argument(
        '--single-batch-size',
        type=int,
        metavar='SIZE',
        help='of the models of single activities, which have fewer sequences',
    )
    parser.add_argument(
        '--work-dir', type=Path, help='(default: work_dirs/compare_DATA)'
    )
    parser.add_argument(
        '--jobs',
        type=bounded(int, 1),
        default=1,
        help='trainings at a time on a CPU (default: 1)',
    )
    parser.add_argument(
        '--devices',
        nargs='+',
        type=int,
        metavar='GPU',
        help='GPUs, one training at a time on each',
    )
    add_options(parser, 'cfg-options')


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if args.cfg_options and args.work_dir is None:
        parser.error(
            '--cfg-options make other trainings than the configs do: they '
            'need a --work-dir of their own'
        )
    if args.work_dir is None:
        args.work_dir = Path('work_dirs', f'compare_{args.data}')
    if args.methods is None:
        # PyTorch takes seconds to import, and the help does not need it.
        from ..comparison import known_methods

        args.methods = known_methods(CONFIGS, args.data)


def make_plan(args: argparse.Namespace) -> list[tuple]:
    """List the trainings with their configs; see ``plan_trainings``."""
    from ..comparison import plan_trainings

    return plan_trainings(
        *(CONFIGS, args.data, args.methods, args.seeds, args.modes),
        *(args.epochs, args.single_batch_size, args.cfg_options),
    )


def run(args: argparse.Namespace) -> int:
    """Run the comparison.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    from ..comparison import format_comparison, read_results, run_trainings

    plan = make_plan(args)
    failed, start = [], time.monotonic()
    ended = run_trainings(plan, args.work_dir, args.jobs, args.devices)
    for count, (training, error) in enumerate(ended, 1):
        if error is not None:
            failed.append(f'{training}: {error}')
        left = (time.monotonic() - start) / count * (len(plan) - count)
        print(
            f'[{count}/{len(plan)}] {training}'
            f'{": failed" if error else ""}; about {left / 60:.0f} min left',
            flush=True,
        )
    text = format_comparison(read_results(args.work_dir))
    path = args.work_dir / 'table.md'
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
    print(f'{text}\ntable: {path}')
    for line in failed:
        print(f'failed: {line}', file=sys.stderr)
    return int(bool(failed))
