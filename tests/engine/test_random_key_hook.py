import pytest
import torch
from mmengine.hooks import Hook

from masa.engine import RandomKeyHook


class KeyRecorder(Hook):
    """Notes the key when the first batch of an epoch has come."""

    def __init__(self):
        self.keys = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            dataset = runner.train_dataloader.dataset
            self.keys.append(tuple(dataset._random_key.tolist()))


def test_every_epoch_has_the_key_of_seed_and_epoch(make_runner):
    runner = make_runner(
        randomness=dict(seed=7), **{'train_cfg.max_epochs': 3}
    )
    recorder = KeyRecorder()
    runner.register_hook(recorder)
    runner.train()
    assert recorder.keys == [(7, 0), (7, 1), (7, 2)]


class DrawRecorder(Hook):
    """Draws what a model would draw in each iteration."""

    def __init__(self):
        self.draws = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.draws[runner.iter] = torch.rand(()).item()


def draws(make_runner, name, **changes):
    runner = make_runner(name=name, **{'train_cfg.max_epochs': 2} | changes)
    recorder = DrawRecorder()
    runner.register_hook(recorder)
    runner.train()
    return recorder.draws


def test_draws_of_the_model_are_keyed_by_seed_and_iteration(make_runner):
    expected = draws(make_runner, 'whole', randomness=dict(seed=7))
    assert len(expected) > 2
    assert len(set(expected.values())) == len(expected)
    draws(
        make_runner,
        'parts',
        randomness=dict(seed=7),
        **{'train_cfg.max_epochs': 1},
    )
    rest = draws(make_runner, 'parts', randomness=dict(seed=7), resume=True)
    assert rest.items() < expected.items()
    other = draws(make_runner, 'other', randomness=dict(seed=8))
    assert not set(other.values()) & set(expected.values())


def test_wrappers_are_looked_through(make_runner):
    keyed = dict(type='KeyedWalks')
    runner = make_runner(
        **{
            'train_dataloader.dataset': dict(
                _delete_=True, type='ConcatDataset', datasets=[keyed, keyed]
            ),
            'train_dataloader.batch_sampler': None,
        }
    )
    runner.train()
    for dataset in runner.train_dataloader.dataset.datasets:
        assert dataset._random_key.tolist() == [0, 0]


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (
            dict(
                type='RepeatDataset', times=2, dataset=dict(type='KeyedWalks')
            ),
            'RepeatDataset would repeat.*max_epochs',
        ),
        (
            dict(
                type='ConcatDataset',
                datasets=[
                    dict(type='KeyedWalks'),
                    dict(
                        type='RepeatDataset',
                        times=2,
                        dataset=dict(type='KeyedWalks'),
                    ),
                ],
            ),
            'RepeatDataset',
        ),
        (dict(type='UnkeyedWalks'), 'set_random_key.*UnkeyedWalks'),
        (
            dict(
                type='ConcatDataset',
                datasets=[dict(type='KeyedWalks'), dict(type='UnkeyedWalks')],
            ),
            'UnkeyedWalks',
        ),
    ],
)
def test_data_that_cannot_be_keyed_is_refused(make_runner, dataset, message):
    runner = make_runner(
        **{
            'train_dataloader.dataset': dict(dataset, _delete_=True),
            'train_dataloader.batch_sampler': None,
        }
    )
    with pytest.raises(ValueError, match=message):
        runner.train()


def test_training_by_iterations_is_refused(make_runner):
    runner = make_runner(
        train_cfg=dict(_delete_=True, by_epoch=False, max_iters=2),
        param_scheduler=None,
        **{
            'train_dataloader.sampler': dict(
                type='InfiniteSampler', shuffle=True
            ),
            'train_dataloader.batch_sampler': None,
        },
    )
    with pytest.raises(ValueError, match=r'by_epoch=True.*IterBasedTrainLoop'):
        runner.train()


def test_it_runs_before_the_other_hooks():
    assert RandomKeyHook.priority == 'VERY_HIGH'
