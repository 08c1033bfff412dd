import pytest
import torch

from masa.comparison import (
    Training,
    find_config,
    read_results,
    train_and_test,
    training_config,
)


@pytest.fixture
def training():
    return Training('pairs', 1, 'squat')


def config_of(configs, training, **kwargs):
    path = find_config(configs, 'tiny', training.method)
    return training_config(path, training, **dict(dict(epochs=2), **kwargs))


def test_a_training_is_done_once(configs, training, tmp_path, monkeypatch):
    config = config_of(configs, training)
    work = tmp_path / 'work'
    result = train_and_test(training, config, work)
    assert result.labels == 'activity'
    assert result.seconds > 0
    assert set(result.report['per_activity']['squat']) == {'model'}
    (read,) = read_results(work)
    assert read.training == training
    # Done again it would fail here.
    monkeypatch.setattr('masa.comparison.run.build_runner', None)
    assert train_and_test(training, config, work).report == read.report


def test_controls_are_not_trained(configs, tmp_path):
    training = Training('controls', 0)
    result = train_and_test(training, config_of(configs, training), tmp_path)
    assert set(result.report['rows']) == {'clock'}
    assert not list(tmp_path.rglob('*.pth'))


def test_an_interrupted_training_goes_on(configs, training, tmp_path):
    work = tmp_path / 'work'
    whole = train_and_test(training, config_of(configs, training), work)
    config = config_of(configs, training)
    folder = tmp_path / 'parts' / training.folder
    folder.mkdir(parents=True)
    # As left by an interruption after the first epoch.
    config.default_hooks.checkpoint.interval = 1
    begun = train_and_test(training, config, tmp_path / 'parts')
    (folder / 'result.json').unlink()
    (folder / 'epoch_2.pth').unlink()
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    resumed = train_and_test(training, config, tmp_path / 'parts')
    assert resumed.seconds is None
    assert resumed.report['rows'] == begun.report['rows']
    assert resumed.report['rows'] == whole.report['rows']
    first, second = (
        torch.load(path / 'epoch_2.pth', weights_only=True)['state_dict']
        for path in (folder, work / training.folder)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_another_config_in_the_same_folder_is_refused(
    configs, training, tmp_path
):
    config = config_of(configs, training, epochs=1)
    train_and_test(training, config, tmp_path)
    with pytest.raises(ValueError, match='--work-dir'):
        train_and_test(
            training, config_of(configs, training, epochs=2), tmp_path
        )
