"""Every example runs and prints what it promises."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / 'examples').iterdir())
EXAMPLES = [path for path in EXAMPLES if path.suffix == '.py']


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    def run_example(name):
        (path,) = (path for path in EXAMPLES if path.stem == name)
        monkeypatch.chdir(tmp_path)
        runpy.run_path(str(path), run_name='__main__')
        return capsys.readouterr().out

    return run_example


# Those that a test below looks at more closely.
CHECKED = {
    *('align_two_sequences', 'transfer_labels', 'retrieve_a_moment'),
    'evaluate_embeddings',
}


@pytest.mark.parametrize(
    'name', [path.stem for path in EXAMPLES if path.stem not in CHECKED]
)
def test_other_examples_print_a_number(run, name):
    assert re.search(r'\d', run(name))


def test_align_two_sequences(run):
    lines = run('align_two_sequences').splitlines()
    first, second = np.array([line.split() for line in lines[1:8]], float).T
    np.testing.assert_allclose(first, np.arange(7) / 2)
    assert (second[0], second[-1]) == (0, 4.5)
    # It starts slowly: later than at the same share of the length.
    assert (second[1:-1] > 1.5 * first[1:-1]).all()
    assert percent(lines[-1]) < 2


def test_transfer_labels(run):
    lines = run('transfer_labels').splitlines()
    assert len(lines) == 10
    assert np.median([percent(line) for line in lines]) > 80


def test_retrieve_a_moment(run):
    query, *matches, last = run('retrieve_a_moment').splitlines()
    assert 'clean_and_press_000' in query
    assert len(matches) == 3
    assert 'val/clean_and_press' in matches[0]
    found, wanted = map(int, re.findall(r'\d+(?=\)|,)', matches[0]))
    assert abs(found - wanted) < 10
    assert 'clean_and_press_001' in last


def test_evaluate_embeddings(run):
    table = run('evaluate_embeddings')
    for name in ('model', 'raw input', 'time only', 'positional encoding'):
        assert name in table
    for metric in ('kendalls_tau', 'action_recognition', 'alignment_error'):
        assert metric in table


def percent(line):
    return float(re.search(r'([\d.]+)%', line)[1])
