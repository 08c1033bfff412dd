import dataclasses
import logging

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from masa.evaluation import functional as F
from masa.evaluation import metrics as M

NAMES = [
    'PhaseClassification',
    'PhaseProgress',
    'KendallsTau',
    'FrameRetrieval',
    'CrossActivityRetrieval',
    'ActionRecognition',
    'KeyEventTransfer',
    'ActivitySeparation',
    'AlignmentError',
]
KEYS = {
    'phase_classification/accuracy_10',
    'phase_classification/accuracy_50',
    'phase_classification/accuracy_100',
    'phase_progress/r2',
    'kendalls_tau/tau',
    'kendalls_tau/nan_fraction',
    'frame_retrieval/ap@5',
    'frame_retrieval/ap@10',
    'frame_retrieval/ap@15',
    'cross_activity_retrieval/ap@5',
    'cross_activity_retrieval/ap@10',
    'cross_activity_retrieval/ap@15',
    'action_recognition/accuracy',
    'key_event_transfer/median_error',
    'key_event_transfer/within_5%',
    'key_event_transfer/dtw_median_error',
    'key_event_transfer/dtw_within_5%',
    'activity_separation/nearest_neighbor',
    'activity_separation/ami',
    'alignment_error/mean_frames',
    'alignment_error/median_frames',
}


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def samples(collection):
    for i, name in enumerate(collection.names):
        sample = ActionDataSample(
            metainfo=dict(
                frame_dir=name,
                label=collection.labels[i],
                activity=collection.activities[i],
                split=collection.splits[i],
            )
        )
        sample.embedding = torch.from_numpy(collection.embeddings[i])
        sample.phase = torch.from_numpy(collection.phases[i])
        sample.canonical_time = torch.from_numpy(collection.canonical_times[i])
        yield sample


def test_all_work_in_the_plain_evaluator(collection):
    evaluator = Evaluator([dict(type=name) for name in NAMES])
    figures = evaluator.offline_evaluate(list(samples(collection)))
    assert set(figures) == KEYS
    assert all(type(value) is float for value in figures.values())
    for name in NAMES:
        metric = getattr(M, name)()
        for key, value in metric.compute_collection(collection).values.items():
            assert figures[f'{metric.prefix}/{key}'] == value


def test_figures_are_means_over_activities(collection):
    result = M.KendallsTau(stride=2).compute_collection(collection)
    val = collection.subset('val')
    for activity, part in val.by_activity().items():
        assert result.per_activity[activity]['tau'] == (
            F.kendalls_tau(part.embeddings, 2).tau
        )
    taus = [row['tau'] for row in result.per_activity.values()]
    assert result.values['tau'] == pytest.approx(np.mean(taus))


def test_classifiers_see_the_training_split_only(collection):
    result = M.PhaseClassification((0.5,)).compute_collection(collection)
    expected = []
    for activity in ('jump', 'throw'):
        train = collection.by_activity()[activity].subset('train')
        val = collection.by_activity()[activity].subset('val')
        expected.append(
            F.phase_classification_accuracy(
                train.embeddings, train.phases, val.embeddings, val.phases, 0.5
            )
        )
    assert result.values == {'accuracy_50': pytest.approx(np.mean(expected))}


def test_splits_are_told_by_their_names(collection):
    usual = M.PhaseProgress().compute_collection(collection)
    for names in (('xsub_train', 'xsub_val'), ('Train', 'held out')):
        named = dict(zip(('train', 'val'), names, strict=True))
        other = dataclasses.replace(
            collection, splits=[named[one] for one in collection.splits]
        )
        assert M.PhaseProgress().compute_collection(other) == usual


