"""Every example runs and prints what it promises."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted(
    (Path(__file__).resolve().parents[2] / 'examples').glob('*.py')
)


def percent(line):
    return float(re.search(r'([\d.]+)%', line)[1])


def check_alignment(lines):
    first, second = np.array([line.split() for line in lines[1:8]], float).T
    np.testing.assert_allclose(first, np.arange(7) / 2)
    assert second[0] < 0.5
    assert second[-1] == 4.5
    # It starts slowly: later than at the same share of the length.
    assert (second[1:-1] > 1.2 * first[1:-1]).all()
    assert percent(lines[-1]) < 2


def check_labels(lines):
    assert len(lines) == 10
    assert np.median([percent(line) for line in lines]) > 80


def check_retrieval(lines):
    query, *matches, last = lines
    assert 'clean_and_press_000' in query
    assert len(matches) == 3
    for match in matches:
        assert 'val/clean_and_press' in match
        found, wanted = map(int, re.findall(r'(?:time|query) (\d+)', match))
        assert abs(found - wanted) < 10
    assert 'clean_and_press_001' in last


def check_evaluation(lines):
    table = '\n'.join(lines)
    for method in ('model', 'raw input', 'time only', 'positional encoding'):
        assert method in table
    for metric in ('kendalls_tau', 'action_recognition', 'alignment_error'):
        assert metric in table


# Every example prints a number; these are examined more closely.
CHECKS = dict(
    align_two_sequences=check_alignment,
    transfer_labels=check_labels,
    retrieve_a_moment=check_retrieval,
    evaluate_embeddings=check_evaluation,
)


@pytest.mark.parametrize('path', EXAMPLES, ids=lambda path: path.stem)
def test_example(path, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name='__main__')
    printed = capsys.readouterr().out
    assert re.search(r'\d', printed)
    if path.stem in CHECKS:
        CHECKS[path.stem](printed.splitlines())


def test_every_check_has_its_example():
    assert CHECKS.keys() <= {path.stem for path in EXAMPLES}
