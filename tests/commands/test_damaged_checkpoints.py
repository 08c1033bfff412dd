import shutil
from pathlib import Path

import pytest
import torch
from payload import Payload
from tiny_demo import masa_command

from masa.apis import AlignmentInferencer
from masa.cli import main
from masa.support.checkpoints import CheckpointError, read_checkpoint


def cut_off(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path):
    path.write_bytes(b'')


def of_another_model(path):
    checkpoint = read_checkpoint(path)
    checkpoint['state_dict'] = {'fc.weight': torch.zeros(3, 4)}
    torch.save(checkpoint, path)


def carry_code(path):
    mark = path.with_name('mark')
    torch.save(dict(read_checkpoint(path), extra=Payload(mark)), path)


DAMAGE = [
    (cut_off, 'is damaged or no checkpoint'),
    (empty, 'it is empty'),
    (of_another_model, 'missing: backbone'),
    (carry_code, 'could run code; nothing of it was run'),
]


@pytest.fixture
def work_dir(trained, tmp_path):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    for name in ('tiny.py', 'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint'):
        shutil.copy(trained / name, work_dir)
    return work_dir


def commands(work_dir):
    """Every command that reads a checkpoint, and how."""
    config, path = str(work_dir / 'tiny.py'), str(work_dir / 'epoch_2.pth')
    folder = ('--work-dir', str(work_dir))
    return {
        'train, resume': ('train', config, *folder, '--resume', path),
        'train, load_from': (
            *('train', config, *folder, '--load-from', path),
        ),
        'test': ('test', config, path, *folder),
        'export': ('export', str(work_dir), str(work_dir / 'a.onnx')),
        'search': (
            *('search', 'a.pkl', 'b.pkl', '--frame', '0'),
            *('--model', str(work_dir), '--weights', path),
        ),
        'report': ('report', str(work_dir)),
    }


def test_every_command_names_file_and_remedy(work_dir, capsys):
    path = work_dir / 'epoch_2.pth'
    whole = path.read_bytes()
    # Building a runner takes longest: not each tool for each kind.
    kinds = [DAMAGE[i % len(DAMAGE)] for i in (0, 1, 2, 3, 0, 2)]
    for (name, command), (damage, message) in zip(
        commands(work_dir).items(), kinds, strict=True
    ):
        path.write_bytes(whole)
        damage(path)
        assert main(command) == 2, name
        error = capsys.readouterr().err.splitlines()
        line = next(one for one in error if one.startswith('error: '))
        assert str(path) in line
        assert message in line
        assert not any('Traceback' in one for one in error), name
        assert not (work_dir / 'mark').exists()


@pytest.mark.parametrize(('damage', 'message'), DAMAGE)
def test_from_python(work_dir, damage, message):
    path = work_dir / 'epoch_2.pth'
    damage(path)
    with pytest.raises(CheckpointError, match=message) as caught:
        AlignmentInferencer(work_dir, device='cpu')
    assert str(path) in str(caught.value)


def test_code_is_run_where_that_is_asked_for(work_dir):
    carry_code(work_dir / 'epoch_2.pth')
    AlignmentInferencer(work_dir, device='cpu', unsafe_load=True)
    assert (work_dir / 'mark').exists()


def test_resume_leaves_out_what_is_damaged(work_dir, trained, capsys):
    cut_off(work_dir / 'epoch_2.pth')
    config = str(work_dir / 'tiny.py')
    status = masa_command('train')(
        [config, '--work-dir', str(work_dir), '--resume', '--no-validate']
    )
    assert status == 0
    printed = capsys.readouterr()
    told = printed.out + printed.err
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        assert str(work_dir / name) in told
    states = [
        read_checkpoint(Path(one, 'epoch_2.pth'))['state_dict']
        for one in (work_dir, trained)
    ]
    torch.testing.assert_close(*states, rtol=0, atol=0)
