import dataclasses
import json
import logging

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from mmaction.registry import EVALUATOR
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from masa.datasets.transforms import PackSequenceInputs
from masa.evaluation import (
    SequenceEvaluator,
    baseline_embeddings,
    format_table,
    save_report,
)
from masa.evaluation import metrics as M
from masa.evaluation.metric_titles import method_title

METRICS = [
    dict(type='PhaseClassification', fractions=(0.5, 1.0)),
    dict(type='KendallsTau', stride=2),
    dict(type='ActivitySeparation'),
    dict(type='AlignmentError'),
]
BASELINE_NAMES = (
    'raw',
    'window',
    'clock',
    'position',
    'raw+clock',
    'window+clock',
)


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def build(**options):
    config = dict(type='SequenceEvaluator', metrics=METRICS)
    return EVALUATOR.build(dict(config, **options))


def batches(collection, size=7):
    for start in range(0, len(collection), size):
        numbers = range(start, min(start + size, len(collection)))
        samples = [
            dict(
                frame_dir=collection.names[i],
                split=collection.splits[i],
                label=collection.labels[i],
                activity=collection.activities[i],
                embedding=torch.from_numpy(collection.embeddings[i]),
                phase=torch.from_numpy(collection.phases[i]),
                canonical_time=torch.from_numpy(collection.canonical_times[i]),
            )
            for i in numbers
        ]
        inputs = [
            dict(inputs=[dict(values=torch.from_numpy(collection.inputs[i]))])
            for i in numbers
        ]
        yield samples, pseudo_collate(inputs)


def run(evaluator, collection):
    for samples, batch in batches(collection):
        evaluator.process(samples, batch)
    return evaluator.evaluate(len(collection))


def test_model_and_baselines_are_judged_alike(collection):
    evaluator = build(baselines=BASELINE_NAMES)
    figures = run(evaluator, collection)
    for method in ('model', *BASELINE_NAMES):
        judged = collection
        if method != 'model':
            judged = baseline_embeddings(collection, method)
        for metric in (
            M.PhaseClassification((0.5, 1.0)),
            M.KendallsTau(stride=2),
            M.ActivitySeparation(),
            M.AlignmentError(),
        ):
            result = metric.compute_collection(judged)
            for key, value in result.values.items():
                column = f'{metric.prefix}/{key}'
                name = column if method == 'model' else f'{method}/{column}'
                assert figures[name] == value
                assert evaluator.report['rows'][method][column] == value
            for activity, row in result.per_activity.items():
                table = evaluator.report['per_activity'][activity][method]
                for key, value in row.items():
                    assert table[f'{metric.prefix}/{key}'] == value
    report = evaluator.report
    assert list(report['rows']) == ['model', *BASELINE_NAMES]
    assert list(report['rows']['model']) == report['columns']
    assert report['num_sequences'] == {'train': 12, 'val': 8}
    assert evaluator.collection.names == collection.names


def test_no_baselines_by_default_and_no_inputs_kept(collection):
    evaluator = build()
    figures = run(evaluator, collection)
    assert len(figures) == 8
    assert list(evaluator.report['rows']) == ['model']
    assert evaluator.collection.inputs is None


def test_the_former_name_of_the_baselines(collection):
    evaluator = build(baselines=('raw',), controls=('clock',))
    assert evaluator.baselines == ('clock',)
    assert build(baselines=('raw',), controls=()).baselines == ()


def test_a_second_evaluation_starts_afresh(collection):
    evaluator = build()
    first = run(evaluator, collection)
    assert run(evaluator, collection) == first


def test_raw_inputs_are_joints_and_features_alone():
    """What is worked out of them is no raw input."""
    rng = np.random.default_rng(0)
    pack = PackSequenceInputs(['motion', 'keypoint', 'missing', 'feature'])
    packed = [
        pack(
            dict(
                frame_dir=name,
                keypoint=rng.normal(size=(1, length, 4, 2)),
                keypoint_score=np.ones((1, length, 4)),
                feature=rng.normal(size=(length, 3)),
            )
        )
        for name, length in (('a', 5), ('b', 7))
    ]
    batch = pseudo_collate(packed)
    for sample in batch['data_samples']:
        sample.embedding = torch.ones(sample.total_frames, 1)
    evaluator = build(metrics=[], baselines=('raw',))
    evaluator.process(batch['data_samples'], batch)
    evaluator.evaluate(2)
    for values, one in zip(evaluator.collection.inputs, packed, strict=True):
        whole = one['inputs'][0]['values'].numpy()
        assert whole.shape[1] == 8 + 8 + 4 + 3
        kept = np.concatenate([whole[:, 8:16], whole[:, 20:]], axis=1)
        np.testing.assert_array_equal(values, kept)


def test_what_the_sampler_added_is_dropped(collection):
    evaluator = build()
    for samples, batch in batches(collection):
        evaluator.process(samples, batch)
    samples, batch = next(batches(collection))
    evaluator.process(samples, batch)
    evaluator.evaluate(len(collection))
    assert evaluator.collection.names == collection.names


