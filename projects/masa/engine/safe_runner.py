import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner import CheckpointLoader, Runner, load_state_dict

from ..checkpoints import (
    CheckpointError,
    check_fit,
    read_checkpoint,
    weights_of,
)
from ..compat import is_no_deprecation_of_mmengine, only_weights_loaded
from ..registry import RUNNERS
from ..work_dir import saved_checkpoints


@RUNNERS.register_module()
class SafeRunner(Runner):
    """A ``Runner`` that takes no checkpoint for what it is not.

    A file is read without running code, its checksums are compared, and its
    weights have to be those of the model: MMEngine's Runner goes on with a
    warning when they are not. ``resume`` without a path takes the newest
    checkpoint that is whole, and says which it left out.

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
        if self._has_loaded or not self._resume or self._load_from:
            super().load_or_resume()
            return
        path = self._newest_whole()
        if path is not None:
            self.resume(str(path))

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
