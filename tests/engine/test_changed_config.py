"""Resuming with another config than that of the interrupted training."""

import shutil

import pytest
import torch
from mmaction.registry import OPTIM_WRAPPERS

from masa.engine.config_changes import (
    data_and_hook_changes,
    parse_config,
    training_changes,
)
from masa.support.checkpoints import CheckpointError

LR = 'optim_wrapper.optimizer.lr'
LENGTH = 'train_cfg.max_epochs'
# Of conftest's schedule, whose milestones are the epochs 1 and 3.
MILESTONES = 'param_scheduler.1.milestones'


@pytest.fixture
def train(make_runner):
    def run(name='run', epochs=2, **changes):
        runner = make_runner(name, **{LENGTH: epochs} | changes)
        runner.train()
        return runner

    return run


@pytest.fixture
def resume(train):
    """Train two epochs, then go on with changes up to the fourth."""

    def go_on(before=None, epochs=4, **changes):
        train(epochs=2, **before or {})
        return train(
            epochs=epochs, resume=True, **{**(before or {}), **changes}
        )

    return go_on


def state(runner):
    path = f'{runner.work_dir}/epoch_{runner.epoch}.pth'
    checkpoint = torch.load(path, weights_only=True)
    return [
        checkpoint[key]
        for key in ('state_dict', 'optimizer', 'param_schedulers')
    ]


def rates(runner):
    return runner.message_hub.get_scalar('train/lr').data[0].tolist()


def assert_same_run(one, other):
    assert rates(one) == rates(other)
    first, second = state(one), state(other)
    assert str(first[1]['param_groups']) == str(second[1]['param_groups'])
    assert str(first[2]) == str(second[2])
    torch.testing.assert_close(first[0], second[0], rtol=0, atol=0)


def rewrite(path, **changes):
    """Change what a checkpoint says of its training."""
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['meta'].update(changes)
    torch.save(checkpoint, path)


@pytest.mark.parametrize(
    'changes',
    [
        {},
        # MMEngine's end of a schedule is that of the training by default.
        # From the next step on.
        {MILESTONES: [1, 2]},
    ],
    ids=['longer', 'milestone'],
)
def test_a_schedule_that_differs_ahead_is_taken_over(train, resume, changes):
    resumed = resume(**changes)
    assert_same_run(resumed, train('whole', 4, **changes))


def test_also_a_shorter_one(train):
    path = f'{train("long", 4).work_dir}/epoch_2.pth'
    resumed = train('run', 3, resume=True, load_from=path)
    assert_same_run(resumed, train('whole', 3))


def test_momentum_and_groups_of_weights_take_it_over(train, resume):
    groups = {
        'param_scheduler': [
            dict(type='MultiStepLR', milestones=[1], gamma=0.5),
            dict(type='MultiStepMomentum', milestones=[1], gamma=0.5),
        ],
        'optim_wrapper.paramwise_cfg': dict(
            custom_keys=dict(neck=dict(lr_mult=0.1))
        ),
    }
    later = {
        'param_scheduler': [
            dict(type='MultiStepLR', milestones=[1, 2], gamma=0.5),
            dict(type='MultiStepMomentum', milestones=[1, 3], gamma=0.5),
        ]
    }
    resumed = resume(groups, **later)
    assert_same_run(resumed, train('whole', 4, **groups | later))


