"""Train and test many methods under one protocol, and write one table."""

import argparse
import sys
import time
from pathlib import Path

from masa.support.command_line import ConfigOptions, end_with_status
from masa.support.files import atomic_path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Run again, it goes on where it was '
        'interrupted. Exits with 1 if a training failed, and with 2 if '
        'nothing could be done.',
        epilog='Example: python tools/compare.py demo --methods masa tcc '
        '--seeds 0 1',
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
        type=int,
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
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        help='override settings of every config: key=value pairs, such as '
        'optim_wrapper.optimizer.lr=1e-3; with a --work-dir of its own',
    )
    args = parser.parse_args(argv)
    if args.cfg_options and args.work_dir is None:
        parser.error(
            '--cfg-options make other trainings than the configs do: they '
            'need a --work-dir of their own'
        )
    if args.jobs < 1:
        parser.error(f'--jobs expects 1 or more, got {args.jobs}')
    if args.work_dir is None:
        args.work_dir = Path('work_dirs', f'compare_{args.data}')
    if args.methods is None:
        # PyTorch takes seconds to import, and the help does not need it.
        from masa.comparison import known_methods

        args.methods = known_methods(CONFIGS, args.data)
    return args


def make_plan(args: argparse.Namespace) -> list[tuple]:
    """List the trainings with their configs.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        list[tuple]: Pairs of training and config; those that the table needs
        first come first.
    """
    from masa.comparison import (
        CONTROLS,
        Training,
        find_activities,
        find_changes,
        find_config,
        training_config,
    )

    controls = Training(CONTROLS, args.seeds[0])
    path = find_config(CONFIGS, args.data, CONTROLS)
    config = training_config(path, controls, options=args.cfg_options)
    plan = [(controls, config)]
    # All methods have the same data.
    single = find_activities(config) if 'single' in args.modes else []
    groups = {
        'all': ([None], None),
        'single': (single, args.single_batch_size),
    }
    methods = {
        m: (
            find_config(CONFIGS, args.data, m),
            {**find_changes(CONFIGS, m), **(args.cfg_options or {})},
        )
        for m in args.methods
    }
    for seed in args.seeds:
        for mode in args.modes:
            activities, batch_size = groups[mode]
            for method, (path, options) in methods.items():
                for activity in activities:
                    training = Training(method, seed, activity)
                    plan.append(
                        (
                            training,
                            training_config(
                                path,
                                training,
                                args.epochs,
                                batch_size,
                                options,
                            ),
                        )
                    )
    return plan


def run(plan: list[tuple], args: argparse.Namespace) -> list[str]:
    """Run the trainings.

    Returns:
        list[str]: Those that failed, and why.
    """
    from masa.comparison import run_trainings

    failed, start = [], time.monotonic()
    ended = run_trainings(plan, args.work_dir, args.jobs, args.devices)
    for number, (training, error) in enumerate(ended, 1):
        if error is not None:
            failed.append(f'{training}: {error}')
        left = (time.monotonic() - start) / number * (len(plan) - number)
        print(
            f'[{number}/{len(plan)}] {training}'
            f'{": failed" if error else ""}; about {left / 60:.0f} min left',
            flush=True,
        )
    return failed


def main(argv=None) -> int:
    """Run the comparison."""
    args = parse_args(argv)
    return end_with_status(lambda: _compare(args), (ValueError,))


def _compare(args: argparse.Namespace) -> int:
    from masa.comparison import (
        comparison_rows,
        format_markdown,
        read_results,
    )

    failed = run(make_plan(args), args)
    results = read_results(args.work_dir)
    parts = []
    for single, title in (
        (False, 'One model for all activities'),
        (True, 'One model for every activity, average'),
    ):
        table = format_markdown(comparison_rows(results, single))
        if table:
            parts.append(f'### {title}\n\n{table}')
    path = args.work_dir / 'table.md'
    with atomic_path(path) as temporary:
        temporary.write_text('\n'.join(parts), encoding='utf-8')
    print('\n'.join([*parts, f'table: {path}']))
    for line in failed:
        print(f'failed: {line}', file=sys.stderr)
    return int(bool(failed))


if __name__ == '__main__':
    sys.exit(main())
