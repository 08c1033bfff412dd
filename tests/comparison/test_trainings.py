import pytest

from masa.comparison import (
    Training,
    find_activities,
    find_config,
    known_methods,
    labels_used,
    training_config,
)


def test_folders_differ():
    trainings = [
        Training(method, seed, activity)
        for method in ('masa', 'single')
        for seed in (0, 1)
        for activity in (None, 'all', 'squat')
    ]
    assert len({one.folder for one in trainings}) == len(trainings)
    assert str(trainings[2]) == 'masa, squat, seed 0'


def test_an_activity_does_not_lead_out_of_the_folder():
    for activity in ('..', '../../x', '/x', 'x' * 300):
        folder = Training('masa', 0, activity).folder
        assert folder.parts[:2] == ('masa', 'single')
        assert '..' not in folder.parts
        assert max(map(len, folder.parts)) <= 255


def test_a_config_is_found_by_its_name(configs):
    assert find_config(configs, 'tiny', 'masa').name == 'masa_tiny.py'
    assert find_config(configs, 'tiny', 'pairs').name == 'pairs_tiny.py'
    found = find_config(configs, 'tiny', 'no_predictor')
    assert found.name == 'no_predictor.py'


def test_methods_of_a_data_set_are_ours_first(configs):
    for path in ('clan_tiny.py', 'masa_other.py', 'baselines/a_tiny.py'):
        (configs / path).touch()
    methods = known_methods(configs, 'tiny')
    assert methods[:3] == ['clan', 'masa', 'a']
    assert set(methods[3:]) == {
        path.stem.removesuffix('_tiny')
        for path in (configs / 'baselines').glob('[!a]*_tiny.py')
    }
    found = find_config(configs, 'tiny', 'clan')
    assert found == configs / 'clan_tiny.py'


def test_what_there_is_no_config_of_is_told(configs):
    with pytest.raises(ValueError, match=r"'tcc' for 'tiny'.*masa, pairs"):
        find_config(configs, 'tiny', 'tcc')
    with pytest.raises(ValueError, match=r'other\.py'):
        find_config(configs, 'tiny', 'other')


def test_labels_are_those_of_the_training(configs):
    def labels(method, **head):
        config = training_config(
            find_config(configs, 'tiny', method), Training(method, 0)
        )
        config.model.head.update(head)
        return labels_used(config)

    assert labels('masa') == 'none'
    assert labels('pairs') == 'activity'
    assert labels('masa', type='SupervisedHead') == 'phase'


def test_config_of_a_training(configs):
    path = find_config(configs, 'tiny', 'masa')
    config = training_config(path, Training('masa', 3), epochs=8)
    assert config.randomness.seed == 3
    assert config.train_cfg.max_epochs == 8
    # 27 and 54 of 80.
    assert config.param_scheduler[1].milestones == [3, 5]
    assert config.val_dataloader is None
    assert config.test_evaluator.baselines == ()
    assert config.train_dataloader.batch_size == 4
    assert 'activities' not in config.train_dataloader.dataset

    config = training_config(path, Training('masa', 0, 'squat'), None, 2)
    assert config.train_cfg.max_epochs == 80
    assert config.train_dataloader.batch_size == 2
    for loader in (config.train_dataloader, config.test_dataloader):
        assert loader.dataset.activities == ['squat']


def test_controls_are_judged_alone(configs):
    path = find_config(configs, 'tiny', 'controls')
    config = training_config(path, Training('controls', 0))
    assert config.test_evaluator.baselines == ('clock',)


def test_activities_are_those_of_the_training_split(configs):
    for method in ('masa', 'pairs'):
        config = training_config(
            find_config(configs, 'tiny', method), Training(method, 0)
        )
        names = find_activities(config)
        assert len(names) == len(set(names)) == 10
        assert 'squat' in names
    config.train_dataloader.dataset.activities = ['squat']
    assert find_activities(config) == ['squat']


def test_settings_of_transforms_go_by_type(configs):
    path = find_config(configs, 'tiny', 'masa')
    config = training_config(
        path,
        Training('masa', 0),
        options={'transforms.DualAugmentation.temporal': 'warp'},
    )
    (augmentation,) = (
        transform
        for transform in config.train_dataloader.dataset.pipeline
        if transform.type == 'DualAugmentation'
    )
    assert augmentation.temporal == 'warp'
    with pytest.raises(ValueError, match='NoSuch'):
        training_config(
            path, Training('masa', 0), options={'transforms.NoSuch.a': 1}
        )
