import os
from math import isfinite

import numpy as np
import pytest
import torch
from performance_page.machine import product_rate
from performance_page.operations import (
    ATTENTION,
    LINEAR,
    REST,
    count_operations,
    kind_of,
    time_by_kind,
)
from performance_page.processes import PeakMemory, in_own_process
from performance_page.section import Settings
from performance_page.sections import (
    SECTIONS,
    data,
    evaluation,
    memory,
    startup,
)
from performance_page.workload import LONGEST, penn_lengths

SETTINGS = Settings(device='cpu', threads=1, memory_limit=6.0)


# What a process of its own is started for is tested by itself below.
@pytest.fixture(scope='module', params=['training_step', 'evaluation'])
def measured(request):
    section = SECTIONS[request.param]
    return section, section.measure(SETTINGS, **section.small)


def test_a_section_at_small_sizes(measured):
    section, result = measured
    for expectation in section.expectations:
        assert isfinite(result['figures'][expectation.key])
    assert 'What bounds it' in section.describe(result)
    for figure in section.draw(result):
        assert f'(figures/performance_{figure}.png)' in section.describe(
            result
        )


def test_what_is_compared_is_equal(measured):
    section, result = measured
    if section.name == 'training_step':
        assert result['loss_gap'] < 1e-5
    else:
        assert result['gap'] < 1e-12


def test_pairs_and_products_are_counted():
    collection = evaluation.random_collection(7, 2, 3)
    pairs = products = 0
    for group in collection.by_activity().values():
        for i, queries in enumerate(group.embeddings):
            for j, candidates in enumerate(group.embeddings):
                if i != j:
                    pairs += 1
                    products += len(queries) * len(candidates)
    assert evaluation._count(collection) == (pairs, products)


def test_lengths_are_those_of_penn_action():
    lengths = penn_lengths(2150)
    assert lengths.min() == 18
    assert lengths.max() == LONGEST
    assert np.median(lengths) == pytest.approx(57, abs=1)
    assert np.array_equal(lengths, penn_lengths(2150))
    assert penn_lengths(50, longest=60).max() == 60


def test_operations_of_products_are_counted():
    a, b = torch.randn(3, 5, requires_grad=True), torch.randn(5, 7)
    counts = count_operations(lambda: (a @ b).sum().backward())
    # And the gradient of the first.
    assert counts == {LINEAR: 2 * (2 * 3 * 5 * 7), ATTENTION: 0}


def test_operations_of_attention_are_counted():
    query, key, value = (
        torch.randn(2, 3, n, 8, requires_grad=True) for n in (11, 13, 13)
    )

    def attend():
        torch.nn.functional.scaled_dot_product_attention(
            query, key, value
        ).sum().backward()

    counts = count_operations(attend)
    product = 2 * 2 * 3 * 11 * 13 * 8
    # Two products forward, five backward.
    assert counts == {ATTENTION: 7 * product, LINEAR: 0}


def test_time_is_shared_out():
    x = torch.randn(300, 300)
    shares = time_by_kind(lambda: (x @ x).relu(), 'cpu')
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) == LINEAR


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('aten::_scaled_dot_product_flash_attention_for_cpu', ATTENTION),
        ('aten::addmm', LINEAR),
        ('aten::index_select', 'gathering and copying'),
        ('aten::native_layer_norm', 'normalisation'),
        ('Optimizer.step#Adam.step', 'optimiser'),
        ('aten::view', REST),
    ],
)
def test_kinds_of_operations(name, kind):
    assert kind_of(name) == kind


def test_the_rate_of_products_is_no_more_than_possible():
    assert 1e8 < product_rate('cpu', size=64, repeats=1) < 1e14


def _fill(mebibytes):
    with PeakMemory('cpu') as memory:
        held = np.ones(mebibytes * 2**20, dtype=np.uint8)
        del held
    return memory.added


def _end():
    os._exit(3)


def test_memory_of_a_process_of_its_own():
    # What this process holds does not count.
    held = np.ones(200 * 2**20, dtype=np.uint8)
    found = in_own_process(_fill, 50)
    del held
    assert 49 < found / 2**20 < 60