def test_splits_are_arguments(collection):
    swapped = dataclasses.replace(
        collection,
        splits=['rest' if s == 'train' else 'test' for s in collection.splits],
    )
    metric = M.PhaseProgress(train_split=['rest'], eval_split='test')
    assert metric.compute_collection(swapped).values == (
        M.PhaseProgress().compute_collection(collection).values
    )
    with pytest.raises(ValueError, match='val'):
        M.PhaseProgress(train_split='val', eval_split=('val', 'test'))
    M.KendallsTau(eval_split='train')


def test_cross_activity_retrieval(collection):
    result = M.CrossActivityRetrieval(k=(3,)).compute_collection(collection)
    val = collection.subset('val')
    precision = F.sequence_retrieval_precision(
        val.embeddings, val.phases, (3,), 1, val.activities
    )[:, 0]
    rows = np.array(val.activities)
    for activity in ('jump', 'throw'):
        assert result.per_activity[activity]['ap@3'] == pytest.approx(
            precision[rows == activity].mean()
        )
    alone = M.FrameRetrieval(k=(3,)).compute_collection(collection)
    assert result.values['ap@3'] <= alone.values['ap@3']


def test_recognition_of_phases_as_actions(collection):
    metric = M.ActionRecognition(num_frames=4, classes='phase')
    result = metric.compute_collection(collection)
    clips, labels = {}, {}
    for split in ('train', 'val'):
        part = collection.subset(split)
        clips[split] = [
            embedding[phases == phase]
            for embedding, phases in zip(
                part.embeddings, part.phases, strict=True
            )
            for phase in range(3)
        ]
        labels[split] = [
            3 * label + p for label in part.labels for p in range(3)
        ]
    expected = F.action_recognition_accuracy(
        clips['train'], labels['train'], clips['val'], labels['val'], 4
    )
    assert result.values['accuracy'] == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"classes.*'verb'"):
        M.ActionRecognition(classes='verb')


def without(collection, field, numbers):
    values = list(getattr(collection, field))
    for number in numbers:
        values[number] = None
    return dataclasses.replace(collection, **{field: values})


def test_sequences_without_phases_are_left_out_and_counted(collection):
    val = [i for i, s in enumerate(collection.splits) if s == 'val']
    partly = without(collection, 'phases', val[:2])
    result = M.FrameRetrieval().compute_collection(partly)
    assert result.values
    assert any(
        '2 of 8 evaluated sequences have no ph' in n for n in result.notes
    )
    rest = [i for i in range(len(collection)) if i not in val[:2]]
    expected = M.FrameRetrieval().compute_collection(collection.select(rest))
    assert result.values == expected.values


def test_metrics_that_do_not_apply_say_why(collection):
    everything = range(len(collection))
    no_phases = without(collection, 'phases', everything)
    no_times = without(collection, 'canonical_times', everything)
    one_activity = collection.by_activity()['jump']
    no_labels = dataclasses.replace(
        collection, labels=[-1] * 20, activities=[''] * 20
    )
    val = collection.subset('val')
    for metric, part, reason in (
        (M.PhaseClassification(), no_phases, 'no evaluated sequence with ph'),
        (M.FrameRetrieval(), no_phases, 'no evaluated sequence with phases'),
        (M.AlignmentError(), no_times, 'no evaluated sequence with canonical'),
        (M.PhaseProgress(), val, 'no training sequence with phases'),
        (M.ActionRecognition(), val, 'no training sequence'),
        (M.KendallsTau(), val.select([]), 'no evaluated sequence'),
        (M.KendallsTau(), val.select([0]), 'a single evaluated sequence'),
        (M.ActionRecognition(), one_activity, 'needs two activities'),
        (M.CrossActivityRetrieval(), no_labels, 'needs two activities'),
        (M.ActivitySeparation(), no_labels, 'needs two activities'),
    ):
        result = metric.compute_collection(part)
        assert result.values == {}
        assert any(reason in note for note in result.notes), result.notes
        assert any(metric.prefix in note for note in result.notes)


