import numpy as np
import pytest

from masa.embeddings import neighbors
from masa.evaluation import functional as F


def data(rng, lengths=(12, 30, 7, 21, 16), width=4):
    embeddings = [rng.normal(size=(n, width)) for n in lengths]
    phases = [np.sort(rng.integers(0, 3, n)) for n in lengths]
    return embeddings, phases


def loop_precision(embeddings, phases, k, stride=1, activities=None):
    videos = []
    for i, queries in enumerate(embeddings):
        frames = []
        for t in range(0, len(queries), stride):
            if phases[i][t] < 0:
                continue
            candidates = []
            for j, other in enumerate(embeddings):
                for s, frame in enumerate(other):
                    if i == j or phases[j][s] < 0:
                        continue
                    right = phases[i][t] == phases[j][s]
                    if activities is not None:
                        right &= activities[i] == activities[j]
                    distance = np.sum((queries[t] - frame) ** 2)
                    candidates.append((distance, len(candidates), right))
            best = sorted(candidates)[:k]
            frames.append(np.mean([right for *_, right in best]))
        videos.append(np.mean(frames) if frames else np.nan)
    return np.array(videos)


@pytest.mark.parametrize('stride', [1, 3])
@pytest.mark.parametrize('activities', [None, list('aabba')])
def test_precision_equals_the_loop(stride, activities):
    embeddings, phases = data(np.random.default_rng(0))
    result = F.sequence_retrieval_precision(
        embeddings, phases, (1, 5, 40), stride, activities
    )
    for column, k in enumerate((1, 5, 40)):
        expected = loop_precision(embeddings, phases, k, stride, activities)
        np.testing.assert_allclose(result[:, column], expected, atol=1e-12)
    ap = F.frame_retrieval_ap(embeddings, phases, 5, stride, activities)
    assert isinstance(ap, float)
    assert ap == pytest.approx(result[:, 1].mean())


def test_precision_equals_the_loop_where_selection_is_by_groups():
    rng = np.random.default_rng(1)
    embeddings, phases = data(rng, lengths=(700, 900, 800), width=2)
    embeddings = [np.round(e, 1).astype(np.float32) + 50 for e in embeddings]
    queries = [e[:20] for e in embeddings]
    result = F.sequence_retrieval_precision(
        [queries[0], *embeddings[1:]],
        [phases[0][:20], *phases[1:]],
        (3, 10),
        stride=7,
    )
    # Of exact ties the choice is free, so the tied frames bound the result.
    others = np.concatenate(embeddings[1:]).astype(np.float64)
    labels = np.concatenate(phases[1:])
    for column, k in enumerate((3, 10)):
        low, high = [], []
        for t in range(0, 20, 7):
            distances = ((others - queries[0][t]) ** 2).sum(axis=1)
            edge = np.sort(distances)[k - 1]
            right = labels == phases[0][t]
            inner = right[distances < edge].sum()
            free = k - (distances < edge).sum()
            tied = right[distances == edge]
            low.append(inner + max(0, free - (~tied).sum()))
            high.append(inner + min(free, tied.sum()))
        assert np.mean(low) / k <= result[0, column] <= np.mean(high) / k


def test_block_size_does_not_matter(monkeypatch):
    embeddings, phases = data(np.random.default_rng(0))
    expected = F.frame_retrieval_ap(embeddings, phases, (1, 5))
    monkeypatch.setattr(neighbors, 'SET_BLOCK_ENTRIES', 100)
    np.testing.assert_array_equal(
        F.frame_retrieval_ap(embeddings, phases, (1, 5)), expected
    )


def test_frames_of_unknown_phase_are_neither_query_nor_candidate():
    embeddings, phases = data(np.random.default_rng(0))
    for phase in phases[:3]:
        phase[::3] = -1
    phases[4][:] = -1
    result = F.sequence_retrieval_precision(embeddings, phases, (5,), 2)
    expected = loop_precision(embeddings, phases, 5, stride=2)
    np.testing.assert_allclose(result[:, 0], expected)
    assert np.isnan(result[4, 0])
    mean = F.frame_retrieval_ap(embeddings, phases, 5, stride=2)
    assert mean == pytest.approx(np.nanmean(expected))


