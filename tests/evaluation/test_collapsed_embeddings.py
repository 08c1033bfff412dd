"""No metric gives an embedding without content more than chance."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from mmaction.registry import EVALUATOR

from masa.evaluation.functional import has_collapsed, relative_spread

METRICS = [
    dict(type='PhaseClassification', fractions=(1.0,)),
    dict(type='PhaseProgress'),
    dict(type='KendallsTau'),
    dict(type='FrameRetrieval', k=(1, 5)),
    dict(type='CrossActivityRetrieval', k=(1, 5)),
    dict(type='ActionRecognition', num_frames=4),
    dict(type='ActivitySeparation'),
    dict(type='KeyEventTransfer'),
    dict(type='AlignmentError'),
]


def shares(values):
    counts = np.array(list(Counter(values).values()))
    return counts / counts.sum()


def chances(collection):
    """What guessing gets: the commonest answer, or one drawn at random."""
    val = collection.subset('val')
    groups = val.by_activity().values()
    phases = [np.concatenate(group.phases) for group in groups]
    commonest = np.mean([shares(p).max() for p in phases])
    drawn = np.mean([np.square(shares(p)).sum() for p in phases])
    answers = [
        f'{activity}/{phase}'
        for activity, one in zip(val.activities, val.phases, strict=True)
        for phase in one
    ]
    activities = shares(val.activities)
    # Of two moments of a sequence, drawn at random.
    times = [np.concatenate(group.canonical_times) for group in groups]
    apart = np.mean([np.abs(t[:, None] - t).mean() for t in times])
    return {
        'phase_classification/accuracy_100': commonest,
        'phase_progress/r2': 0.0,
        'kendalls_tau/tau': 0.0,
        'frame_retrieval/ap@1': drawn,
        'frame_retrieval/ap@5': drawn,
        'cross_activity_retrieval/ap@1': np.square(shares(answers)).sum(),
        'cross_activity_retrieval/ap@5': np.square(shares(answers)).sum(),
        'action_recognition/accuracy': activities.max(),
        'activity_separation/nearest_neighbor': activities.max(),
        'activity_separation/ami': 0.0,
        # A frame drawn at random, the tolerance to both sides of the event.
        'key_event_transfer/within_5%': 0.1,
        'key_event_transfer/dtw_within_5%': 0.1,
        'alignment_error/mean_frames': apart,
    }


# What a figure may be better than chance by: sequences differ.
TOLERANCE = {
    'alignment_error/mean_frames': 2.0,
    'activity_separation/ami': 0.25,
}


def constant(rng, lengths):
    point = rng.normal(size=8)
    return [np.tile(point, (n, 1)) for n in lengths]


def zero(rng, lengths):
    return [np.zeros((n, 8)) for n in lengths]


def rounding(rng, lengths):
    """A constant with the time in its last digits."""
    point = 1 + rng.random(8)
    return [
        point + 2e-6 * np.arange(n)[:, None] / n * rng.random(8)
        for n in lengths
    ]


def point_each(rng, lengths):
    """Every sequence its own point, whatever its activity."""
    return [np.tile(rng.normal(size=8), (n, 1)) for n in lengths]


def noisy_point_each(rng, lengths):
    """Every sequence its own point, with noise in its last digits."""
    return [
        point + 1e-6 * rng.normal(size=point.shape)
        for point in point_each(rng, lengths)
    ]


def two_values(rng, lengths):
    """Two points, drawn for every frame."""
    points = rng.normal(size=(2, 8))
    return [points[rng.integers(0, 2, n)] for n in lengths]


def alternating(rng, lengths):
    points = rng.normal(size=(2, 8))
    return [points[np.arange(n) % 2] for n in lengths]


def first_apart(rng, lengths):
    """One point, but for the first frame."""
    points = rng.normal(size=(2, 8))
    return [points[np.minimum(np.arange(n), 1)] for n in lengths]


@pytest.fixture
def judged(make_collection):
    def judge(make, order=slice(None)):
        rng = np.random.default_rng(0)
        whole = make_collection(
            num_train=6, num_val=12, activities=('jump', 'throw', 'turn')
        )
        # Fewer of one activity, so that their order would show.
        kept = [
            i
            for i, name in enumerate(whole.activities)
            if name != 'jump' or i % 3
        ]
        whole = whole.select(np.array(kept)[order])
        whole = whole.with_embeddings(make(rng, map(len, whole.embeddings)))
        evaluator = EVALUATOR.build(
            dict(type='SequenceEvaluator', metrics=METRICS)
        )
        return whole, evaluator.compute_report(whole)

    return judge


@pytest.mark.parametrize(
    'order', [slice(None), slice(None, None, -1)], ids=['', 'reversed']
)
@pytest.mark.parametrize(
    'make',
    [
        constant,
        zero,
        rounding,
        point_each,
        noisy_point_each,
        two_values,
        alternating,
        first_apart,
    ],
)
def test_no_metric_is_above_chance(judged, make, order):
    collection, report = judged(make, order)
    found = report['rows']['model']
    for name, chance in chances(collection).items():
        tolerance = TOLERANCE.get(name, 0.12)
        if name == 'alignment_error/mean_frames':
            assert found[name] >= chance - tolerance, name
        else:
            assert found[name] <= chance + tolerance, name
    # Half a sequence away on average where the event is at an end, a quarter
    # where it is in the middle.
    assert found['key_event_transfer/median_error'] > 0.2
    assert found['key_event_transfer/dtw_median_error'] > 0.2
    assert any('collapsed' in warning for warning in report['warnings'])


def test_order_decides_nothing(judged):
    rows = [
        judged(constant, order)[1]['rows']['model']
        for order in (slice(None), slice(None, None, -1))
    ]
    for name, value in rows[0].items():
        assert rows[1][name] == pytest.approx(value, abs=1e-9), name


def test_rounding_would_score(judged, monkeypatch):
    # What the threshold of a collapse is for.
    monkeypatch.setattr('masa.embeddings.spread.COLLAPSED', 0.0)
    _, report = judged(rounding)
    assert report['rows']['model']['kendalls_tau/tau'] > 0.5


def test_a_sound_embedding_is_not_warned_of(collection):
    evaluator = EVALUATOR.build(
        dict(type='SequenceEvaluator', metrics=METRICS)
    )
    report = evaluator.compute_report(collection)
    assert report['warnings'] == []
    assert report['rows']['model']['kendalls_tau/tau'] > 0.5


@pytest.mark.parametrize('metric', METRICS, ids=lambda m: m['type'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_is_not_finite_has_no_score(collection, metric, value):
    broken = [e.copy() for e in collection.embeddings]
    broken[-1][3, 2] = value
    with pytest.raises(ValueError, match=r"'throw/09'.*frame 3"):
        dataclasses.replace(collection, embeddings=broken)
    # Behind the collection's back.
    collection.embeddings[-1] = broken[-1]
    function = EVALUATOR.build(
        dict(type='SequenceEvaluator', metrics=[metric])
    ).metrics[0]
    with pytest.raises(ValueError, match='finite'):
        function.compute_collection(collection)


def test_relative_spread():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(500, 16))
    assert relative_spread(frames) == pytest.approx(1, abs=0.01)
    assert relative_spread(1e-200 * frames) == relative_spread(frames)
    moved = 3 + 0.1 * frames
    expected = np.sqrt(
        ((moved - moved.mean(0)) ** 2).sum(1).mean() / (moved**2).sum(1).mean()
    )
    assert relative_spread(moved) == pytest.approx(expected)
    assert relative_spread(np.zeros((3, 2))) == 0
    assert has_collapsed(np.ones((3, 2)))
    assert not has_collapsed(np.ones((1, 2)))
    assert not has_collapsed(frames)
