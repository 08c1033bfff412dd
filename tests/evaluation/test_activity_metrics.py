import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score

from masa.evaluation import functional as F


def clips(rng, count, spread=0.3):
    labels = np.arange(count) % 3
    centers = np.eye(3, 5)[labels]
    embeddings = [
        center + spread * rng.normal(size=(rng.integers(1, 30), 5))
        for center in centers
    ]
    return embeddings, labels


@pytest.mark.parametrize(
    ('length', 'expected'),
    [
        (1, [0, 0, 0, 0]),
        (3, [0, 1, 1, 2]),
        (4, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6]),
    ],
)
def test_uniform_frames(length, expected):
    assert F.uniform_frames(4, length).tolist() == expected


def test_recognition_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    train, val = clips(rng, 30, 1.5), clips(rng, 21, 1.5)

    def features(embeddings):
        rows = []
        for embedding in embeddings:
            last = len(embedding) - 1
            frames = [int(np.round(i * last / 15)) for i in range(16)]
            rows.append(np.concatenate([embedding[t] for t in frames]))
        return np.array(rows)

    model = LogisticRegression(max_iter=100000, solver='lbfgs')
    model.fit(features(train[0]), train[1])
    expected = model.score(features(val[0]), val[1])
    accuracy = F.action_recognition_accuracy(*train, *val)
    assert 0.5 < accuracy < 1
    assert accuracy == pytest.approx(expected)


def test_recognition_of_a_collapsed_embedding_is_at_chance():
    rng = np.random.default_rng(0)
    train, val = clips(rng, 30), clips(rng, 21)
    flat = [[np.ones((len(e), 4)) for e in part[0]] for part in (train, val)]
    accuracy = F.action_recognition_accuracy(
        flat[0], train[1], flat[1], val[1]
    )
    assert accuracy == pytest.approx(1 / 3)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_more_features_than_sequences_are_classified_alike(dtype):
    """Where the classifier is fitted in the span of the sequences."""
    rng = np.random.default_rng(0)
    (train, labels), (val, _) = clips(rng, 12, 2.0), clips(rng, 60, 2.0)
    train, val = (
        [np.tile(clip, 9).astype(dtype) for clip in part]
        for part in (train, val)
    )
    joined = [
        np.stack(
            [clip[F.uniform_frames(4, len(clip))].ravel() for clip in part]
        )
        for part in (train, val)
    ]
    assert joined[0].shape[1] > len(train)
    model = LogisticRegression(max_iter=100000).fit(joined[0], labels)
    expected = model.predict(joined[1])
    assert len(np.unique(expected)) > 1
    found = F.predict_actions(train, labels, val, 4)
    assert found.tolist() == expected.tolist()


def test_phase_runs():
    assert F.phase_runs(np.array([0, 0, 1, 2, 2])) == [
        (0, 2, 0),
        (2, 3, 1),
        (3, 5, 2),
    ]
    assert F.phase_runs(np.array([1, -1, -1, 1])) == [(0, 1, 1), (3, 4, 1)]
    assert F.phase_runs(np.array([3])) == [(0, 1, 3)]


def test_separation_equals_the_loop():
    rng = np.random.default_rng(0)
    train, val = clips(rng, 30, 2.0), clips(rng, 21, 2.0)
    hits = []
    for clip, label in zip(*val, strict=True):
        distances = [
            np.sum((clip.mean(axis=0) - other.mean(axis=0)) ** 2)
            for other in train[0]
        ]
        hits.append(train[1][np.argmin(distances)] == label)
    result = F.activity_separation(*train, *val)
    assert 0.4 < result.nearest_neighbor < 1
    assert result.nearest_neighbor == pytest.approx(np.mean(hits))
    assert result == F.activity_separation(*train, *val)


def test_separation_of_separate_activities():
    rng = np.random.default_rng(0)
    result = F.activity_separation(*clips(rng, 30), *clips(rng, 21))
    assert result.nearest_neighbor == 1
    assert result.ami == pytest.approx(1)


def test_clusters_are_judged_by_adjusted_mutual_information():
    # Two clusters for four labels: k-means has but three distinct clips.
    embeddings = [np.full((4, 2), v) for v in (0.0, 0.0, 5.0, 9.0)]
    result = F.activity_separation(
        embeddings, [0, 1, 2, 3], embeddings, [0, 1, 2, 3]
    )
    expected = adjusted_mutual_info_score([0, 1, 2, 3], [0, 0, 1, 2])
    assert result.ami == pytest.approx(expected)


def test_a_collapse_does_not_separate(recwarn):
    # Lengths tell the activities apart: the mean of equal frames must not
    # depend on how many there are.
    flat = [np.full((10 + 7 * (i % 3), 6), 0.1) for i in range(30)]
    labels = np.arange(30) % 3
    result = F.activity_separation(flat, labels, flat, labels)
    assert result.nearest_neighbor == pytest.approx(1 / 3)
    assert result.ami == pytest.approx(0)
    assert not recwarn


def test_of_equal_clips_the_order_decides_nothing():
    flat = [np.ones((4, 2))] * 30
    gallery = np.repeat([0, 1], [20, 10])
    labels = np.repeat([0, 1], [24, 6])
    for order in (slice(None), slice(None, None, -1)):
        hits = F.nearest_clip_hits(flat, gallery[order], flat, labels)
        np.testing.assert_allclose(hits[:24], 2 / 3)
        np.testing.assert_allclose(hits[24:], 1 / 3)


def test_nearest_other_equals_the_loop():
    rng = np.random.default_rng(0)
    embeddings, labels = clips(rng, 30, 2.0)
    # Copies: one of two, and three that are all of their neighbors.
    embeddings[3] = np.repeat(embeddings[4].mean(0)[None], 5, axis=0)
    for other in (7, 8):
        embeddings[other] = embeddings[6]
    means = [
        clip.mean(axis=0, dtype=np.float64).astype(np.float32)
        for clip in embeddings
    ]
    expected = []
    for i, mean in enumerate(means):
        apart = [
            np.sum((mean.astype(np.float64) - other) ** 2) for other in means
        ]
        others = [j for j in range(30) if j != i]
        least = min(apart[j] for j in others)
        nearest = [j for j in others if apart[j] == least]
        expected.append(np.mean([labels[j] == labels[i] for j in nearest]))
    hits = F.nearest_other_hits(embeddings, labels)
    np.testing.assert_allclose(hits, expected)
    assert 0.3 < hits.mean() < 1
    with pytest.raises(ValueError, match='two sequences'):
        F.nearest_other_hits(embeddings[:1], labels[:1])


def test_bad_arguments_raise():
    rng = np.random.default_rng(0)
    embeddings, labels = clips(rng, 6)
    with pytest.raises(ValueError, match='num_frames'):
        F.predict_actions(embeddings, labels, embeddings, 0)
    with pytest.raises(ValueError, match='0 and 6'):
        F.predict_actions([], [], embeddings)
    with pytest.raises(ValueError, match='train_labels'):
        F.nearest_clip_labels(embeddings, labels[:2], embeddings)
    with pytest.raises(ValueError, match='val_labels'):
        F.activity_separation(embeddings, labels, embeddings, labels[:2])
    with pytest.raises(ValueError, match=r'val_embeddings\[0\].*finite'):
        F.predict_actions(embeddings, labels, [np.full((2, 5), np.inf)])