def test_offline_evaluation_without_inputs_leaves_raw_out(collection):
    evaluator = build(baselines=('raw', 'clock'))
    samples = [s for part, _ in batches(collection) for s in part]
    figures = evaluator.offline_evaluate(samples)
    assert 'clock/kendalls_tau/tau' in figures
    assert not any(key.startswith('raw/') for key in figures)
    assert (
        'raw: left out, the inputs are not known'
        in (evaluator.report['notes'])
    )


def test_metrics_that_do_not_apply_are_left_out(collection, caplog):
    plain = dataclasses.replace(
        collection,
        canonical_times=[np.zeros(len(e)) for e in collection.embeddings],
    )
    plain = plain.subset('val')
    evaluator = build(baselines=('clock',))
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    figures = run(evaluator, plain)
    logger.removeHandler(caplog.handler)
    assert 'kendalls_tau/tau' in figures
    assert not any('phase_classification' in key for key in figures)
    note = 'phase_classification: left out, no training sequence with phases'
    assert evaluator.report['notes'].count(note) == 1
    assert note in caplog.text
    json.dumps(evaluator.report)


def test_nothing_to_evaluate_is_no_failure():
    evaluator = build(baselines=BASELINE_NAMES)
    assert evaluator.evaluate(0) == {}
    assert len(evaluator.report['notes']) >= 4
    format_table(evaluator.report)


def test_the_model_is_warned_of_but_not_the_baselines(collection, caplog):
    dead = dataclasses.replace(
        collection, inputs=[0 * values for values in collection.inputs]
    )
    evaluator = build(baselines=('raw',))
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    run(evaluator, dead)
    assert evaluator.report['rows']['raw']['kendalls_tau/nan_fraction'] == 1
    assert evaluator.report['warnings'] == []
    flat = dead.with_embeddings([0 * e for e in dead.embeddings])
    run(evaluator, flat)
    logger.removeHandler(caplog.handler)
    assert len(evaluator.report['warnings']) == 2
    assert [
        r
        for r in caplog.records
        if r.levelno == logging.WARNING and 'collapsed' in r.getMessage()
    ]


def test_a_diverged_model_is_named(collection):
    broken = [e.copy() for e in collection.embeddings]
    evaluator = build()
    for samples, batch in batches(collection):
        for sample in samples:
            if sample['frame_dir'] == 'throw/03':
                sample['embedding'] = torch.full_like(
                    sample['embedding'], torch.nan
                )
        evaluator.process(samples, batch)
    with pytest.raises(ValueError, match=r"'throw/03'.*finite"):
        evaluator.evaluate(len(broken))


def test_bad_arguments_raise(collection):
    class Other(BaseMetric):
        def process(self, data_batch, data_samples):
            pass

        def compute_metrics(self, results):
            return {}

    with pytest.raises(TypeError, match='Other'):
        SequenceEvaluator([Other(prefix='other')])
    with pytest.raises(ValueError, match=r"'clock'.*\['time'\]"):
        build(baselines=('clock', 'time'))
    twice = build(metrics=[dict(type='KendallsTau')] * 2)
    with pytest.raises(ValueError, match=r"'kendalls_tau/tau'.*prefix"):
        run(twice, collection)
    fine = build(
        metrics=[
            dict(type='KendallsTau'),
            dict(type='KendallsTau', stride=2, prefix='tau_2'),
        ]
    )
    assert 'tau_2/tau' in run(fine, collection)


def test_report_as_a_table_and_as_json(collection, tmp_path):
    evaluator = build(baselines=BASELINE_NAMES)
    figures = run(evaluator, collection)
    table = format_table(evaluator.report, per_activity=True)
    titles = map(method_title, ('model', *BASELINE_NAMES))
    for name in (*titles, 'jump', 'throw', 'alignment_error'):
        assert name in table
    path = tmp_path / 'metrics.json'
    save_report(evaluator.report, path)
    read = json.loads(path.read_text())
    column = 'alignment_error/mean_frames'
    assert read['rows']['clock'][column] == figures[f'clock/{column}']


def _evaluate_in_two_processes(rank, folder, collection, queue):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        evaluator = build(baselines=('raw',), collect_dir=f'{folder}/parts')
    share = collection.select(range(rank, len(collection), 2))
    for samples, batch in batches(share, size=3):
        evaluator.process(samples, batch)
    if rank == 1:
        # A sampler fills up the last round.
        samples, batch = next(batches(collection, size=1))
        evaluator.process(samples, batch)
    figures = evaluator.evaluate(len(collection))
    names = evaluator.collection.names if rank == 0 else None
    queue.put((rank, figures, sorted(evaluator.report['rows']), names))
    torch.distributed.destroy_process_group()


def test_two_processes_give_what_one_does(make_collection, tmp_path):
    whole = make_collection(num_train=5, num_val=4)
    odd = whole.select(range(17))
    expected = run(build(baselines=('raw',)), odd)
    context = mp.get_context('spawn')
    queue = context.SimpleQueue()
    mp.spawn(_evaluate_in_two_processes, (str(tmp_path), odd, queue), nprocs=2)
    results = sorted(queue.get() for _ in range(2))
    assert results[0][1] == results[1][1] == expected
    assert results[0][2] == results[1][2] == ['model', 'raw']
    assert results[0][3] == odd.names
