import math

import pytest

from masa.comparison import (
    ComparisonResult,
    Training,
    comparison_rows,
    format_markdown,
    read_results,
    write_result,
)

TAU = 'kendalls_tau/tau'
ERROR = 'alignment_error/mean_frames'


def result(method, seed, tau, error=None, activity=None, **kwargs):
    name = 'clock' if method == 'controls' else 'model'
    rows = {name: {TAU: tau, ERROR: error}}
    per_activity = {activity: rows} if activity else {}
    return ComparisonResult(
        Training(method, seed, activity),
        kwargs.get('labels', 'none'),
        kwargs.get('seconds', 60.0),
        dict(rows={} if activity else rows, per_activity=per_activity),
    )


def test_mean_and_spread_over_seeds():
    rows = comparison_rows(
        [
            result('controls', 0, 1.0, 9.0),
            result('controls', 1, 1.0, 9.0),
            result('masa', 0, 0.8, 4.0),
            result('masa', 1, 0.6, 8.0),
            result('tcc', 0, 0.5, 2.0, labels='activity', seconds=None),
        ]
    )
    assert set(rows) == {'masa', 'clock', 'tcc'}
    assert rows['masa']['values'][TAU] == pytest.approx((0.7, 0.02**0.5))
    assert rows['masa']['values'][ERROR] == pytest.approx((6, 8**0.5))
    assert rows['masa']['seeds'] == 2
    assert rows['masa']['seconds'] == 60
    mean, spread = rows['tcc']['values'][TAU]
    assert mean == 0.5
    assert math.isnan(spread)
    assert math.isnan(rows['tcc']['seconds'])
    assert rows['tcc']['labels'] == 'activity'
    assert rows['clock']['labels'] == 'none'
    assert rows['clock']['seeds'] == 0
    assert math.isnan(rows['clock']['values'][TAU][1])


def test_single_models_are_averaged_over_activities_then_over_seeds():
    given = [
        result('masa', seed, tau, activity=activity, labels='none')
        for seed, activity, tau in (
            (0, 'squat', 0.2),
            (0, 'jump', 0.4),
            (1, 'squat', 0.6),
            (1, 'jump', 0.8),
        )
    ]
    given.append(result('masa', 0, 0.99))
    rows = comparison_rows(given, single=True)
    assert rows['masa']['values'][TAU] == pytest.approx((0.5, 0.08**0.5))
    assert rows['masa']['seconds'] == 120
    assert comparison_rows(given)['masa']['values'][TAU][0] == 0.99


def test_markdown():
    rows = comparison_rows(
        [
            result('controls', 0, 0.3, 9.0),
            result('tcc', 0, 0.5, 2.0, labels='activity'),
            result('masa', 0, 0.8, 4.0),
            result('masa', 1, 0.6, 8.0),
        ]
    )
    assert format_markdown(rows).splitlines() == [
        '| method | labels | tau | frames off, mean |',
        '| --- | --- | ---: | ---: |',
        '| masa | none | **0.700** ± 0.141 | 6.0 ± 2.8 |',
        '| tcc | activity | 0.500 | **2.0** |',
        '| time only | none | 0.300 | 9.0 |',
    ]
    assert format_markdown({}) == ''


def test_results_are_read_as_written(tmp_path):
    given = [
        result('masa', 0, float('nan'), 4.0),
        result('masa', 1, 0.6, activity='squat', seconds=None),
    ]
    for one in given:
        write_result(tmp_path, one)
    read = {one.training: one for one in read_results(tmp_path)}
    assert set(read) == {one.training for one in given}
    again = read[given[0].training]
    # JSON has no NaN.
    assert again.report['rows']['model'] == {TAU: None, ERROR: 4.0}
    assert read[given[1].training] == given[1]
    mean, _ = comparison_rows([again])['masa']['values'][TAU]
    assert math.isnan(mean)
