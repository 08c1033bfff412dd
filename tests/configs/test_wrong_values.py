"""Values that a constructor, or the data, refuse."""

import pytest
import torch
from mmaction.registry import HOOKS, MODELS
from mmengine.hooks import Hook
from tiny_demo import masa_command, tiny_demo

from masa.engine import build_runner
from masa.support.checkpoints import CheckpointError
from masa.support.config_checks import ConfigError, report_wrong_values


@HOOKS.register_module()
class UnsuitableHook(Hook):
    def before_run(self, runner):
        raise ValueError('this run has no moon')


@MODELS.register_module()
class FaultyNeck(torch.nn.Module):
    """A constructor with a fault of its own."""

    def __init__(self):
        super().__init__()
        len(3)


class RaisingHook(Hook):
    def __init__(self, stage, error):
        setattr(self, stage, self.refuse)
        self.error = error

    def refuse(self, *args, **kwargs):
        raise self.error


@pytest.fixture
def make(tmp_path):
    def runner(**changes):
        config = tiny_demo()
        config.work_dir = str(tmp_path / 'work')
        config.log_level = 'ERROR'
        config.merge_from_dict(changes)
        return build_runner(config)

    return runner


@pytest.mark.parametrize(
    ('changes', 'where', 'values'),
    [
        ({'model.backbone.num_heads': 3}, 'model.backbone', '16 3'),
        ({'model.neck.in_channels': 99}, 'model', '99 16 neck'),
        ({'model.head.predictor.embed_dims': 32}, 'model', '32 16 head'),
        ({'model.backbone.in_channels': 99}, 'model.backbone', '99 75'),
        (
            {'val_dataloader.dataset.pipeline.2.modalities': ['x']},
            'val_dataloader.dataset.pipeline.2',
            'x',
        ),
        ({'val_dataloader.batch_size': 0}, 'val_dataloader', '0'),
        ({'train_cfg.max_epochs': 1.5}, 'train_cfg', '1.5'),
        (
            {'optim_wrapper.optimizer.lr': -1},
            'optim_wrapper.optimizer',
            '-1 Adam',
        ),
        (
            {'custom_hooks.3': dict(type='UnsuitableHook')},
            'custom_hooks.3',
            'moon UnsuitableHook',
        ),
        (
            {'model.head': dict(type='MASAHead', _delete_=True)},
            'model.head',
            'predictor',
        ),
    ],
)
def test_what_is_refused_names_the_setting(make, changes, where, values):
    with pytest.raises(ConfigError) as caught:
        make(**changes).train()
    (finding,) = caught.value.findings
    assert finding.path == where
    for value in values.split():
        assert value in finding.message


@pytest.mark.parametrize(
    ('stage', 'error'),
    [
        ('before_train_iter', ValueError('in the middle of the training')),
        ('before_train', RuntimeError('a fault')),
        ('before_train', AssertionError()),
        ('before_train', CheckpointError('says what is wrong')),
    ],
)
def test_other_errors_pass(make, stage, error):
    runner = make()
    runner.register_hook(RaisingHook(stage, error))
    with pytest.raises(type(error)) as caught:
        runner.train()
    assert caught.value is error


def test_a_fault_of_a_constructor_is_no_wrong_value(make):
    with pytest.raises(TypeError):
        make(**{'model.neck': dict(_delete_=True, type='FaultyNeck')})


def test_errors_outside_of_a_run_pass():
    with (
        pytest.raises(ValueError, match='mine'),
        report_wrong_values(tiny_demo()),
    ):
        raise ValueError('mine')


@pytest.mark.parametrize('name', ['train', 'test'])
def test_tools_end_with_a_line_and_status_2(name, tmp_path, capsys):
    path, checkpoint = tmp_path / 'wide.py', tmp_path / 'any.pth'
    config = tiny_demo()
    config.log_level = 'ERROR'
    config.model.backbone.in_channels = 99
    config.dump(path)
    checkpoint.touch()
    arguments = [str(path), '--work-dir', str(tmp_path / 'work')]
    if name == 'test':
        arguments.insert(1, str(checkpoint))
    assert masa_command(name)(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for text in (str(path), 'in_channels=99', '75', f'{name}_dataloader'):
        assert text in line
