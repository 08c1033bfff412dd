"""Train a model, with the flags of MMAction2's tools/train.py."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..support.command_line import end_with_status
from ..support.work_dir import last_checkpoint
from .options import add_options, config_file

if TYPE_CHECKING:
    from mmengine.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa train``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        'Train a sequence alignment model. Exits with 2 if it '
        'could not be done, with 130 after Ctrl-C, with 143 after SIGTERM; '
        'the last checkpoint is whole in any case.'
    )
    parser.epilog = 'Example: masa train masa_demo'
    parser.add_argument(
        'config',
        type=config_file,
        help='config file, or the name of one that "masa configs" lists',
    )
    parser.add_argument('--work-dir', help='where to save logs and models')
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        '--load-from',
        metavar='FILE',
        help='begin with the weights of this checkpoint',
    )
    begin.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from this checkpoint or, without a path, from the '
        'latest one in the work directory that is whole',
    )
    parser.add_argument(
        '--load-partial',
        action='store_true',
        help='begin with those of its weights that fit the model',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='enable automatic mixed precision training',
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the batch size',
    )
    parser.add_argument(
        '--seed', type=int, help="random seed, instead of the config's"
    )
    parser.add_argument(
        '--diff-rank-seed',
        action='store_true',
        help='set a different seed for every rank',
    )
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='use deterministic algorithms only',
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
    if args.load_partial and args.resume is not None:
        parser.error('--load-partial does not go with --resume')


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Put the command line's settings into the config."""
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.no_validate:
        cfg.val_cfg = None
        cfg.val_dataloader = None
        cfg.val_evaluator = None
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    if args.amp:
        cfg.optim_wrapper.type = 'DeferredNormAmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.load_from is not None:
        cfg.load_from = args.load_from
    if args.load_partial:
        cfg.load_partial = True
    if args.unsafe_load:
        cfg.unsafe_load = True
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    randomness = dict(cfg.get('randomness') or {})
    if args.seed is not None:
        randomness['seed'] = args.seed
    if args.diff_rank_seed:
        randomness['diff_rank_seed'] = True
    if args.deterministic:
        randomness['deterministic'] = True
    cfg.randomness = randomness
    return cfg


def run(args: argparse.Namespace) -> int:
    """Run the training.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # Launchers before torchrun pass it as an argument.
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    # PyTorch takes seconds to import, and the help does not need it.
    from ..datasets import AnnotationError
    from ..engine import NonFiniteError
    from ..support.checkpoints import CheckpointError
    from ..support.config_checks import (
        ConfigError,
        exit_on_wrong_config,
        read_config,
    )

    try:
        cfg = merge_args(read_config(args.config), args)
    except ConfigError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    exit_on_wrong_config(cfg, args.config, args.cfg_options)

    def how_to_go_on() -> str:
        last = last_checkpoint(cfg.work_dir)
        if last is None:
            return 'no checkpoint was saved yet: the same command begins anew'
        return f'the same command with --resume goes on from {last}'

    return end_with_status(
        lambda: _train(cfg),
        (AnnotationError, CheckpointError, ConfigError, NonFiniteError),
        how_to_go_on,
    )


def _train(cfg: Config) -> None:
    from ..datasets import check_named_splits
    from ..engine import build_runner

    check_named_splits(cfg, ('train_dataloader', 'val_dataloader'))
    earlier = last_checkpoint(cfg.work_dir)
    if earlier is not None and not cfg.get('resume'):
        print(
            f'note: {cfg.work_dir} holds checkpoints of an earlier training '
            f'up to {earlier.name}, which this one writes over; --work-dir '
            'keeps them apart, --resume goes on from them',
            file=sys.stderr,
        )
    build_runner(cfg).train()
