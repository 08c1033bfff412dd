"""Evaluate a checkpoint, with the flags of MMAction2's tools/test.py."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..support.command_line import end_with_status
from .options import add_options, check_output, config_file

if TYPE_CHECKING:
    from mmengine.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa test``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        'Evaluate a sequence alignment model. Prints the metrics '
        'as a table and writes them as JSON to the work directory. Exits '
        'with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa test masa_demo work_dirs/masa_demo/epoch_80.pth'
    )
    parser.add_argument(
        'config',
        type=config_file,
        help='config file, or the name of one that "masa configs" lists',
    )
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='where to save the metrics')
    parser.add_argument(
        '--dump',
        type=Path,
        metavar='FILE.npz',
        help='save the embeddings: <sequence>/embedding (T, D), '
        '<sequence>/label, <sequence>/phase where known, <sequence>/split',
    )
    add_options(parser, 'overwrite')
    parser.add_argument(
        '--show-dir',
        help='where the VisualizationHook of the config saves its images',
    )
    parser.add_argument(
        '--show',
        action='store_true',
        help='whether the VisualizationHook of the config opens a window',
    )
    parser.add_argument(
        '--interval',
        type=int,
        default=1,
        help='visualize every this many samples',
    )
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='display time of every window in seconds',
    )
    add_options(parser, 'unsafe-load', 'cfg-options', 'launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if args.dump is not None:
        check_output(parser, args.dump, ['.npz'], args.overwrite)
    if not Path(args.checkpoint).is_file():
        parser.error(f'there is no checkpoint {args.checkpoint}')


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Put the command line's settings into the config."""
    if args.show or args.show_dir is not None:
        hook = cfg.default_hooks.get('visualization')
        if hook is None:
            raise SystemExit(
                '--show and --show-dir drive the VisualizationHook, but '
                f'default_hooks.visualization is not set in {args.config}'
            )
        hook.enable = True
        hook.show = args.show
        hook.wait_time = args.wait_time
        hook.out_dir = args.show_dir
        hook.interval = args.interval
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    cfg.load_from = args.checkpoint
    # Of trainings: they would evaluate something else.
    cfg.resume = cfg.load_partial = False
    if args.unsafe_load:
        cfg.unsafe_load = True
    return cfg


def run(args: argparse.Namespace) -> int:
    """Run the evaluation.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # Launchers before torchrun pass it as an argument.
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    # PyTorch takes seconds to import, and the help does not need it.
    from ..datasets import AnnotationError
    from ..support.checkpoints import CheckpointError
    from ..support.config_checks import ConfigError

    return end_with_status(
        lambda: _test(args), (AnnotationError, CheckpointError, ConfigError)
    )


def _test(args: argparse.Namespace) -> None:
    from mmengine.dist import is_main_process

    from ..datasets import check_named_splits
    from ..engine import build_runner
    from ..evaluation import SequenceEvaluator, format_table, save_report
    from ..support.config_checks import exit_on_wrong_config, read_config

    cfg = merge_args(read_config(args.config), args)
    exit_on_wrong_config(cfg, args.config, args.cfg_options)
    check_named_splits(cfg, ('test_dataloader',))
    runner = build_runner(cfg)
    runner.test()
    evaluator = runner.test_loop.evaluator
    if not is_main_process():
        return
    if isinstance(evaluator, SequenceEvaluator):
        path = Path(runner.log_dir, 'metrics.json')
        save_report(evaluator.report, path)
        print(format_table(evaluator.report, per_activity=True))
        print(f'\nmetrics: {path}')
        if args.dump is not None:
            evaluator.collection.save(args.dump)
            print(f'embeddings: {args.dump}')
    elif args.dump is not None:
        raise SystemExit(
            '--dump needs test_evaluator=dict(type="SequenceEvaluator", ...), '
            f'but {args.config} has {type(evaluator).__name__}'
        )