def test_a_far_origin_does_not_matter():
    embeddings, phases = data(np.random.default_rng(0))
    expected = F.frame_retrieval_ap(embeddings, phases, 5)
    moved = [e + 1e5 for e in embeddings]
    assert F.frame_retrieval_ap(moved, phases, 5) == expected


def test_with_activities_a_shared_phase_number_is_not_enough():
    frames = [np.zeros((4, 2)), np.zeros((4, 2))]
    phases = [np.zeros(4, int), np.zeros(4, int)]
    assert F.frame_retrieval_ap(frames, phases, 2) == 1
    assert F.frame_retrieval_ap(frames, phases, 2, activities=[0, 1]) == 0


def test_a_collapsed_embedding_is_at_chance():
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 40, 12)
    phases = [np.arange(n) * 4 // n for n in lengths]
    flat = [np.full((n, 9), 0.3) for n in lengths]
    assert F.frame_retrieval_ap(flat, phases, 10) == pytest.approx(
        0.25, abs=0.01
    )


def test_of_copies_the_share_counts():
    rng = np.random.default_rng(3)
    phases = [np.sort(rng.integers(0, 3, n)) for n in (12, 9, 15)]
    # Few values, so that most candidates have copies, in any sequence.
    embeddings = [
        rng.integers(0, 3, (len(p), 1)).astype(float) for p in phases
    ]
    for k in (1, 4, 7):
        expected = []
        for i, phase in enumerate(phases):
            others = [j for j in range(3) if j != i]
            frames = np.concatenate([embeddings[j] for j in others])[:, 0]
            labels = np.concatenate([phases[j] for j in others])
            shares = []
            for t, frame in enumerate(embeddings[i][:, 0]):
                left, share = k, 0.0
                # Of two values as near, the smaller one comes first.
                for value in sorted(
                    {0.0, 1.0, 2.0}, key=lambda v: (abs(v - frame), v)
                ):
                    tied = labels[frames == value]
                    taken = min(left, len(tied))
                    if taken:
                        share += taken * (tied == phase[t]).mean() / k
                    left -= taken
                shares.append(share)
            expected.append(np.mean(shares))
        result = F.sequence_retrieval_precision(embeddings, phases, (k,))
        np.testing.assert_allclose(result[:, 0], expected)


@pytest.mark.parametrize('scale', [1e-30, 1e25])
def test_the_unit_does_not_matter(scale):
    embeddings, phases = data(np.random.default_rng(0), (60, 50, 70))
    expected = F.frame_retrieval_ap(embeddings, phases, 5)
    scaled = [(scale * e).astype(np.float32) for e in embeddings]
    assert F.frame_retrieval_ap(scaled, phases, 5) == expected


def test_too_few_sequences_have_no_value():
    embeddings, phases = data(np.random.default_rng(0))
    assert np.isnan(F.frame_retrieval_ap(embeddings[:1], phases[:1], 5))
    assert np.isnan(F.frame_retrieval_ap([], [], (5, 10))).all()
    one_frame = [np.zeros((1, 2)), np.ones((1, 2))]
    single = [np.array([0]), np.array([0])]
    assert F.frame_retrieval_ap(one_frame, single, 5) == 1


def test_bad_arguments_raise():
    embeddings, phases = data(np.random.default_rng(0))
    with pytest.raises(ValueError, match='k '):
        F.frame_retrieval_ap(embeddings, phases, 0)
    with pytest.raises(ValueError, match='stride'):
        F.frame_retrieval_ap(embeddings, phases, 5, stride=0)
    with pytest.raises(ValueError, match=r'activities.*5 .*2'):
        F.frame_retrieval_ap(embeddings, phases, 5, activities=['a', 'b'])