def test_without_training_sequences_the_others_are_the_gallery(collection):
    val = collection.subset('val')
    result = M.ActivitySeparation().compute_collection(val)
    hits = F.nearest_other_hits(val.embeddings, val.activities)
    assert result.values['nearest_neighbor'] == hits.mean()
    for activity, part in val.by_activity().items():
        mine = np.array(val.activities) == activity
        assert len(part) == mine.sum()
        assert result.per_activity[activity]['nearest_neighbor'] == (
            hits[mine].mean()
        )
    assert any('no training sequences' in note for note in result.notes)
    usual = M.ActivitySeparation().compute_collection(collection)
    assert usual.notes == []
    assert usual.values['ami'] == result.values['ami']


def test_an_activity_without_pairs_is_not_in_the_mean(collection):
    val = [i for i, s in enumerate(collection.splits) if s == 'val']
    throws = [i for i in val if collection.activities[i] == 'throw']
    part = collection.select(
        i for i in range(len(collection)) if i not in throws[1:]
    )
    result = M.KendallsTau().compute_collection(part)
    assert list(result.per_activity) == ['jump']
    assert any('throw left out, a single eval' in n for n in result.notes)


def test_an_activity_without_a_value_is_not_in_the_mean(collection):
    phases = [
        0 * phase if activity == 'throw' else phase
        for phase, activity in zip(
            collection.phases, collection.activities, strict=True
        )
    ]
    part = dataclasses.replace(collection, phases=phases)
    result = M.PhaseProgress().compute_collection(part)
    assert np.isnan(result.per_activity['throw']['r2'])
    assert result.values['r2'] == result.per_activity['jump']['r2']
    assert 'phase_progress/r2: no value for throw, not in the mean' in (
        result.notes
    )


def test_a_collapse_is_warned_of(collection, caplog):
    flat = collection.with_embeddings(
        [np.ones((len(e), 3)) for e in collection.embeddings]
    )
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    figures = Evaluator(dict(type='KendallsTau')).offline_evaluate(
        list(samples(flat))
    )
    logger.removeHandler(caplog.handler)
    assert figures['kendalls_tau/tau'] == 0
    assert figures['kendalls_tau/nan_fraction'] == 1
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert any('collapsed' in r.getMessage() for r in warnings)


def test_a_collapse_scores_well_nowhere(make_collection):
    many = make_collection(num_train=8, num_val=8, activities='abcd')
    flat = many.with_embeddings(
        [np.full((len(e), 3), 0.7) for e in many.embeddings]
    )
    figures = {}
    for name in NAMES:
        metric = getattr(M, name)()
        for key, value in metric.compute_collection(flat).values.items():
            figures[f'{metric.prefix}/{key}'] = value
    assert figures.keys() == KEYS
    assert figures['phase_progress/r2'] <= 0
    assert figures['kendalls_tau/tau'] == 0
    assert figures['action_recognition/accuracy'] == 0.25
    assert figures['activity_separation/nearest_neighbor'] == 0.25
    assert figures['activity_separation/ami'] == pytest.approx(0)
    assert figures['key_event_transfer/median_error'] > 0.25
    assert figures['key_event_transfer/dtw_median_error'] > 0.25
    assert figures['alignment_error/mean_frames'] > 10
    for k in (5, 10, 15):
        assert figures[f'frame_retrieval/ap@{k}'] < 0.5
        assert figures[f'cross_activity_retrieval/ap@{k}'] < 0.2
    assert figures['phase_classification/accuracy_100'] < 0.6


def test_samples_must_have_an_embedding_and_an_id():
    metric = M.KendallsTau()
    with pytest.raises(KeyError, match="'embedding', 'frame_dir'"):
        metric.process({}, [dict(split='val')])


def test_half_precision_embeddings_are_taken():
    metric = M.KendallsTau()
    half = torch.ones(3, 2, dtype=torch.bfloat16)
    metric.process({}, [dict(frame_dir='a', embedding=half)])
    assert metric.results[0].embedding.dtype == np.float32
