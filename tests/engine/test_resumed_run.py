import pytest
import torch
from mmengine.hooks import Hook


class Interruption(Exception):
    pass


class InterruptHook(Hook):
    """Stops a run in the middle of its third epoch."""

    def after_train_iter(self, runner, *args, **kwargs):
        if (runner.epoch, runner.iter) == (2, 7):
            raise Interruption


def train(make_runner, name, max_epochs, interrupt=False, **changes):
    runner = make_runner(
        name=name, **{'train_cfg.max_epochs': max_epochs} | changes
    )
    if interrupt:
        runner.register_hook(InterruptHook())
        with pytest.raises(Interruption):
            runner.train()
    else:
        runner.train()
    # Left to the garbage collector, persistent workers take 5 s each to go.
    iterator = runner.train_dataloader._iterator
    if iterator is not None:
        iterator._shutdown_workers()
    return runner


def last_state(runner):
    checkpoint = torch.load(
        f'{runner.work_dir}/epoch_{runner.epoch}.pth', weights_only=True
    )
    return {
        key: checkpoint[key]
        for key in ('state_dict', 'optimizer', 'param_schedulers')
    }


def losses(runner):
    return runner.message_hub.get_scalar('train/loss').data[0].tolist()


def same(first, second):
    try:
        torch.testing.assert_close(
            first['state_dict'], second['state_dict'], rtol=0, atol=0
        )
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    'workers',
    [
        {},
        {'train_dataloader.num_workers': 2},
        {
            'train_dataloader.num_workers': 2,
            'train_dataloader.persistent_workers': True,
        },
    ],
    ids=['0', '2', '2-persistent'],
)
def test_a_resumed_run_repeats_an_uninterrupted_one(make_runner, workers):
    whole = train(make_runner, 'whole', 4)
    train(make_runner, 'parts', 4, interrupt=True, **workers)
    resumed = train(make_runner, 'parts', 4, resume=True, **workers)
    assert resumed.epoch == whole.epoch == 4
    assert resumed.message_hub.get_scalar('train/lr').data[0][-1] < 1e-4
    expected, result = last_state(whole), last_state(resumed)
    assert same(expected, result)
    for one, other in zip(
        expected['optimizer']['state'].values(),
        result['optimizer']['state'].values(),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert str(expected['param_schedulers']) == str(result['param_schedulers'])
    assert losses(resumed) == losses(whole)


def test_the_seed_decides(make_runner):
    first, again, other = (
        train(make_runner, name, 2, randomness=dict(seed=seed))
        for name, seed in (('first', 1), ('again', 1), ('other', 2))
    )
    assert same(last_state(first), last_state(again))
    assert losses(first) == losses(again)
    assert not same(last_state(first), last_state(other))


def test_training_lowers_the_loss(make_runner):
    history = losses(
        train(make_runner, 'run', 15, **{'param_scheduler': None})
    )
    assert sum(history[-6:]) < 0.8 * sum(history[:6])
