import numpy as np
import pytest
from tiny_demo import masa_command

from masa.datasets import load_annotations, save_annotations

main = masa_command('convert', 'phases')


@pytest.fixture
def files(tmp_path):
    record = dict(
        frame_dir='räkeln/1',
        total_frames=10,
        keypoint=np.ones((1, 10, 2, 2), np.float32),
    )
    path = tmp_path / 'data.pkl'
    made = dict(split=dict(train=['räkeln/1']), annotations=[record])
    save_annotations(made, path)
    table = tmp_path / 'phases.csv'
    # As Excel saves it in many countries.
    text = 'sequence;start;end;phase\r\nräkeln/1;0;0,4;down\r\n'
    table.write_bytes(text.encode('utf-8-sig'))
    return path, table, tmp_path / 'out.npz'


def run(*arguments):
    return main([str(one) for one in arguments])


def test_phases_of_a_spreadsheet(files, capsys):
    assert run(*files, '--frame-rate', 10) == 0
    (record,) = load_annotations(files[2])['annotations']
    assert record['phase'].tolist() == [0] * 4 + [-1] * 6
    assert 'masa check' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(*files, '--frame-rate', 10)
    assert run(files[2], *files[1:], '--frame-rate', 10, '--overwrite') == 2
    assert '--replace' in capsys.readouterr().err
    options = '--frame-rate', 20, '--overwrite', '--replace'
    assert run(files[2], *files[1:], *options) == 0
    (record,) = load_annotations(files[2])['annotations']
    assert record['phase'].tolist() == [0] * 8 + [-1] * 2


def test_errors_are_one_line(files, capsys):
    assert run(*files) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    assert f'{files[1]}, line 2' in error
    assert not files[2].exists()
    assert run(files[0], files[1].with_name('none.csv'), files[2]) == 2
    assert 'none.csv' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments',
    [('a.pkl', 'b.csv', 'c.txt'), ('a', 'b', 'c.pkl', '--frame-rate', '0')],
)
def test_wrong_arguments(arguments):
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert error.value.code == 2
