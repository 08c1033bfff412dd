import json
import subprocess

import performance
import pytest
from performance_page.page import load_results, save_result, write_page
from performance_page.section import (
    Expectation,
    Section,
    three_digits,
)
from performance_page.sections import SECTIONS

from masa.visualization.style import new_figure

MACHINE = dict(
    processor='A processor',
    cores=2,
    memory_gib=8.0,
    device='CPU',
    threads=1,
    python='3.11',
    versions=dict(torch='2.13'),
)


def section(name='speed', **expectation):
    return Section(
        name=name,
        title=name.capitalize(),
        expectations=(Expectation('ratio', 'a ratio', **expectation),),
        full={},
        small={},
        measure=lambda settings: {},
        describe=lambda result: f'It was {result["figures"]["ratio"]}.',
        draw=lambda result: {name: new_figure(1, 1)},
    )


def result(ratio):
    return dict(figures=dict(ratio=ratio), machine=MACHINE)


def test_page_has_figures_text_and_machine(tmp_path):
    page = tmp_path / 'docs' / 'page.md'
    write_page(
        page,
        [section(predicted=4, at_least=3), section('size', predicted=1)],
        {'speed': result(5.0)},
    )
    text = page.read_text()
    assert '| a ratio | at least 3 | 4 | 5 | held |' in text
    assert '## Speed\n\nIt was 5.0.' in text
    assert 'A processor, 2 cores, 8 GiB; 1 threads' in text
    # What was not measured is not on the page.
    assert 'Size' not in text
    folder = page.parent / 'figures'
    assert [p.name for p in folder.iterdir()] == ['performance_speed.png']
    assert list(page.parent.glob('.*')) == []


@pytest.mark.parametrize(
    ('measured', 'expected'),
    [
        (5.9, ['5.9', 'held']),
        (6.1, ['6.1', '**missed**: 1.5 times more']),
        (2.0, ['2 (**goal missed**)', '**missed**: 2.0 times less']),
        (None, ['not measured', '']),
    ],
)
def test_predictions_and_goals(measured, expected):
    found = Expectation('key', 'it', predicted=4, at_least=3)
    assert found.row(measured)[3:] == expected


def test_an_upper_bound():
    found = Expectation('key', 'it', predicted=4, unit='s', at_most=5)
    assert found.goal() == 'at most 5 s'
    assert found.is_met(5)
    assert not found.is_met(5.01)


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (0, '0'),
        (0.012345, '0.0123'),
        (1.2345, '1.23'),
        (99.96, '100'),
        (12345.0, '12,300'),
    ],
)
def test_three_digits(value, text):
    assert three_digits(value) == text


def test_results_are_kept(tmp_path):
    known = section(predicted=1)
    save_result(tmp_path, known, result(2.0))
    found = load_results(tmp_path, [known, section('other', predicted=1)])
    assert found == dict(speed=result(2.0))


def test_only_what_is_asked_for_is_measured(tmp_path, monkeypatch):
    measured = []

    def measure(settings, size):
        measured.append((settings, size))
        return dict(figures=dict(ratio=1.0))

    for name in ('first', 'second'):
        monkeypatch.setitem(
            SECTIONS,
            name,
            Section(
                name=name,
                title=name,
                expectations=(),
                full=dict(size=1000),
                small=dict(size=1),
                measure=measure,
                describe=lambda result: 'described',
                draw=lambda result: {},
            ),
        )
    page = tmp_path / 'page.md'
    shared = ['--page', str(page), '--results', str(tmp_path), '--threads=1']
    performance.main(['--only', 'second', '--small', *shared])
    ((settings, size),) = measured
    assert size == 1
    assert settings.threads == 1
    found = json.loads((tmp_path / 'second.json').read_text())
    assert found['machine']['threads'] == 1
    assert not (tmp_path / 'first.json').exists()
    # Without a measurement the page is made of what there is.
    page.unlink()
    performance.main(['--only', *shared])
    assert len(measured) == 1
    assert '## second' in page.read_text()


def test_small_sizes_do_not_become_the_page(capsys):
    with pytest.raises(SystemExit):
        performance.parse_args(['--small'])
    assert '--page' in capsys.readouterr().err


def test_results_are_not_committed():
    folder = performance.parse_args(['--only']).results
    done = subprocess.run(
        ['git', 'check-ignore', '-q', str(folder)],
        cwd=performance.ROOT,
        check=False,
    )
    # 128: no checkout, as in a source archive.
    assert done.returncode in (0, 128)
