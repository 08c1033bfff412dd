import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import (
    BaseLoop,
    CheckpointLoader,
    EpochBasedTrainLoop,
    Runner,
    load_state_dict,
)
from torch import nn

from ..registry import RUNNERS
from ..support.checkpoints import (
    CheckpointError,
    check_fit,
    read_checkpoint,
    weights_of,
)
from ..support.compat import is_no_deprecation_of_mmengine, only_weights_loaded
from ..support.config_checks import (
    ConfigError,
    find_other_width,
    wrong_values_told,
)
from ..support.work_dir import saved_checkpoints
from .resumption import (
    LENGTH,
    Change,
    DrySchedule,
    as_list,
    changes_to_tell,
    config_changes,
    parse_config,
    types_of,
)


@contextmanager
def _same_draws_after() -> Iterator[None]:
    """Leave the global generators as they are."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


@RUNNERS.register_module()
class SafeRunner(Runner):
    """A ``Runner`` that takes no checkpoint for what it is not.

    A file is read without running code, its checksums are compared, and its
    weights have to be those of the model: MMEngine's Runner goes on with a
    warning when they are not. ``resume`` without a path takes the newest
    checkpoint that is whole, and says which it left out.

    A resumed training is what the present config would have given without
    an interruption. Where the config has been changed so that it cannot be,
    it is refused; MMEngine's Runner goes on with the old schedule and
    learning rate without a word.

    Two keys of the config, both False by default: ``load_partial`` lets
    ``load_from`` take what fits, to begin a training from another model's
    weights; ``unsafe_load`` lets files run code.

    The console shows where a run is and how it goes; the environment, the
    whole config and the hooks are in the log file alone, unless ``log_level``
    is below INFO.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        self._console: list[logging.Handler] = []
        try:
            super().__init__(*args, **kwargs)
        finally:
            for handler in self._console:
                handler.setLevel(logging.INFO)
        self.logger.info(
            f'{self.cfg.filename or "a config"}\n'
            f'work directory: {self.work_dir}\n'
            f'log file: {Path(self.log_dir, self.timestamp)}.log\n'
            f'device: {get_device()}, processes: {get_world_size()}, '
            f'seed: {self.seed}'
        )

    def build_logger(
        self,
        log_level: int | str = 'INFO',
        log_file: str | None = None,
        **kwargs: Any,
    ) -> MMLogger:
        """Build the logger; see ``Runner.build_logger``.

        Args:
            log_level (int or str): Of console and file.
            log_file (str, optional): The file. Defaults to one in the
                folder of the run.
            **kwargs (Any): Of ``MMLogger``.

        Returns:
            MMLogger: Shows warnings alone on the console until the runner is
            built, and no deprecation that is MMEngine's own.
        """
        logger = super().build_logger(log_level, log_file, **kwargs)
        for handler in logger.handlers:
            if type(handler) is not logging.StreamHandler:
                continue
            handler.addFilter(is_no_deprecation_of_mmengine)
            if handler.level == logging.INFO:
                handler.setLevel(logging.WARNING)
                self._console.append(handler)
        return logger

    def train(self) -> nn.Module:
        """Train; see ``Runner.train``.

        Returns:
            nn.Module: The model.

        Raises:
            ConfigError: If a constructor refuses a value of the config, or
                the model is not as wide as the data.
            CheckpointError: If the checkpoint to begin with cannot be used.
        """
        with wrong_values_told(self.cfg):
            return super().train()

    def val(self) -> dict:
        """Validate; see ``Runner.val`` and :meth:`train`."""
        with wrong_values_told(self.cfg):
            return super().val()

    def test(self) -> dict:
        """Test; see ``Runner.test`` and :meth:`train`."""
        with wrong_values_told(self.cfg):
            return super().test()

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop, and see that the model is as wide as its data."""
        loop = super().build_train_loop(loop)
        self._compare_widths(loop, 'train_dataloader')
        return loop

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop, and see that the model is as wide as its data."""
        loop = super().build_val_loop(loop)
        self._compare_widths(loop, 'val_dataloader')
        return loop

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop, and see that the model is as wide as its data."""
        loop = super().build_test_loop(loop)
        self._compare_widths(loop, 'test_dataloader')
        return loop

    def _compare_widths(self, loop: BaseLoop, loader: str) -> None:
        model = self.model
        if is_model_wrapper(model):
            model = model.module
        with _same_draws_after():
            finding = find_other_width(model, loop.dataloader.dataset, loader)
        if finding is not None:
            source = str(self.cfg.filename or 'config')
            raise ConfigError(source, [finding])

    @property
    def _unsafe(self) -> bool:
        return self.cfg.get('unsafe_load', False)

    def _guard(self) -> AbstractContextManager:
        return nullcontext() if self._unsafe else only_weights_loaded()

    def _init_model_weights(self) -> None:
        with self._guard():
            super()._init_model_weights()

    def load_or_resume(self) -> None:
        """Load or resume a checkpoint, as the config says.

        Raises:
            CheckpointError: If none can be used.
        """
        if self._has_loaded or not self._resume:
            super().load_or_resume()
            return
        path = self._load_from or self._newest_whole()
        if path is not None:
            self.resume(str(path))
        super().dump_config()

    def dump_config(self) -> None:
        """Write the config into the work directory.

        Where a training is to be resumed, not before it is: a config that is
        refused would take the place of the training's.
        """
        if not self._resume:
            super().dump_config()

    def save_checkpoint(self, *args, meta: dict | None = None, **kwargs):
        """Save a checkpoint; see ``Runner.save_checkpoint``.

        Args:
            *args: Of the Runner.
            meta (dict, optional): What to add to the checkpoint's ``meta``.
                The number of processes and of iterations in an epoch come to
                it, which a resumed training has to agree with.
            **kwargs: Of the Runner.
        """
        meta = dict(
            meta or {},
            world_size=self.world_size,
            epoch_length=len(self.train_dataloader),
        )
        super().save_checkpoint(*args, meta=meta, **kwargs)

    def _newest_whole(self) -> Path | None:
        found = saved_checkpoints(self.work_dir)
        if not found:
            self.logger.info(
                f'{self.work_dir} holds no checkpoint to resume from: the '
                'training begins'
            )
        reasons = []
        for path in found:
            try:
                checkpoint = read_checkpoint(path, self._unsafe)
                self._check_resumable(checkpoint, path)
            except (CheckpointError, FileNotFoundError) as error:
                reasons.append(str(error))
                self.logger.warning(f'left out: {error}')
                continue
            if reasons:
                self.logger.warning(f'resuming from an older one: {path}')
            return path
        if reasons:
            raise CheckpointError(
                f'{self.work_dir} holds no checkpoint that is whole: '
                f'{"; ".join(reasons)}. Without --resume the training begins '
                'anew'
            )
        return None

    def _check_resumable(
        self, checkpoint: dict[str, Any], path: str | Path
    ) -> None:
        wanted = ['meta', 'message_hub', 'optimizer']
        if self.param_schedulers is not None:
            wanted.append('param_schedulers')
        missing = [key for key in wanted if key not in checkpoint]
        meta = checkpoint.get('meta', {})
        missing += [f'meta.{k}' for k in ('epoch', 'iter') if k not in meta]
        if missing:
            raise CheckpointError(
                f'{path} cannot be resumed from: it lacks '
                f'{", ".join(missing)}. Take a checkpoint of an epoch; to '
                'begin a training from these weights, give it as load_from, '
                'without --resume'
            )

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = 'default',
    ) -> None:
        """Go on from a checkpoint; see ``Runner.resume``.

        Args:
            filename (str): The checkpoint.
            resume_optimizer (bool): Whether with the optimizer's state.
            resume_param_scheduler (bool): Whether with the schedulers'.
            map_location (str or Callable): Of ``torch.load``. Defaults to
                the CPU.

        Raises:
            CheckpointError: If the file is damaged, holds no state of a
                training, or is not of this config.
        """
        self._resume = True
        adopts_seed = self._randomness_cfg.get('seed') is None
        try:
            super().resume(
                filename,
                resume_optimizer,
                resume_param_scheduler,
                'cpu' if map_location == 'default' else map_location,
            )
        except CheckpointError:
            raise
        # What PyTorch says of a state with other groups, or without a key.
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f'{filename} cannot be resumed from with this config: '
                f'{error}. Resume with the config that it was trained with; '
                'to begin a training from its weights, give it as load_from'
            ) from error
        if adopts_seed and not self._randomness_cfg.get('diff_rank_seed'):
            self._seed_sampler()
        if self._is_finished():
            self.logger.warning(
                f'the training is finished: {filename} is of epoch '
                f'{self.epoch}, iteration {self.iter}, which is the length '
                'that the config gives it. To train on, raise '
                f'{self._length_key()}'
            )

    def _is_finished(self) -> bool:
        if isinstance(self.train_loop, EpochBasedTrainLoop):
            return self.epoch >= self.max_epochs
        return self.iter >= self.max_iters

    def _length_key(self) -> str:
        by_epoch = isinstance(self.train_loop, EpochBasedTrainLoop)
        return LENGTH[0] if by_epoch else LENGTH[1]

    def _seed_sampler(self) -> None:
        """Let the order of the sequences be that of the checkpoint's seed."""
        loader = self.train_dataloader
        for sampler in (
            loader.sampler,
            getattr(loader.batch_sampler, 'sampler', None),
        ):
            if hasattr(sampler, 'seed'):
                sampler.seed = self.seed

    def _compare_configs(
        self, checkpoint: dict[str, Any], path: str | Path
    ) -> None:
        """Apply what has been changed in the config, or refuse it.

        Args:
            checkpoint (dict): What is resumed. It is given the states of the
                present schedule, if that is another.
            path (str or Path): The file.

        Raises:
            CheckpointError: If a training without an interruption would have
                come to another checkpoint with the present config.
        """
        meta = checkpoint['meta']
        # MMEngine would run it as Python.
        meta.pop('config', None)
        old, new = map(parse_config, (meta.get('cfg'), self.cfg.pretty_text))
        if old is None or new is None:
            self.logger.warning(
                f'{"this run" if new is None else path} holds no config that '
                'can be read: whether the training goes on with the same '
                'settings is not checked'
            )
            return
        changes = [
            *config_changes(old, new),
            *self._changes_of_run(meta, old, new),
        ]
        of_schedule = [
            change
            for change in changes
            if change.key in LENGTH or change.key.startswith('param_scheduler')
        ]
        applied = of_schedule and self._apply_schedule(checkpoint, old)
        refused = [
            change
            for change in changes
            if not applied or change not in of_schedule
        ]
        if refused:
            raise CheckpointError(
                f'{path} cannot be resumed with this config, for a training '
                'without an interruption would have gone another way: '
                f'{"; ".join(map(str, refused))}. Resume with the old values, '
                f'or begin a new training with its weights: --load-from {path}'
            )
        for change in of_schedule:
            self.logger.info(f'taken over: {change}')
        for change in changes_to_tell(old, new):
            self.logger.warning(f'from here on {change}')

    def _changes_of_run(
        self, meta: dict, old: dict, new: dict
    ) -> list[Change]:
        """List what is not in the config alone and is another than it was."""
        seed = (new.get('randomness') or {}).get('seed')
        pairs = {'randomness.seed': (meta.get('seed'), seed)}
        sizes = [
            (config.get('train_dataloader') or {}).get('batch_size')
            for config in (old, new)
        ]
        if all(isinstance(size, int) for size in sizes):
            # Of all processes: half as many with twice as much are the same.
            processes = meta.get('world_size', self.world_size)
            pairs['train_dataloader.batch_size x processes'] = (
                sizes[0] * processes,
                sizes[1] * self.world_size,
            )
        pairs['the number of iterations in an epoch'] = (
            meta.get('epoch_length'),
            len(self.train_dataloader),
        )
        return [
            Change(key, *values)
            for key, values in pairs.items()
            if None not in values and values[0] != values[1]
        ]

    def _apply_schedule(self, checkpoint: dict[str, Any], old: dict) -> bool:
        """Go over to the present schedule, if it was the same until now.

        Both schedules are run up to the checkpoint, without a model. Where
        they gave the same values in every iteration, the present one takes
        the place of the old one.

        Args:
            checkpoint (dict): Changed in place.
            old (dict): Its config, as :func:`parse_config` reads it.

        Returns:
            bool: Whether they did.
        """
        reached = checkpoint['meta']['iter']
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        before = as_list(old.get('param_scheduler'))
        now = as_list(self.cfg.get('param_scheduler'))
        length = self._length_key().rpartition('.')[2]
        old_length = (old.get('train_cfg') or {}).get(length)
        if (
            self.max_iters < reached
            or isinstance(self.optim_wrapper, OptimWrapperDict)
            or not isinstance(old_length, int)
            # What a file names is not built, unless the config names it.
            or not types_of(before) <= types_of(now)
        ):
            return False
        epochs, iterations = self.max_epochs, self.max_iters
        present = self._dry_schedule(now, epochs, iterations)
        if length == 'max_epochs':
            iterations = old_length * len(self.train_dataloader)
            epochs = old_length
        else:
            iterations = old_length
        past = self._dry_schedule(before, epochs, iterations)
        if not present.steps_alone or not past.agrees(present, reached):
            return False
        checkpoint['param_schedulers'] = present.states()
        state = checkpoint['optimizer']
        groups = [*state['param_groups']]
        if 'base_param_settings' in state:
            groups.append(state['base_param_settings'])
        for group, one, other in zip(
            groups, past.values(), present.values(), strict=True
        ):
            group.update({k: v for k, v in other.items() if v != one[k]})
        return True

    def _dry_schedule(
        self, schedulers: list[dict], epochs: int, iterations: int
    ) -> DrySchedule:
        for one in schedulers:
            one.setdefault(
                'end', epochs if one.get('by_epoch', True) else iterations
            )
        by_epoch = isinstance(self.train_loop, EpochBasedTrainLoop)
        return DrySchedule(
            lambda optimizer: self._build_param_scheduler(
                schedulers, optimizer
            ),
            self.optim_wrapper,
            len(self.train_dataloader) if by_epoch else None,
        )

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = 'cpu',
        strict: bool | None = None,
        revise_keys: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Load a checkpoint's weights; see ``Runner.load_checkpoint``.

        Args:
            filename (str): A file, or an address that MMEngine knows.
            map_location (str or Callable): Of ``torch.load``.
            strict (bool, optional): Whether all weights have to fit. Defaults
                to True, but for ``load_from`` with ``load_partial``.
            revise_keys (Sequence[tuple[str, str]]): Patterns, and what takes
                their place in the names of weights; ``module.`` in front
                is left out anyway.

        Returns:
            dict: The checkpoint.

        Raises:
            CheckpointError: If it cannot be used.
        """
        if strict is None:
            strict = self._resume or not self.cfg.get('load_partial', False)
        if '://' in filename:
            with self._guard():
                checkpoint = CheckpointLoader.load_checkpoint(
                    filename, map_location
                )
        else:
            checkpoint = read_checkpoint(filename, self._unsafe, map_location)
        if self._resume:
            self._check_resumable(checkpoint, filename)
            self._compare_configs(checkpoint, filename)
        model = self.model
        if is_model_wrapper(model):
            model = model.module
        weights = weights_of(checkpoint, filename, revise_keys)
        check_fit(weights, model, filename, partial=not strict)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        # Says what it leaves out.
        load_state_dict(model, weights, logger=self.logger)
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint
