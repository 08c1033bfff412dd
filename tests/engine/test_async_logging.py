import copy
import json

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper

from masa.engine import (
    DeferredNormAmpOptimWrapper,
    DeferredNormOptimWrapper,
    DeferredRuntimeInfoHook,
)


def wrappers(*kinds, **kwargs):
    made = []
    for kind in kinds:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        # MMEngine takes the type out of clip_grad.
        arguments = copy.deepcopy(kwargs)
        made.append((layer, kind(optimizer=optimizer, **arguments)))
    return made


@pytest.mark.parametrize(
    'clip', [None, dict(max_norm=0.1), dict(type='value', clip_value=0.01)]
)
def test_steps_are_those_of_mmengine(clip):
    frames = torch.arange(12.0).reshape(4, 3)
    made = wrappers(OptimWrapper, DeferredNormOptimWrapper, clip_grad=clip)
    for layer, wrapper in made:
        for _ in range(3):
            wrapper.update_params(layer(frames).square().mean())
    (theirs, reference), (ours, wrapper) = made
    assert torch.equal(ours.weight, theirs.weight)
    logged = reference.message_hub.log_scalars.get('train/grad_norm')
    if clip == dict(max_norm=0.1):
        assert wrapper.grad_norm.item() == logged.current()
    else:
        assert wrapper.grad_norm is None


def test_bfloat16_needs_no_loss_scale(monkeypatch):
    # It is built where there is a GPU only.
    monkeypatch.setattr(
        amp_optimizer_wrapper, 'is_cuda_available', lambda: True
    )
    ((_, wrapper),) = wrappers(DeferredNormAmpOptimWrapper, dtype='bfloat16')
    assert not wrapper.loss_scaler.is_enabled()
    assert wrapper.cast_dtype == torch.bfloat16


@pytest.mark.parametrize('interval', [1, 2])
def test_logs_and_checkpoints_are_those_of_mmengine(
    make_runner, tmp_path, interval
):
    def train(name, wrapper, hook):
        runner = make_runner(
            name,
            **{
                'optim_wrapper.type': wrapper,
                'default_hooks.runtime_info': dict(type=hook),
                'default_hooks.logger.interval': interval,
                'default_hooks.checkpoint.by_epoch': False,
                'default_hooks.checkpoint.interval': 2,
                'train_cfg.max_epochs': 2,
            },
        )
        runner.train()

    def numbers(name):
        (path,) = (tmp_path / name).glob('*/vis_data/scalars.json')
        lines = map(json.loads, path.read_text().splitlines())
        return [
            {k: v for k, v in line.items() if 'time' not in k}
            for line in lines
        ]

    def history(name, step):
        file = tmp_path / name / f'iter_{step}.pth'
        checkpoint = torch.load(file, weights_only=True)
        scalars = checkpoint['message_hub']['log_scalars']
        return {k: v for k, v in scalars.items() if 'time' not in k}

    for name, wrapper, hook in (
        ('theirs', 'OptimWrapper', 'RuntimeInfoHook'),
        ('ours', 'DeferredNormOptimWrapper', 'DeferredRuntimeInfoHook'),
    ):
        train(name, wrapper, hook)
    assert 'grad_norm' in numbers('ours')[0]
    assert numbers('ours') == numbers('theirs')
    torch.testing.assert_close(
        history('ours', 4), history('theirs', 4), rtol=0, atol=0
    )


def test_scalars_stay_where_they_are_until_they_are_due(make_runner):
    runner = make_runner(
        **{
            'optim_wrapper.type': 'DeferredNormOptimWrapper',
            'default_hooks.runtime_info': dict(type='DeferredRuntimeInfoHook'),
            'default_hooks.logger.interval': 10,
        }
    )
    (hook,) = (
        h for h in runner.hooks if isinstance(h, DeferredRuntimeInfoHook)
    )
    kept = []
    original = hook.after_train_iter

    def watched(*args, **kwargs):
        original(*args, **kwargs)
        kept.append(len(hook._scalars))

    hook.after_train_iter = watched
    runner.train()
    # The batches of one epoch, of which the last ends it.
    assert kept[-1] == 0
    assert kept[:-1] == [kept[0] * (i + 1) for i in range(len(kept) - 1)]
    assert kept[0] > 0
