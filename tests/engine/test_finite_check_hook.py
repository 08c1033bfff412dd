import copy
import functools

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim.optimizer import amp_optimizer_wrapper
from tiny_configs import CONFIGS

from masa.engine import FiniteCheckHook, NonFiniteError
from masa.models import SequenceAligner


@MODELS.register_module()
class BreakingAligner(SequenceAligner):
    """Gives what is not finite when it is told to."""

    broken = None

    def loss(self, inputs, data_samples=None):
        losses = super().loss(inputs, data_samples)
        weight = next(self.parameters())
        if self.broken == 'loss':
            losses['loss'] = losses['loss'] * float('nan')
        elif self.broken == 'infinite loss':
            # With a gradient of zero, which no norm would show.
            losses['loss'] = losses['loss'].detach() / 0 + 0 * weight.sum()
        elif self.broken == 'gradient':
            # The root of zero is finite, its slope is not.
            losses['loss'] = losses['loss'] + (0 * weight.sum()).sqrt()
        return losses


class BreakHook(Hook):
    """Breaks some iterations, and keeps what was before each."""

    def __init__(self, kind, iterations):
        self.kind = kind
        self.iterations = iterations

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        broken = runner.iter in self.iterations
        runner.model.broken = self.kind if broken else None
        self.names = [s.frame_dir for s in data_batch['data_samples']]
        self.parameters = copy.deepcopy(dict(runner.model.named_parameters()))
        self.steps = optimizer_steps(runner)


def optimizer_steps(runner):
    return {
        float(state['step'])
        for state in runner.optim_wrapper.optimizer.state.values()
    }


def breaking_runner(make_runner, kind, iterations, max_skipped=20, **changes):
    runner = make_runner(
        **{'model.type': 'BreakingAligner', 'train_cfg.max_epochs': 4}
        | changes
    )
    if max_skipped:
        runner.register_hook(FiniteCheckHook(max_skipped))
    breaker = BreakHook(kind, iterations)
    runner.register_hook(breaker)
    return runner, breaker


def unchanged(runner, breaker):
    parameters = dict(runner.model.named_parameters())
    return optimizer_steps(runner) == breaker.steps and all(
        torch.equal(parameters[name], value)
        for name, value in breaker.parameters.items()
    )


VALUE = dict(_delete_=True, type='value', clip_value=0.5)


@pytest.mark.parametrize(
    ('kind', 'clip_grad', 'message'),
    [
        ('loss', dict(max_norm=0.5), 'loss is nan'),
        ('infinite loss', dict(max_norm=0.5), 'loss is inf'),
        ('loss', None, 'loss is nan'),
        ('gradient', dict(max_norm=0.5), 'gradient is nan'),
        ('gradient', VALUE, 'gradient is nan'),
        ('gradient', None, 'gradient is nan'),
    ],
)
def test_stops_before_the_step_and_names_the_batch(
    make_runner, kind, clip_grad, message
):
    runner, breaker = breaking_runner(
        make_runner, kind, [4], **{'optim_wrapper.clip_grad': clip_grad}
    )
    with pytest.raises(NonFiniteError) as caught:
        runner.train()
    text = str(caught.value)
    for words in (message, 'epoch 2, iteration 5', ', '.join(breaker.names)):
        assert words in text
    assert '\n' not in text
    assert breaker.steps == {4.0}
    assert unchanged(runner, breaker)
    # What is there to go on from is the last whole epoch.
    saved = torch.load(f'{runner.work_dir}/epoch_1.pth', weights_only=True)
    assert all(v.isfinite().all() for v in saved['state_dict'].values())
    with open(f'{runner.work_dir}/last_checkpoint') as file:
        assert file.read().endswith('epoch_1.pth')


def test_the_norm_that_was_left_on_the_device(make_runner):
    wrapper = {'optim_wrapper.type': 'DeferredNormOptimWrapper'}
    runner, breaker = breaking_runner(make_runner, 'gradient', [4], **wrapper)
    with pytest.raises(NonFiniteError, match=r'gradient .*nan .*epoch 2'):
        runner.train()
    assert unchanged(runner, breaker)


def test_without_the_hook_the_weights_are_lost(make_runner):
    runner, _ = breaking_runner(make_runner, 'gradient', [4], None)
    runner.train()
    assert not all(
        value.isfinite().all() for value in runner.model.parameters()
    )


