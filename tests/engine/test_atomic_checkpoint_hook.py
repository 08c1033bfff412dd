import errno
import gc
import os
import signal
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from masa.engine import AtomicLocalBackend
from masa.support.checkpoints import read_checkpoint
from masa.support.work_dir import last_checkpoint

# What changes what is on the disk.
STEPS = ('mkdir', 'fsync', 'replace', 'rename', 'unlink', 'remove', 'rmdir')


def hook_options(**options):
    return {
        'default_hooks.checkpoint': dict(
            type='AtomicCheckpointHook', interval=1, max_keep_ckpts=1
        )
        | options
    }


@pytest.fixture
def runner(make_runner):
    """A run after its first epoch, which is saved."""
    runner = make_runner(**hook_options(save_best='tau', rule='greater'))
    runner.train()
    return runner


def hook_of(runner):
    (hook,) = (
        one
        for one in runner.hooks
        if type(one).__name__ == 'AtomicCheckpointHook'
    )
    return hook


def save(runner, step):
    hook_of(runner)._save_checkpoint_with_step(
        runner, step, dict(epoch=step, iter=runner.iter)
    )


def checkpoints(runner):
    return sorted(path.name for path in Path(runner.work_dir).glob('*.pth'))


def leftovers(runner):
    return list(Path(runner.work_dir).glob('.writing-*'))


def test_the_newest_are_kept(make_runner):
    runner = make_runner(
        **hook_options(max_keep_ckpts=2), **{'train_cfg.max_epochs': 4}
    )
    runner.train()
    assert checkpoints(runner) == ['epoch_3.pth', 'epoch_4.pth']
    assert last_checkpoint(runner.work_dir).name == 'epoch_4.pth'
    resumed = make_runner(
        resume=True,
        **hook_options(max_keep_ckpts=2),
        **{'train_cfg.max_epochs': 5},
    )
    resumed.train()
    assert checkpoints(runner) == ['epoch_4.pth', 'epoch_5.pth']
    # A file of an epoch that is saved again is not an old one.
    save(resumed, 5)
    assert checkpoints(runner) == ['epoch_4.pth', 'epoch_5.pth']
    assert not leftovers(runner)


def test_killed_before_the_old_one_is_removed(
    make_runner, runner, monkeypatch
):
    hook = hook_of(runner)
    monkeypatch.setattr(hook, '_remove', lambda path: None)
    save(runner, 2)
    assert checkpoints(runner) == ['epoch_1.pth', 'epoch_2.pth']
    options = hook_options(save_best='tau', rule='greater')
    make_runner(resume=True, **options, **{'train_cfg.max_epochs': 2}).train()
    assert checkpoints(runner) == ['epoch_2.pth']


def die_at(runner, count, died):
    """Save, and die before what changes the disk for the count-th time."""
    # Garbage of other tests may wait for threads that a fork does not have.
    gc.freeze()
    done = 0

    def dying(call):
        def step(*args, **kwargs):
            nonlocal done
            if done == count:
                died.value = 1
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return call(*args, **kwargs)

        return step

    for name in STEPS:
        setattr(os, name, dying(getattr(os, name)))
    save(runner, 2)
    # Whatever Python would clean up: killed, it could not.
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs os.fork')
def test_killed_at_any_step_of_a_save(runner):
    processes = get_context('fork')
    died = processes.RawValue('i', 1)
    count, named = -1, set()
    while died.value:
        died.value, count = 0, count + 1
        process = processes.Process(target=die_at, args=(runner, count, died))
        process.start()
        process.join()
        last = last_checkpoint(runner.work_dir)
        read_checkpoint(last)
        named.add(last.name)
        for path in Path(runner.work_dir).glob('*.pth'):
            read_checkpoint(path)
        # As before, for the next one.
        hook = hook_of(runner)
        hook.before_train(runner)
        assert not leftovers(runner)
        if died.value:
            for path in Path(runner.work_dir).glob('epoch_2.pth'):
                path.unlink()
            save(runner, 1)
    # Folder, file, name and clean-up, of the checkpoint and of the name of
    # the last one; then the old one goes.
    assert count > 10
    assert named == {'epoch_1.pth', 'epoch_2.pth'}
    assert checkpoints(runner) == ['epoch_2.pth']


def test_the_best_one_outlives_the_writing_of_a_better_one(
    runner, monkeypatch
):
    hook = hook_of(runner)
    work_dir = Path(runner.work_dir)
    hook._save_best_checkpoint(runner, dict(tau=0.5))
    best = work_dir / 'best_tau_epoch_1.pth'
    torch.load(best, weights_only=True)
    runner.train_loop._epoch = 2
    monkeypatch.setattr(os, 'replace', full_disk)
    with pytest.raises(OSError, match='No space'):
        hook._save_best_checkpoint(runner, dict(tau=0.7))
    assert best.is_file()
    monkeypatch.undo()
    hook.best_ckpt_path = str(best)
    hook._save_best_checkpoint(runner, dict(tau=0.8))
    assert not best.is_file()
    assert (work_dir / 'best_tau_epoch_2.pth').is_file()
    # Saved again under the same name it stays.
    hook._save_best_checkpoint(runner, dict(tau=0.9))
    assert (work_dir / 'best_tau_epoch_2.pth').is_file()
    hub = read_checkpoint(last_checkpoint(work_dir))['message_hub']
    assert hub['runtime_info']['best_score'] == 0.9


def full_disk(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'epoch_2.pth')


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_failed_save_leaves_the_last_one(runner, monkeypatch, step):
    monkeypatch.setattr(os, step, full_disk)
    with pytest.raises(OSError, match='No space'):
        save(runner, 2)
    assert checkpoints(runner) == ['epoch_1.pth']
    read_checkpoint(last_checkpoint(runner.work_dir))
    assert not leftovers(runner)


def test_leftovers_of_others_stay(runner):
    other = Path(runner.work_dir, '.writing-other')
    other.mkdir()
    (other / 'report.html').touch()
    ours = Path(runner.work_dir, '.writing-ours')
    ours.mkdir()
    (ours / 'epoch_2.pth').touch()
    hook_of(runner).before_train(runner)
    assert leftovers(runner) == [other]


def test_backend_writes_whole_files(tmp_path, monkeypatch):
    backend = AtomicLocalBackend()
    path = tmp_path / 'new' / 'a.txt'
    backend.put(b'\xff\x00', path)
    assert path.read_bytes() == b'\xff\x00'
    backend.put_text('Grüße', path)
    assert path.read_text(encoding='utf-8') == 'Grüße'
    monkeypatch.setattr(os, 'replace', full_disk)
    with pytest.raises(OSError, match='No space'):
        backend.put(b'other', path)
    assert path.read_text(encoding='utf-8') == 'Grüße'
    assert list(path.parent.iterdir()) == [path]
