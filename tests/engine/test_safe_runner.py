import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from payload import Payload

from masa.support.checkpoints import (
    CheckpointError,
    read_checkpoint,
    weights_of,
)

HOOK = 'default_hooks.checkpoint'
KEPT = dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=3)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Filled by the first test that asks; trainings need its fixtures."""
    return tmp_path_factory.mktemp('trained')


@pytest.fixture
def work_dir(make_runner, trained, tmp_path):
    """The work directory of a run of three epochs."""
    if not list(trained.iterdir()):
        runner = make_runner(**{'train_cfg.max_epochs': 3, HOOK: KEPT})
        runner.train()
        shutil.copytree(runner.work_dir, trained, dirs_exist_ok=True)
        shutil.rmtree(runner.work_dir)
    work_dir = tmp_path / 'run'
    shutil.copytree(trained, work_dir)
    return work_dir


def damage(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    # More than the padding between two records.
    content[middle : middle + 200] = bytes(
        255 ^ byte for byte in content[middle : middle + 200]
    )
    path.write_bytes(content)


def goes_on(make_runner, **changes):
    """Go on to the third epoch."""
    runner = make_runner(
        **{'train_cfg.max_epochs': 3, HOOK: KEPT, 'resume': True} | changes
    )
    runner.train()
    return runner


def printed(capsys):
    captured = capsys.readouterr()
    return captured.out + captured.err


def weights(path):
    return weights_of(read_checkpoint(path), path)


def test_the_newest_whole_one_is_resumed_with_a_notice(
    make_runner, work_dir, trained, capsys
):
    damage(work_dir / 'epoch_3.pth')
    (work_dir / 'epoch_2.pth').write_bytes(b'')
    goes_on(make_runner, log_level='WARNING')
    told = printed(capsys).splitlines()
    for name, why in (('epoch_3', 'is damaged'), ('epoch_2', 'it is empty')):
        (line,) = (
            one for one in told if f'left out: {work_dir}/{name}' in one
        )
        assert why in line
    assert any(
        line.endswith(f'resuming from an older one: {work_dir}/epoch_1.pth')
        for line in told
    )
    torch.testing.assert_close(
        *(weights(one / 'epoch_3.pth') for one in (work_dir, trained)),
        rtol=0,
        atol=0,
    )


def test_a_missing_last_one_is_told(make_runner, work_dir, capsys):
    (work_dir / 'epoch_3.pth').unlink()
    goes_on(make_runner, log_level='WARNING')
    assert 'epoch_3.pth' in printed(capsys)
    assert (work_dir / 'epoch_3.pth').is_file()


def test_with_none_that_is_whole(make_runner, work_dir):
    for path in work_dir.glob('*.pth'):
        damage(path)
    with pytest.raises(CheckpointError, match=re.escape(str(work_dir))):
        goes_on(make_runner)


def test_with_none_the_training_begins(make_runner, tmp_path):
    runner = goes_on(make_runner, **{'train_cfg.max_epochs': 1})
    assert runner.epoch == 1


def test_a_given_path_is_never_replaced(make_runner, work_dir):
    damage(work_dir / 'epoch_3.pth')
    for resume in (True, False):
        with pytest.raises(CheckpointError, match=r'epoch_3\.pth'):
            goes_on(
                make_runner,
                load_from=str(work_dir / 'epoch_3.pth'),
                resume=resume,
            )


@pytest.mark.parametrize('key', ['optimizer', 'message_hub', 'meta'])
def test_weights_alone_are_not_resumed(make_runner, work_dir, key):
    path = work_dir / 'epoch_3.pth'
    checkpoint = read_checkpoint(path)
    del checkpoint[key]
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match=f'{key}.*load_from'):
        goes_on(make_runner, load_from=str(path))


def test_a_state_of_another_optimizer(make_runner, work_dir):
    path = work_dir / 'epoch_3.pth'
    checkpoint = read_checkpoint(path)
    checkpoint['optimizer']['param_groups'] *= 2
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match=r'epoch_3\.pth'):
        goes_on(make_runner, load_from=str(path))


class TestAnotherModel:
    @pytest.fixture
    def part(self, work_dir):
        """Weights that lack the neck."""
        path = work_dir / 'part.pth'
        named = weights(work_dir / 'epoch_3.pth')
        torch.save(
            {k: v for k, v in named.items() if not k.startswith('neck.')}, path
        )
        return path

    def load(self, make_runner, path, **changes):
        runner = make_runner('other', load_from=str(path), **changes)
        runner.train_loop  # noqa: B018
        runner.load_or_resume()
        return runner

    def test_it_is_refused(self, make_runner, part):
        with pytest.raises(CheckpointError, match=r'part\.pth .*neck\.'):
            self.load(make_runner, part)
        with pytest.raises(CheckpointError, match=r'epoch_3\.pth .*neck\.'):
            self.load(
                make_runner,
                part.with_name('epoch_3.pth'),
                **{'model.neck.hidden_channels': 3},
            )

    def test_part_of_it_is_loaded_where_that_is_asked_for(
        self, make_runner, part
    ):
        runner = self.load(make_runner, part, load_partial=True)
        state = runner.model.state_dict()
        for key, value in weights(part).items():
            assert torch.equal(state[key], value), key

    def test_what_does_not_fit_is_told_in_a_line(
        self, make_runner, part, capsys
    ):
        changes = {'model.neck.hidden_channels': 3, 'log_level': 'INFO'}
        whole = part.with_name('epoch_3.pth')
        runner = self.load(make_runner, whole, load_partial=True, **changes)
        shown = printed(capsys).splitlines()
        (line,) = [one for one in shown if 'Load checkpoint from' in one]
        assert 'of another shape: neck.' in line
        state = runner.model.state_dict()
        own = make_runner('own', **changes).model.state_dict()
        for key, value in weights(whole).items():
            fits = value.shape == own[key].shape
            assert torch.equal(state[key], value if fits else own[key]), key

    def test_never_to_resume(self, make_runner, work_dir, part):
        checkpoint = read_checkpoint(work_dir / 'epoch_3.pth')
        checkpoint['state_dict'] = weights(part)
        torch.save(checkpoint, part)
        with pytest.raises(CheckpointError, match=r'missing: neck\.'):
            goes_on(make_runner, load_from=str(part), load_partial=True)


class TestCode:
    @pytest.fixture
    def carrier(self, work_dir, tmp_path):
        path, mark = work_dir / 'epoch_3.pth', tmp_path / 'mark'
        checkpoint = dict(read_checkpoint(path), extra=Payload(mark))
        torch.save(checkpoint, path)
        return path, mark

    @pytest.mark.parametrize('resume', [True, False])
    def test_it_is_not_run(self, make_runner, carrier, monkeypatch, resume):
        path, mark = carrier
        # The default of PyTorch before 2.6.
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        with pytest.raises(CheckpointError, match=re.escape(str(path))):
            goes_on(make_runner, load_from=str(path), resume=resume)
        assert not mark.exists()

    def test_nor_where_a_model_is_initialized(
        self, make_runner, carrier, monkeypatch
    ):
        path, mark = carrier
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        initialized = {
            'model.init_cfg': dict(type='Pretrained', checkpoint=str(path))
        }
        with pytest.raises(Exception, match=r'[Ww]eights.only'):
            make_runner('other', **initialized).train()
        assert not mark.exists()
        assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1'

    def test_it_is_run_where_that_is_asked_for(self, make_runner, carrier):
        path, mark = carrier
        goes_on(make_runner, load_from=str(path), unsafe_load=True)
        assert mark.exists()


def test_what_is_written_loads_safely(make_runner, tmp_path):
    runner = make_runner(**{HOOK: dict(KEPT, save_best='tau', rule='greater')})
    runner.train()
    (hook,) = (one for one in runner.hooks if hasattr(one, 'save_best'))
    hook.after_val_epoch(runner, dict(tau=0.5))
    found = sorted(Path(runner.work_dir).glob('*.pth'))
    assert [path.name for path in found] == [
        'best_tau_epoch_1.pth',
        'epoch_1.pth',
    ]
    for path in found:
        torch.load(path, weights_only=True)
