import json

import numpy as np

from masa.evaluation import format_table, save_report
from masa.evaluation.table import WIDTH


def report(num_metrics=2):
    columns = [
        f'metric_{m}/{key}' for m in range(num_metrics) for key in ('x', 'y@5')
    ]
    rows = {
        'model': dict.fromkeys(columns, 0.5),
        'raw+clock': dict.fromkeys(columns[1:], -12345.678),
    }
    rows['model'][columns[1]] = float('nan')
    return dict(
        columns=columns,
        rows=rows,
        per_activity={'jump': rows, 'a very long name of an activity': rows},
        notes=[],
    )


def test_table():
    assert format_table(report()).splitlines() == [
        '                  metric_0            metric_1',
        'mean                   x         y@5           x         y@5',
        'model             0.5000           -      0.5000      0.5000',
        'raw input + time       -  -1.235e+04  -1.235e+04  -1.235e+04',
    ]


def test_columns_are_aligned_and_blocks_fit():
    for number in (1, 2, 30):
        table = format_table(report(number), per_activity=True)
        for block in table.split('\n\n'):
            lines = block.splitlines()
            assert len(lines) == 4
            assert all(len(line) <= WIDTH for line in lines)
            assert len({len(line) for line in lines[1:]}) == 1
        assert table.count('metric_0') == 3
    assert 'jump' in table
    assert 'jump' not in format_table(report())


def test_unknown_figures_are_dashes():
    lines = format_table(report(1)).splitlines()
    assert lines[2].split() == ['model', '0.5000', '-']
    assert lines[3].split()[-2:] == ['-', '-1.235e+04']


def test_json_is_valid_and_plain(tmp_path):
    path = tmp_path / 'new' / 'report.json'
    value = report()
    value['rows']['model'].update(
        a=np.float32(0.25), b=np.int64(3), c=np.inf, d=np.array([1, 2])[0]
    )
    value['flags'] = (True, np.bool_(False), None, np.float64('nan'))
    save_report(value, path)

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads(path.read_text(), parse_constant=refuse)
    row = read['rows']['model']
    assert (row['a'], row['b'], row['c'], row['d']) == (0.25, 3, None, 1)
    assert row['metric_0/y@5'] is None
    assert read['flags'] == [True, False, None, None]
    assert [p.name for p in path.parent.iterdir()] == ['report.json']


def test_without_any_figure():
    empty = dict(columns=[], rows=dict(model={}), per_activity={})
    assert len(format_table(empty).splitlines()) == 1