def test_a_loss_between_two_steps(make_runner):
    runner, breaker = breaking_runner(
        make_runner, 'loss', [4], **{'optim_wrapper.accumulative_counts': 3}
    )
    # There is a step after every third of the twelve iterations.
    with pytest.raises(NonFiniteError, match=r'iteration 5, '):
        runner.train()
    assert breaker.steps == {1.0}
    assert unchanged(runner, breaker)


def test_a_sound_run_is_not_touched(make_runner):
    plain = make_runner(name='plain', **{'train_cfg.max_epochs': 2})
    plain.train()
    runner, _ = breaking_runner(
        make_runner, None, [], **{'train_cfg.max_epochs': 2}
    )
    runner.train()
    for one, other in zip(
        plain.model.parameters(), runner.model.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    assert not runner.model._forward_hooks
    assert not runner.optim_wrapper.optimizer._optimizer_step_pre_hooks


@pytest.fixture
def scaled(monkeypatch):
    """Let MMEngine's AmpOptimWrapper run on the CPU, in bfloat16."""
    if not hasattr(torch.amp, 'GradScaler'):
        pytest.skip('this torch scales no losses on the CPU')
    monkeypatch.setattr(
        amp_optimizer_wrapper, 'is_cuda_available', lambda: True
    )
    monkeypatch.setattr(
        amp_optimizer_wrapper,
        'GradScaler',
        functools.partial(torch.amp.GradScaler, 'cpu'),
    )
    return {'optim_wrapper.type': 'AmpOptimWrapper'}


@pytest.mark.parametrize('clip_grad', [dict(max_norm=0.5), None])
def test_steps_that_a_scaler_leaves_out_are_no_error(
    make_runner, scaled, clip_grad
):
    runner, _ = breaking_runner(
        make_runner,
        'gradient',
        [0, 1, 2, 5, 6, 7],
        3,
        **{'optim_wrapper.clip_grad': clip_grad},
        **scaled,
    )
    runner.train()
    assert optimizer_steps(runner) == {6.0}
    assert runner.optim_wrapper.loss_scaler.get_scale() == 2.0**16 / 2**6
    assert all(v.isfinite().all() for v in runner.model.parameters())


def test_a_scaler_that_never_steps_is_one(make_runner, scaled):
    runner, breaker = breaking_runner(
        make_runner,
        'gradient',
        range(3, 99),
        3,
        **scaled,
    )
    with pytest.raises(
        NonFiniteError,
        match=r'4 steps .*4096, .*epoch 3, iteration 7, .*walk',
    ):
        runner.train()
    assert optimizer_steps(runner) == {3.0}
    assert unchanged(runner, breaker)


def test_a_scaler_does_not_hide_a_loss(make_runner, scaled):
    runner, breaker = breaking_runner(make_runner, 'loss', [4], **scaled)
    with pytest.raises(NonFiniteError, match=r'loss .*nan .*epoch 2'):
        runner.train()
    assert unchanged(runner, breaker)


def test_bfloat16_has_no_scaler_to_leave_a_step_out(make_runner, scaled):
    changes = {
        'optim_wrapper.type': 'DeferredNormAmpOptimWrapper',
        'optim_wrapper.dtype': 'bfloat16',
    }
    runner, breaker = breaking_runner(make_runner, 'gradient', [4], **changes)
    with pytest.raises(NonFiniteError, match=r'gradient .*nan .*epoch 2'):
        runner.train()
    assert unchanged(runner, breaker)


def test_pairs_are_named_with_their_partners(make_runner):
    hook = FiniteCheckHook()
    runner = make_runner()
    hook.before_train_iter(
        runner,
        0,
        dict(
            data_samples=[
                dict(frame_dir='a', partner='b'),
                dict(frame_dir='c', partner='d'),
            ]
        ),
    )
    hook._loss = torch.tensor(float('inf'))
    with pytest.raises(NonFiniteError, match='a with b, c with d'):
        hook.after_train_iter(runner, 0)


def test_it_is_on_by_default():
    config = Config.fromfile(CONFIGS / 'masa_demo.py')
    assert dict(type='FiniteCheckHook') in config.custom_hooks
    assert dict(type='CollapseMonitorHook') in config.custom_hooks


def test_bad_argument():
    with pytest.raises(ValueError, match='max_skipped'):
        FiniteCheckHook(0)
