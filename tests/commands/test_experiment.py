import pytest
from tiny_configs import write_configs

from masa import cli, comparison
from masa.commands import experiment


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """The command, on configs of a tiny data set."""
    write_configs(tmp_path / 'configs')
    monkeypatch.setattr(experiment, 'CONFIGS', tmp_path / 'configs')

    def run(*args):
        work = ('--work-dir', str(tmp_path / 'work'))
        return cli.main(['experiment', 'tiny', *work, *args])

    run.plan = lambda *args: experiment.make_plan(
        cli.parse_args(['experiment', 'tiny', *args])
    )
    return run


def test_all_methods_are_planned_with_controls_once(compare):
    plan = compare.plan('--seeds', '0', '1', '--epochs', '3')
    assert [str(training) for training, _ in plan] == [
        'controls, all, seed 0',
        'masa, all, seed 0',
        'pairs, all, seed 0',
        'masa, all, seed 1',
        'pairs, all, seed 1',
    ]
    controls = [config.test_evaluator.baselines for _, config in plan]
    assert controls == [('clock',), (), (), (), ()]
    assert {config.train_cfg.max_epochs for _, config in plan[1:]} == {3}


def test_every_activity_is_planned_alone(compare):
    options = ('--modes', 'single', '--single-batch-size', '2')
    _, *plan = compare.plan('--methods', 'no_predictor', *options)
    assert len({training.activity for training, _ in plan}) == 10
    for training, config in plan:
        dataset = config.train_dataloader.dataset
        assert dataset.activities == [training.activity]
        assert config.train_dataloader.batch_size == 2


def run_here(plan, folder, jobs, devices):
    """Run trainings in this process, which has imported what they need."""
    for training, config in plan:
        try:
            comparison.train_and_test(training, config, folder)
        except ValueError as error:
            yield training, error
        else:
            yield training, None


def test_a_table_is_written_and_added_to(
    compare, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(comparison, 'run_trainings', run_here)
    assert compare('--methods', 'masa', '--epochs', '1') == 0
    path = tmp_path / 'work' / 'table.md'
    first = path.read_text()
    assert '| masa | none |' in first
    assert '| time only | none |' in first
    assert str(path) in capsys.readouterr().out
    assert compare('--methods', 'pairs', '--epochs', '1') == 0
    masa, pairs, clock = path.read_text().splitlines()[-3:]
    assert masa in first
    assert pairs.startswith('| pairs | activity |')
    assert clock in first
    assert compare('--methods', 'masa', '--epochs', '2') == 1
    assert 'masa, all, seed 0' in capsys.readouterr().err


@pytest.mark.slow
def test_trainings_run_in_processes(compare, tmp_path, capsys):
    path = tmp_path / 'work' / 'table.md'
    options = '--jobs', '2', '--epochs'
    assert compare('--methods', 'masa', *options, '1') == 0
    first = path.read_text()
    assert compare('--methods', 'masa', 'pairs', *options, '2') == 1
    assert 'masa, all, seed 0' in capsys.readouterr().err
    masa, pairs, clock = path.read_text().splitlines()[-3:]
    assert masa in first
    assert pairs.startswith('| pairs | activity |')
    assert clock in first


def test_wrong_uses_are_told(compare, capsys):
    assert compare('--methods', 'none') == 2
    error = capsys.readouterr().err
    assert "'none'" in error
    assert "'tiny'" in error
    with pytest.raises(SystemExit):
        compare('--jobs', '0')
    with pytest.raises(SystemExit):
        compare.plan('--cfg-options', 'randomness.seed=1')
    assert '--work-dir' in capsys.readouterr().err


def test_changes_by_name_are_planned(compare, tmp_path, capsys):
    changes = tmp_path / 'configs' / '_base_' / 'experiments.py'
    changes.parent.mkdir()
    changes.write_text(
        "changes = dict(plain={'model.neck': None}, "
        "short={'train_cfg.max_epochs': 1})\n"
    )
    names = ('masa', 'masa+plain', 'pairs+plain+short')
    _, *plan = compare.plan('--methods', *names)
    assert [training.method for training, _ in plan] == list(names)
    assert [c.model.get('neck') is None for _, c in plan] == [
        False,
        True,
        True,
    ]
    assert plan[2][1].train_cfg.max_epochs == 1
    assert plan[2][1].train_dataloader.dataset.partner == 'activity'
    # What the command line says goes before what the change says.
    options = ('model.neck.num_layers=1', '--work-dir', 'other')
    _, (_, config) = compare.plan(
        '--methods', 'masa+short', '--cfg-options', *options
    )
    assert config.model.neck.num_layers == 1
    assert config.train_cfg.max_epochs == 1
    assert compare('--methods', 'masa+none') == 2
    assert "'masa+none'" in capsys.readouterr().err


def test_settings_go_before_those_of_every_config(compare):
    options = ('model.neck=None', 'model.head.eps=1e-3')
    plan = compare.plan('--work-dir', 'other', '--cfg-options', *options)
    assert len(plan) == 3
    for _, config in plan:
        assert config.model.neck is None
        assert config.model.head.eps == 1e-3
