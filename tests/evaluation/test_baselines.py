import dataclasses
import math

import numpy as np
import pytest

from masa.evaluation import (
    BASELINES,
    SequenceEvaluator,
    baseline_embeddings,
)
from masa.evaluation.metrics import KendallsTau


def test_raw_is_the_input(collection):
    baseline = baseline_embeddings(collection, 'raw')
    for ours, theirs in zip(
        baseline.embeddings, collection.inputs, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_clock(collection):
    clock = baseline_embeddings(collection, 'clock').embeddings[2]
    length = len(collection.embeddings[2])
    expected = [[t / length] for t in range(length)]
    np.testing.assert_allclose(clock, expected, rtol=1e-6)


def test_position_is_the_code_of_the_frame_number(collection):
    code = baseline_embeddings(collection, 'position').embeddings[1]
    for t in range(len(code)):
        for i in range(64):
            angle = t / 10000 ** (2 * i / 128)
            assert code[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert code[t, 2 * i + 1] == pytest.approx(
                math.cos(angle), abs=1e-6
            )


def test_a_window_is_nine_frames_side_by_side(collection):
    window = baseline_embeddings(collection, 'window').embeddings[1]
    values = collection.inputs[1]
    last = len(values) - 1
    for t in range(len(values)):
        expected = []
        for step in (-8, -6, -4, -2, 0, 2, 4, 6, 8):
            expected += values[min(max(t + step, 0), last)].tolist()
        assert window[t].tolist() == expected


def test_window_and_clock_weigh_the_same(collection):
    frames = np.concatenate(
        baseline_embeddings(collection, 'window+clock').embeddings
    ).astype(np.float64)
    window = np.concatenate(
        baseline_embeddings(collection, 'window').embeddings
    )
    np.testing.assert_array_equal(frames[:, :-1], window)
    variance = frames.var(axis=0)
    assert variance[-1] == pytest.approx(variance[:-1].sum(), rel=1e-4)


def test_windows_of_features_are_left_out(collection):
    evaluator = SequenceEvaluator(
        KendallsTau(), ['raw', 'window', 'window+clock']
    )
    assert list(evaluator.compute_report(collection)['rows']) == [
        'model',
        'raw',
        'window',
        'window+clock',
    ]
    wide = dataclasses.replace(
        collection,
        inputs=[np.tile(values, 100) for values in collection.inputs],
    )
    report = evaluator.compute_report(wide)
    assert list(report['rows']) == ['model', 'raw']
    notes = [note for note in report['notes'] if 'too wide' in note]
    assert len(notes) == 2


@pytest.mark.parametrize('scale', [1e-3, 1, 1e3])
def test_inputs_and_clock_weigh_the_same(collection, scale):
    scaled = dataclasses.replace(
        collection, inputs=[scale * values for values in collection.inputs]
    )
    frames = np.concatenate(
        baseline_embeddings(scaled, 'raw+clock').embeddings
    ).astype(np.float64)
    np.testing.assert_array_equal(
        frames[:, :-1], np.concatenate(scaled.inputs)
    )
    variance = frames.var(axis=0)
    assert variance[-1] == pytest.approx(variance[:-1].sum(), rel=1e-4)


def test_inputs_and_model_weigh_the_same(collection):
    frames = np.concatenate(
        baseline_embeddings(collection, 'raw+model').embeddings
    ).astype(np.float64)
    inputs = np.concatenate(collection.inputs)
    model = np.concatenate(collection.embeddings)
    width = inputs.shape[1]
    np.testing.assert_array_equal(frames[:, :width], inputs)
    ratio = frames[:, width:] / model
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)
    variance = frames.var(axis=0)
    assert variance[width:].sum() == pytest.approx(
        variance[:width].sum(), rel=1e-4
    )


def test_dead_inputs_and_single_frames_leave_a_clock(collection):
    dead = dataclasses.replace(
        collection, inputs=[0 * values for values in collection.inputs]
    )
    frames = baseline_embeddings(dead, 'raw+clock').embeddings[0]
    assert frames[:, -1].std() > 0
    single = collection.select([0, 1])
    single = dataclasses.replace(
        single,
        embeddings=[e[:1] for e in single.embeddings],
        inputs=[v[:1] for v in single.inputs],
        phases=[p[:1] for p in single.phases],
        canonical_times=[t[:1] for t in single.canonical_times],
        timestamps=None,
    )
    for name in BASELINES:
        baseline_embeddings(single, name)


def test_errors(collection):
    with pytest.raises(ValueError, match=r"'clock'.*'time'"):
        baseline_embeddings(collection, 'time')
    blind = dataclasses.replace(collection, inputs=None)
    for name in ('raw', 'window', 'raw+clock', 'window+clock', 'raw+model'):
        with pytest.raises(ValueError, match='inputs'):
            baseline_embeddings(blind, name)
    baseline_embeddings(blind, 'clock')
