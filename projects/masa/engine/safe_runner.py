import logging
import random
import shlex
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
from mmengine.runner import BaseLoop, CheckpointLoader, Runner
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
    find_width_mismatch,
    report_wrong_values,
)
from ..support.work_dir import saved_checkpoints
from .resumption import (
    apply_config,
    check_resumable,
    is_finished,
    length_key,
)


@RUNNERS.register_module()
class SafeRunner(Runner):
    """A ``Runner`` that checks config, data and checkpoints.

    Checkpoints are read without running code, their checksums are verified,
    and their weights must match the model, where MMEngine's Runner only warns.
    ``resume`` without a path takes the latest undamaged checkpoint and logs
    which ones it skips.

    A resumed training gives the same result as an uninterrupted one with the
    current config. If changes of the config make this impossible, resuming is
    an error; MMEngine's Runner silently continues with the old schedule and
    learning rate.

    Two config keys, both False by default: with ``load_partial``,
    ``load_from`` takes only the weights that match, to start from another
    model; with ``unsafe_load``, checkpoints may run code.

    The console shows the progress of a run. The environment, the whole config
    and the hooks go only to the log file, unless ``log_level`` is below INFO.
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

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; see ``Runner.build_logger``.

        Until the runner is built, the console shows only warnings; it never
        shows deprecations of MMEngine's own code.
        """
        logger = super().build_logger(*args, **kwargs)
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

        Raises:
            ConfigError: If a constructor rejects a value of the config, or the
                model expects frames of another width.
            CheckpointError: If the initial checkpoint cannot be used.
        """
        with report_wrong_values(self.cfg):
            model = super().train()
        self.logger.info(self._next_steps())
        return model

    def _next_steps(self) -> str:
        work_dir = shlex.quote(self.work_dir)
        steps = f'masa align INPUTS --model {work_dir} -o aligned.mp4'
        # Without validation there may be nothing to test on either.
        if self.val_loop is not None and self.cfg.filename:
            config = shlex.quote(self.cfg.filename)
            steps = f'masa test {config} {work_dir}, or {steps}'
        return f'{self.work_dir}: the trained model; next: {steps}'

    def val(self) -> dict:
        """Validate; see ``Runner.val`` and :meth:`train`."""
        with report_wrong_values(self.cfg):
            return super().val()

    def test(self) -> dict:
        """Test; see ``Runner.test`` and :meth:`train`."""
        with report_wrong_values(self.cfg):
            return super().test()

    def load_or_resume(self) -> None:
        """Load or resume a checkpoint according to the config.

        Raises:
            ConfigError: If the model expects frames of another width than a
                data loader gives.
            CheckpointError: If no checkpoint can be used.
        """
        self._check_widths()
        if self._has_loaded or not self._resume:
            super().load_or_resume()
            return
        path = self._load_from or self._newest_whole()
        if path is not None:
            self.resume(str(path))
        super().dump_config()

    def _check_widths(self) -> None:
        loops = dict(
            train=self._train_loop, val=self._val_loop, test=self._test_loop
        )
        for name, loop in loops.items():
            if not isinstance(loop, BaseLoop):
                continue
            with _generators_kept():
                finding = find_width_mismatch(
                    self._bare_model,
                    loop.dataloader.dataset,
                    f'{name}_dataloader',
                )
            if finding is not None:
                source = str(self.cfg.filename or 'config')
                raise ConfigError(source, [finding])

    @property
    def _bare_model(self) -> nn.Module:
        model = self.model
        return model.module if is_model_wrapper(model) else model

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
                check_resumable(self, checkpoint, path)
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

    def dump_config(self) -> None:
        """Write the config into the work directory.

        When resuming, this is done afterwards, so that a rejected config does
        not replace that of the training.
        """
        if not self._resume:
            super().dump_config()

    def save_checkpoint(self, *args, meta: dict | None = None, **kwargs):
        """Save a checkpoint; see ``Runner.save_checkpoint``.

        Adds the numbers of processes and of iterations per epoch to its
        ``meta``, to compare them on resuming.
        """
        meta = dict(
            meta or {},
            world_size=self.world_size,
            epoch_length=len(self.train_dataloader),
        )
        super().save_checkpoint(*args, meta=meta, **kwargs)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = 'cpu',
    ) -> None:
        """Resume a training from a checkpoint; see ``Runner.resume``.

        Raises:
            CheckpointError: If the file is damaged, contains no state of a
                training, or does not match the config.
        """
        self._resume = True
        adopts_seed = self._randomness_cfg.get('seed') is None
        try:
            super().resume(
                filename,
                resume_optimizer,
                resume_param_scheduler,
                map_location,
            )
        except CheckpointError:
            raise
        # PyTorch raises these for a state with other groups or keys.
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f'{filename} cannot be resumed from with this config: '
                f'{error}. Resume with the config that it was trained with; '
                'to begin a training from its weights, give it as load_from'
            ) from error
        if adopts_seed and not self._randomness_cfg.get('diff_rank_seed'):
            self._seed_sampler()
        if is_finished(self):
            self.logger.warning(
                f'the training is finished: {filename} is of epoch '
                f'{self.epoch}, iteration {self.iter}, which is the length '
                'that the config gives it. To train on, raise '
                f'{length_key(self)}'
            )

    def _seed_sampler(self) -> None:
        """Set the seed of the sampler to that of the checkpoint."""
        loader = self.train_dataloader
        for sampler in (
            loader.sampler,
            getattr(loader.batch_sampler, 'sampler', None),
        ):
            if hasattr(sampler, 'seed'):
                sampler.seed = self.seed

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = 'cpu',
        strict: bool | None = None,
        revise_keys: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Load a checkpoint's weights; see ``Runner.load_checkpoint``.

        Unlike there, ``strict`` is the default, except for ``load_from`` with
        ``load_partial``. A leading ``module.`` in the names of weights is
        always removed.

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
            check_resumable(self, checkpoint, filename)
            apply_config(self, checkpoint, filename)
        weights = weights_of(checkpoint, filename, revise_keys)
        model = self._bare_model
        fitting, left_out = check_fit(weights, model, filename, not strict)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model.load_state_dict(fitting, strict=False)
        self._has_loaded = True
        not_fitting = f', as far as it fits ({left_out})' if left_out else ''
        self.logger.info(f'Load checkpoint from {filename}{not_fitting}')
        return checkpoint

    def _init_model_weights(self) -> None:
        with self._guard():
            super()._init_model_weights()

    @property
    def _unsafe(self) -> bool:
        return self.cfg.get('unsafe_load', False)

    def _guard(self) -> AbstractContextManager:
        return nullcontext() if self._unsafe else only_weights_loaded()


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Restore the states of the global random generators on exit."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
