from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...support.files import remove_leftovers
from ...support.work_dir import LAST_CHECKPOINT
from ..atomic_local_backend import AtomicLocalBackend


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """A ``CheckpointHook`` whose checkpoints survive a kill at any moment.

    MMEngine's hook removes the oldest checkpoint before it writes the new one,
    and writes in place. This hook first writes the new file atomically, then
    updates ``last_checkpoint``, and only then removes the oldest; likewise for
    the best checkpoints. Leftovers of a killed run are removed when the next
    one starts.

    Args:
        backend_args (dict, optional): File backend. Defaults to
            ``dict(backend='atomic')``.
        **kwargs: See ``mmengine.hooks.CheckpointHook``.
    """

    def __init__(self, *args, backend_args: dict | None = None, **kwargs):
        if backend_args is None and kwargs.get('file_client_args') is None:
            backend_args = dict(backend='atomic')
        super().__init__(*args, backend_args=backend_args, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Set the folder and remove leftovers of a killed run."""
        super().before_train(runner)
        if not is_main_process():
            return
        for folder in {str(self.out_dir), str(runner.work_dir)}:
            count = remove_leftovers(folder, [LAST_CHECKPOINT], '.pth')
            if count:
                runner.logger.info(
                    f'removed {count} unfinished files of a run that was '
                    f'killed from {folder}'
                )

    def _save_checkpoint_with_step(self, runner, step, meta):
        outdated = self._keep(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        AtomicLocalBackend().put_text(
            self.last_ckpt, Path(runner.work_dir, LAST_CHECKPOINT)
        )
        for path in outdated:
            self._remove(path)

    def _keep(self, runner: Runner, step: int) -> list[str]:
        """Record which checkpoints are kept; return the outdated ones."""
        # Saving the best checkpoint saves that of the epoch again.
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        kept = [*self.keep_ckpt_ids, step]
        self.keep_ckpt_ids.append(step)
        # Include the outdated ones: if this process is killed before removing
        # them, the resumed one does.
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        return [
            self.file_backend.join_path(
                self.out_dir, self.filename_tmpl.format(one)
            )
            for one in kept[: -self.max_keep_ckpts]
        ]

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)

    def _save_best_checkpoint(self, runner, metrics):
        if self.save_best is None:
            return
        with self._removals_deferred() as outdated:
            super()._save_best_checkpoint(runner, metrics)
        # A best checkpoint may have been overwritten in place.
        for path in set(outdated) - self._best_paths():
            self._remove(path)

    def _best_paths(self) -> set[str | None]:
        if len(self.key_indicators) == 1:
            return {self.best_ckpt_path}
        return set(self.best_ckpt_path_dict.values())

    @contextmanager
    def _removals_deferred(self) -> Iterator[list[str]]:
        """Collect the files to remove until the new ones are written."""
        outdated: list[str] = []
        backend = self.file_backend
        self.file_backend = _DeferredRemovals(backend, outdated)
        try:
            yield outdated
        finally:
            self.file_backend = backend


class _DeferredRemovals:
    """A file backend that only records which files to remove."""

    def __init__(self, backend, noted: list[str]):
        self._backend = backend
        self._noted = noted

    def remove(self, path: str) -> None:
        self._noted.append(path)

    def __getattr__(self, name: str):
        return getattr(self._backend, name)
