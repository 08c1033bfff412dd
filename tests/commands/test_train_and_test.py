import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import mmaction
import numpy as np
import pytest
import torch
from tiny_demo import masa_command


def test_training_writes_checkpoints_that_load_safely(trained):
    checkpoint = torch.load(trained / 'epoch_2.pth', weights_only=True)
    assert checkpoint['meta']['epoch'] == 2


def test_same_seed_same_weights_and_seed_flag(trained, tiny_config, tmp_path):
    train = masa_command('train')
    train([tiny_config, '--work-dir', str(tmp_path / 'same')])
    train([tiny_config, '--work-dir', str(tmp_path / 'other'), '--seed', '7'])
    weights = [
        torch.load(folder / 'epoch_2.pth', weights_only=True)['state_dict']
        for folder in (trained, tmp_path / 'same', tmp_path / 'other')
    ]
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key]), key
    assert any(
        not torch.equal(value, weights[2][key])
        for key, value in weights[0].items()
    )


def test_resumed_run_equals_an_uninterrupted_one(
    trained, tiny_config, tmp_path
):
    train = masa_command('train')
    first = tmp_path / 'resumed'
    train(
        [
            *(tiny_config, '--work-dir', str(first), '--no-validate'),
            *('--cfg-options', 'train_cfg.max_epochs=1'),
        ]
    )
    train([tiny_config, '--work-dir', str(first), '--resume'])
    whole = torch.load(trained / 'epoch_2.pth', weights_only=True)
    resumed = torch.load(first / 'epoch_2.pth', weights_only=True)
    for key, value in whole['state_dict'].items():
        assert torch.equal(value, resumed['state_dict'][key]), key


@pytest.mark.parametrize('validates', [True, False])
def test_training_ends_with_what_to_do_next(
    tiny_config, tmp_path, capsys, validates
):
    options = [] if validates else ['--no-validate']
    command = [tiny_config, '--work-dir', str(tmp_path), *options]
    # Loggers of one name, which ends in the second of the start, are one, and
    # print to where the first was captured.
    name = f'experiment_name=ends_{validates}'
    masa_command('train')(
        [*command, '--cfg-options', 'train_cfg.max_epochs=1', name]
    )
    line = capsys.readouterr().out.splitlines()[-1]
    assert f'{tmp_path}: ' in line
    assert f'masa align INPUTS --model {shlex.quote(str(tmp_path))}' in line
    assert ('masa test' in line) is validates


def test_options_of_the_validation_without_validation(tiny_config, tmp_path):
    status = masa_command('train')(
        [
            *(tiny_config, '--work-dir', str(tmp_path), '--no-validate'),
            *('--cfg-options', 'val_dataloader.batch_size=4'),
            *('train_cfg.max_epochs=1', f'work_dir={tmp_path / "not"}'),
        ]
    )
    assert status == 0
    assert (tmp_path / 'epoch_1.pth').is_file()
    assert 'val_dataloader = None' in (tmp_path / 'tiny.py').read_text()


def test_testing_prints_a_table_and_writes_json_and_embeddings(
    trained, tiny_config, tmp_path, capsys
):
    dump = tmp_path / 'embeddings.npz'
    status = masa_command('test')(
        [
            *(tiny_config, str(trained / 'epoch_2.pth')),
            *('--work-dir', str(tmp_path), '--dump', str(dump)),
        ]
    )
    assert status == 0
    printed = capsys.readouterr().out
    for text in ('model', 'raw input + time', 'alignment_error', 'squat'):
        assert text in printed
    (metrics,) = tmp_path.glob('*/metrics.json')
    report = json.loads(metrics.read_text())
    assert list(report['rows']) == [
        'model',
        'raw',
        'window',
        'clock',
        'position',
        'raw+clock',
        'window+clock',
    ]
    assert report['num_sequences'] == dict(train=6, val=4)
    with np.load(dump) as archive:
        name = 'val/squat_000'
        embedding = archive[f'{name}/embedding']
        assert embedding.dtype == np.float32
        assert embedding.shape == (len(archive[f'{name}/phase']), 16)
        assert str(archive[f'{name}/split']) == 'val'
        assert int(archive[f'{name}/label']) == 0


@pytest.mark.parametrize('named', [True, False])
def test_the_last_checkpoint_of_a_work_directory(
    trained, tiny_config, tmp_path, capsys, named
):
    work_dir = tmp_path / 'work'
    work_dir.mkdir()
    shutil.copy(trained / 'epoch_2.pth', work_dir)
    (work_dir / 'last_checkpoint').write_text(str(trained / 'epoch_2.pth'))
    option = [] if named else ['--work-dir']
    command = [tiny_config, *option, str(work_dir)]
    assert masa_command('test')(command) == 0
    assert len(list(work_dir.glob('*/metrics.json'))) == 1
    (work_dir / 'last_checkpoint').unlink()
    assert masa_command('test')(command) == 2
    assert f'{work_dir} has no last_checkpoint' in capsys.readouterr().err


def test_missing_checkpoint_and_bad_dump_are_refused(tiny_config, tmp_path):
    tool = masa_command('test')
    with pytest.raises(SystemExit):
        tool([tiny_config, str(tmp_path / 'none.pth')])
    checkpoint = tmp_path / 'any.pth'
    checkpoint.touch()
    with pytest.raises(SystemExit):
        tool([tiny_config, str(checkpoint), '--dump', 'x.pkl'])


def test_show_needs_a_visualization_hook(tiny_config, tmp_path):
    checkpoint = tmp_path / 'any.pth'
    checkpoint.touch()
    with pytest.raises(SystemExit, match='VisualizationHook'):
        masa_command('test')([tiny_config, str(checkpoint), '--show'])


@pytest.mark.slow
def test_the_tool_of_mmaction2_trains_it_too(trained, tiny_config, tmp_path):
    """As ``mim train mmaction CONFIG`` calls it."""
    tool = Path(mmaction.__file__).parent / '.mim' / 'tools' / 'train.py'
    flags = '--work-dir', tmp_path, '--launcher', 'none'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', tool, tiny_config, *flags],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        torch.load(folder / 'epoch_2.pth', weights_only=True)['state_dict']
        for folder in (trained, tmp_path)
    )
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key
