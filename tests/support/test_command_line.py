import argparse
import subprocess
import sys

import pytest

from masa.commands.options import ConfigOptions
from masa.support.command_line import end_with_status


def parse(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='+', action=ConfigOptions)
    return parser.parse_args(arguments).options


def test_options_are_read_as_mmengine_reads_them():
    assert parse() is None
    assert parse('--options', 'a.b=1', 'c=[x,2.5]', 'd=True') == {
        'a.b': 1,
        'c': ['x', 2.5],
        'd': True,
    }
    assert parse('--options', 'a=1', '--options', 'a=(2,)', 'b=x=y') == {
        'a': (2,),
        'b': 'x=y',
    }


def test_blanks_of_a_path_stay():
    assert parse('--options', 'a=/my data/x.pkl', 'b=[1, x]', 'c="d e"') == {
        'a': '/my data/x.pkl',
        'b': [1, 'x'],
        'c': 'd e',
    }


@pytest.mark.parametrize(
    'value', ['a', 'a=[1,2', 'a=dict(b=1,c=2)', 'a=[my data,x]']
)
def test_an_option_that_cannot_be_read_is_named(value, capsys):
    with pytest.raises(SystemExit) as end:
        parse('--options', 'b=1', value)
    assert end.value.code == 2
    assert repr(value) in capsys.readouterr().err.splitlines()[-1]


def test_the_death_of_a_loading_process_is_told_whatever_it_broke(capsys):
    def run():
        try:
            raise RuntimeError('DataLoader worker (pid 3) is killed: Killed.')
        finally:
            # As of a checkpoint that was being written.
            raise RuntimeError('unexpected pos 64')

    assert end_with_status(run) == 2
    assert 'DataLoader worker (pid 3)' in capsys.readouterr().err


def test_whoever_reads_the_output_may_stop():
    """As in ``masa check data.pkl | head``."""
    code = (
        'import sys\n'
        'from masa.support.command_line import end_with_status\n'
        'sys.exit(end_with_status(lambda: print(*range(10**6), sep="\\n")))'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b'0\n'
    process.stdout.close()
    assert process.stderr.read() == b''
    assert process.wait() == 141