class TestComparison:
    """What is compared, on the texts of configs."""

    @pytest.fixture(scope='class')
    def old(self, make_config):
        return make_config('work_dir').pretty_text

    @pytest.fixture
    def compare(self, old, make_config):
        def changes(**settings):
            new = make_config('other', **settings).pretty_text
            return [
                [str(one) for one in function(*map(parse_config, (old, new)))]
                for function in (training_changes, data_and_hook_changes)
            ]

        return changes

    @pytest.mark.parametrize(
        ('key', 'value'),
        [
            (LR, 1e-3),
            (MILESTONES, [2, 3]),
            ('param_scheduler.0.end', 4),
            (LENGTH, 5),
            ('optim_wrapper.optimizer.type', 'SGD'),
            ('optim_wrapper.clip_grad', None),
            ('optim_wrapper.accumulative_counts', 2),
            ('train_dataloader.sampler.shuffle', False),
            ('train_dataloader.dataset.num_sequences', 20),
            ('model.backbone.layers', ('cross', 'self')),
            ('auto_scale_lr', dict(enable=True, base_batch_size=8)),
        ],
    )
    def test_what_decides_the_course_is_found(self, compare, key, value):
        (found,), told = compare(**{key: value})
        assert found.startswith(f'{key} was ')
        assert not told

    def test_what_has_no_effect_is_not(self, compare):
        found = compare(
            **{
                'train_dataloader.num_workers': 1,
                'train_dataloader.persistent_workers': True,
                'train_cfg.val_interval': 7,
                'default_hooks.logger.interval': 2,
                'default_hooks.checkpoint.interval': 2,
                'default_hooks.sampler_seed': dict(type='DistSamplerSeedHook'),
                'randomness.deterministic': True,
                'auto_scale_lr': dict(enable=False, base_batch_size=8),
                'find_unused_parameters': True,
                'visualizer': dict(type='Visualizer'),
                'val_dataloader': dict(batch_size=1),
                'model.init_cfg': dict(type='Pretrained', checkpoint='a.pth'),
                'resume': True,
                'load_from': 'a.pth',
                'launcher': 'pytorch',
                'log_level': 'INFO',
                'something_else': 1,
            },
        )
        assert found == [[], []]

    def test_a_type_may_have_been_renamed(self, make_config):
        old, new = (
            parse_config(
                make_config('a', **{'optim_wrapper.type': name}).pretty_text
            )
            for name in ('AsyncOptimWrapper', 'DeferredNormOptimWrapper')
        )
        assert training_changes(old, new) == []
        assert OPTIM_WRAPPERS.get('AsyncOptimWrapper') is OPTIM_WRAPPERS.get(
            'DeferredNormOptimWrapper'
        )

    def test_data_and_hooks_are_told(self, compare):
        found, told = compare(
            **{
                'train_dataloader.dataset.ann_file': 'b.pkl',
                'custom_hooks': [dict(type='EMAHook', momentum=0.1)],
            },
        )
        assert not found
        for name, line in zip(
            ('dataset.ann_file', 'EMAHook', 'RandomKeyHook'), told, strict=True
        ):
            assert name in line

    def test_a_text_is_not_run(self, tmp_path):
        mark = tmp_path / 'mark'
        text = f'import os\nos.mkdir({str(mark)!r})'
        assert parse_config(text) is None
        text = f"a = __import__('os').mkdir({str(mark)!r})\nb = -1.5"
        assert parse_config(text)['b'] == -1.5
        assert not mark.exists()

    @pytest.mark.parametrize(
        'text', [None, 3, '', '=', 'a.b = 1', '(' * 10000, 'a = ' + '-' * 9999]
    )
    def test_what_is_no_config(self, text):
        assert parse_config(text) is None


@pytest.fixture(scope='module')
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp('kept')


@pytest.fixture
def trained(train, kept):
    """A checkpoint of two epochs, of a training that was to end there."""
    path = kept / 'epoch_2.pth'
    if not path.exists():
        shutil.copy(f'{train("first").work_dir}/epoch_2.pth', path)
    return shutil.copy(path, kept / 'copy.pth')


