"""What a run shows on the console, and what it keeps for the log file."""

from pathlib import Path

import pytest

from masa.engine import SafeRunner


def log_of(runner):
    (path,) = Path(runner.log_dir).glob('*.log')
    return path.read_text()


def test_a_run_begins_with_a_few_lines(make_runner, capsys):
    runner = make_runner(log_level='INFO')
    shown, log = capsys.readouterr().out, log_of(runner)
    assert len(shown.splitlines()) <= 5
    for text in (runner.work_dir, str(runner.seed), 'cpu'):
        assert text in shown
    for text in (runner.cfg.pretty_text, runner.get_hooks_info()):
        assert text in log
        assert text not in shown
    runner.logger.info('from now on')
    assert 'from now on' in capsys.readouterr().out
    assert 'from now on' in log_of(runner)


def test_everything_is_shown_to_those_who_ask(make_runner, capsys):
    runner = make_runner(log_level='DEBUG')
    assert runner.cfg.pretty_text in capsys.readouterr().out


def test_a_quiet_console_stays_quiet(make_runner, capsys):
    make_runner(log_level='WARNING').logger.info('not shown')
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('fails', [False, True])
def test_warnings_of_the_start_are_shown(
    make_runner, capsys, monkeypatch, fails
):
    def build_model(self, model):
        self.logger.info('of no interest')
        self.logger.warning('of interest')
        self.logger.warning('"FileClient" of mine will be deprecated')
        if fails:
            raise ValueError('no model')
        return original(self, model)

    original = SafeRunner.build_model
    monkeypatch.setattr(SafeRunner, 'build_model', build_model)
    if fails:
        with pytest.raises(ValueError, match='no model'):
            make_runner(log_level='INFO')
    else:
        make_runner(log_level='INFO')
    shown = capsys.readouterr().out
    assert 'of interest' in shown
    assert 'of mine' in shown
    assert 'of no interest' not in shown


def test_deprecations_of_mmengine_itself_are_not_shown(make_runner, capsys):
    make_runner(
        log_level='INFO',
        **{
            'train_cfg.max_epochs': 1,
            'default_hooks.checkpoint': dict(
                type='AtomicCheckpointHook', interval=1
            ),
        },
    ).train()
    shown = capsys.readouterr().out
    assert 'Saving checkpoint' in shown
    assert 'WARNING' not in shown
