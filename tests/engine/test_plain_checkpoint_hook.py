from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer


def checkpoint_of(runner, epoch):
    return f'{runner.work_dir}/epoch_{epoch}.pth'


def plain(value):
    if isinstance(value, dict):
        return all(plain(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return value is None or isinstance(
        value, (bool, int, float, str, torch.Tensor)
    )


def test_checkpoint_loads_without_running_code(make_runner):
    runner = make_runner()
    runner.train()
    checkpoint = torch.load(checkpoint_of(runner, 1), weights_only=True)
    assert plain(checkpoint['message_hub'])
    assert plain(checkpoint['meta'])
    assert plain(checkpoint['state_dict'])
    assert plain(checkpoint['optimizer'])
    # The data set describes itself with arrays.
    assert checkpoint['meta']['dataset_meta']['bones'] == [[0, 1], [1, 2]]


def test_without_the_hook_it_does_not_load(make_runner):
    # If upstream mends this, the hook has had its day.
    runner = make_runner(custom_hooks=[dict(type='RandomKeyHook')])
    runner.train()
    with pytest.raises(UnpicklingError):
        torch.load(checkpoint_of(runner, 1), weights_only=True)


def test_resume_restores_the_message_hub(make_runner):
    first = make_runner()
    first.train()
    second = make_runner(
        resume=True,
        load_from=checkpoint_of(first, 1),
        **{'train_cfg.max_epochs': 2},
    )
    second.load_or_resume = _after(
        second.load_or_resume, lambda: _compare_hubs(first, second)
    )
    second.train()
    assert second.iter == 6
    history, _ = second.message_hub.get_scalar('train/loss').data
    assert len(history) == 6


def _after(function, check):
    def run():
        function()
        check()

    return run


def _compare_hubs(first, second):
    old, new = first.message_hub, second.message_hub
    for name in ('epoch', 'iter', 'max_epochs'):
        assert new.get_info(name) == old.get_info(name)
    for name in ('train/loss', 'train/match_frames', 'train/lr'):
        buffer = new.get_scalar(name)
        assert isinstance(buffer, HistoryBuffer)
        for got, wanted in zip(
            buffer.data, old.get_scalar(name).data, strict=True
        ):
            np.testing.assert_array_equal(got, wanted)