@pytest.fixture
def load(make_runner, trained):
    """Prepare to resume from it, and say what was logged."""

    def prepare(epochs=2, resume=True, **changes):
        runner = make_runner(
            'again',
            resume=resume,
            load_from=str(trained),
            **{LENGTH: epochs} | changes,
        )
        log = []
        for level in ('info', 'warning'):
            setattr(runner.logger, level, log.append)
        runner.train_loop.run = lambda: None
        runner.train()
        return runner, log

    return prepare


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        (
            {LR: 1e-3, MILESTONES: [2], 'epochs': 3},
            [f'{LR} was 0.003 and is 0.001', MILESTONES, LENGTH],
        ),
        ({MILESTONES: [2, 3]}, [f'{MILESTONES} was [1, 3] and is [2, 3]']),
        ({'param_scheduler.0.end': 4}, ['param_scheduler.0.end']),
        ({'param_scheduler': None}, ['param_scheduler']),
        ({'epochs': 1}, [f'{LENGTH} was 2 and is 1']),
        (
            {'train_dataloader.batch_size': 5},
            ['train_dataloader.batch_size x processes was 4 and is 5'],
        ),
        ({'randomness.seed': 1}, ['randomness.seed was 0 and is 1']),
        (
            {'train_dataloader.dataset.num_sequences': 20},
            ['num_sequences', 'iterations in an epoch was 3 and is 5'],
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused(load, trained, changes, told):
    with pytest.raises(CheckpointError) as caught:
        load(**changes)
    message = str(caught.value)
    assert f'--load-from {trained}' in message
    assert '\n' not in message
    for text in told:
        assert text in message


def test_a_schedule_to_the_end_cannot_be_made_longer(train, load, trained):
    cosine = [dict(type='CosineAnnealingLR', by_epoch=True)]
    path = f'{train("cosine", param_scheduler=cosine).work_dir}/epoch_2.pth'
    shutil.copy(path, trained)
    with pytest.raises(CheckpointError, match=f'{LENGTH} .*2.*3'):
        load(3, param_scheduler=cosine)
    # One that ends where it did may be.
    cosine[0]['end'] = 2
    runner, _ = load(3, param_scheduler=cosine)
    assert runner.param_schedulers[0].end == 2


def test_a_refused_config_does_not_replace_that_of_the_training(
    load, tmp_path
):
    with pytest.raises(CheckpointError):
        load(**{LR: 1e-3})
    assert not list(tmp_path.glob('again/*.py'))
    load()
    assert list(tmp_path.glob('again/*.py'))


def test_half_the_batch_on_twice_the_processes_is_the_same(load, trained):
    checkpoint = torch.load(trained, weights_only=True)
    text = checkpoint['meta']['cfg']
    rewrite(
        trained,
        cfg=text.replace('batch_size=4', 'batch_size=2'),
        world_size=2,
    )
    load()
    rewrite(trained, world_size=1)
    with pytest.raises(CheckpointError, match=r'batch_size .*2.*4'):
        load()


def test_a_finished_training_says_so(load):
    (line,) = (text for text in load()[1] if 'is finished' in text)
    assert 'epoch 2' in line
    assert LENGTH in line
    assert not any('is finished' in text for text in load(3)[1])


@pytest.mark.parametrize('text', [None, 'no config', 'import os'])
def test_a_checkpoint_without_a_config_is_resumed_with_a_notice(
    load, trained, text
):
    rewrite(trained, cfg=text)
    runner, log = load(3, **{LR: 1e-3})
    assert runner.epoch == 2
    (line,) = (one for one in log if 'not checked' in one)
    assert str(trained) in line


def test_the_config_of_old_checkpoints_is_not_run(load, trained, tmp_path):
    mark = tmp_path / 'mark'
    rewrite(trained, config=f'import os\nos.mkdir({str(mark)!r})')
    load()
    assert not mark.exists()


def test_the_seed_that_was_drawn_is_taken_over(train, load, trained):
    drawn = train('drawn', randomness=dict(seed=None))
    shutil.copy(f'{drawn.work_dir}/epoch_2.pth', trained)
    runner, _ = load(3, randomness=dict(seed=None))
    sampler = runner.train_dataloader.batch_sampler.sampler
    assert runner.seed == sampler.seed == drawn.seed