def test_a_process_that_ends_is_told_of():
    with pytest.raises(RuntimeError, match='exit code 3'):
        in_own_process(_end)


def point(length, pairs, linear, square):
    size = pairs * (linear * length + square * length**2)
    return dict(length=length, pairs=pairs, bytes=size, seconds=size)


def test_the_plain_way_is_extrapolated():
    points = [point(n, 4, 1000, 8) for n in (100, 200)]
    found = memory._extrapolate(points, 1600, 4)
    assert found['bytes'] == pytest.approx(point(1600, 4, 1000, 8)['bytes'])


def test_what_does_not_fit_is_not_measured(monkeypatch):
    def measure(function, kind, length, pairs, settings):
        assert kind == memory.OURS or length <= 200
        found = point(length, pairs, 2**20, 2**20)
        return dict(bytes=found['bytes'], seconds=1.0)

    monkeypatch.setattr(memory, 'in_own_process', measure)
    section = SECTIONS['memory']
    sizes = section.small | dict(lengths=[100, 200, 400], pairs=1)
    # 10 and 40 GB, and 160.
    result = section.measure(SETTINGS._replace(memory_limit=45.0), **sizes)
    plain = result['by_length'][memory.PLAIN]
    assert [p['measured'] for p in plain] == [True, True, False]
    assert plain[2]['bytes'] == pytest.approx(
        point(400, 1, 2**20, 2**20)['bytes'], rel=0.01
    )
    text = section.describe(result)
    assert text.count('(extrapolated)') == 2
    assert '(figures/performance_memory.png)' in text
    assert list(section.draw(result)) == ['memory']


def test_a_training_step_is_measured():
    for kind in (memory.OURS, memory.PLAIN):
        found = memory.train_once(kind, 12, 2, SETTINGS)
        assert found['seconds'] > 0


def test_features_are_not_copied_twice(tmp_path):
    # One copy, and an eighth of it for the check for finite values.
    assert data.count_copies(tmp_path, 200, 'float32') < 1.4
    # As they are in the file, and as float32; another half meanwhile.
    assert data.count_copies(tmp_path, 200, 'float16') < 1.9


def stages(first):
    names = (
        *('python', 'imports', 'config', 'check of the config'),
        *('runner, model, report of the environment',),
        *('data sets, loaders, optimiser', 'first batch', 'first iteration'),
    )
    return {name: first + number for number, name in enumerate(names)}


def test_startup_is_the_median_after_a_warm_start(monkeypatch):
    starts = iter((90, 90, 1, 2, 3, 4, 2, 3))

    def run(config, options, threads, stop, validate=False):
        assert stop
        return dict(stages=stages(next(starts)))

    monkeypatch.setattr(startup, 'run_training', run)
    monkeypatch.setattr(startup, '_time_imports', lambda: dict(torch=1.25))
    monkeypatch.setattr(startup, '_time_floor', lambda repeats: repeats / 2)
    section = SECTIONS['startup']
    result = section.measure(SETTINGS, sequences=4, repeats=3)
    # 1, 3, 2 and 2, 4, 3, and seven stages after the first.
    figures = {startup.DEMO: 9, startup.PENN: 10, 'floor': 1.5}
    assert result['figures'] == figures
    text = section.describe(result)
    assert '| together | 9 | 10 |' in text
    assert 'takes\n1.5 s.' in text
    assert 'torch 1.25 s' in text
    assert list(section.draw(result)) == ['startup']


def test_waiting_leaves_the_first_iteration_out(monkeypatch):
    monkeypatch.setattr(
        data,
        'run_training',
        lambda *_: dict(data_time=[9.0, 0.1, 0.3], time=[9.0, 1.0, 3.0]),
    )
    section = SECTIONS['data']
    result = section.measure(SETTINGS, **section.small)
    for figure in ('joints', 'features', 'joints_alone', 'tensor_by_tensor'):
        assert result['figures'][figure] == pytest.approx(0.1)
    assert '| 2D joints | 2 | 2.00 | 10.0% |' in section.describe(result)
    assert list(section.draw(result)) == ['data']
