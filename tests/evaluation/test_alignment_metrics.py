import itertools
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau

from masa.embeddings import neighbors
from masa.evaluation import functional as F


def sequences(rng, lengths=(9, 14, 5, 11), width=6):
    return [rng.normal(size=(n, width)).astype(np.float32) for n in lengths]


def tau_of_pair(a, b, forgive):
    """Tau-b that forgives no ties of copies, unless it is told to."""
    order = [int(cdist(f[None], b, 'sqeuclidean').argmin()) for f in a]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        tau = kendalltau(np.arange(len(order)), order)[0]
    if forgive or np.isnan(tau):
        return tau
    concordant = ties = copies = 0
    pairs = list(itertools.combinations(range(len(order)), 2))
    for s, t in pairs:
        concordant += np.sign(order[t] - order[s])
        if order[s] == order[t]:
            ties += 1
            found = (b == b[order[s]]).all(axis=1).sum()
            copies += bool(found > 1 or (a[s] == a[t]).all())
    assert tau == pytest.approx(
        concordant / np.sqrt(len(pairs) * (len(pairs) - ties))
    )
    return concordant / np.sqrt(len(pairs) * (len(pairs) - ties + copies))


def loop_tau(embeddings, stride, nan):
    taus = np.array(
        [
            tau_of_pair(
                a[::stride].astype(np.float64),
                b[::stride].astype(np.float64),
                forgive=nan == 'drop',
            )
            for a, b in itertools.permutations(embeddings, 2)
        ]
    )
    undefined = np.isnan(taus).mean()
    taus = taus[~np.isnan(taus)] if nan == 'drop' else np.nan_to_num(taus)
    return taus.mean() if len(taus) else np.nan, undefined


@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('nan', ['zero', 'drop'])
def test_tau_equals_the_loop(stride, nan):
    rng = np.random.default_rng(stride)
    embeddings = sequences(rng)
    embeddings[1] = np.repeat(embeddings[1][:4], 3, axis=0)  # ties
    embeddings[2][:] = embeddings[2][0]  # collapsed
    tau, undefined = loop_tau(embeddings, stride, nan)
    result = F.kendalls_tau(embeddings, stride=stride, nan=nan)
    assert result.tau == pytest.approx(tau, abs=1e-12)
    assert result.nan_fraction == pytest.approx(undefined)
    assert result.num_pairs == 12


def test_tau_is_the_same_whatever_the_block_size(monkeypatch):
    embeddings = sequences(np.random.default_rng(0))
    expected = F.kendalls_tau(embeddings)
    monkeypatch.setattr(neighbors, 'BLOCK_ENTRIES', 1)
    assert F.kendalls_tau(embeddings) == expected


def test_tau_of_equal_and_reversed_sequences():
    walk = np.arange(8.0)[:, None] * [1, 2]
    assert F.kendalls_tau([walk, walk, walk + 0.1]).tau == 1
    assert F.kendalls_tau([walk, walk[::-1]]).tau == -1


@pytest.mark.parametrize('value', [0.0, 0.1, -1e6, 1e-30])
def test_a_collapsed_embedding_has_no_tau(value):
    collapsed = [np.full((n, 7), value, np.float32) for n in (5, 8, 13)]
    result = F.kendalls_tau(collapsed)
    assert result == (0, 1, 6)
    dropped = F.kendalls_tau(collapsed, nan='drop')
    assert np.isnan(dropped.tau)
    assert dropped.nan_fraction == 1


def test_sequences_collapsed_to_different_points_have_no_tau():
    rng = np.random.default_rng(0)
    collapsed = [
        np.tile(rng.normal(size=33), (n, 1)).astype(np.float32)
        for n in (5, 40, 71)
    ]
    assert F.kendalls_tau(collapsed) == (0, 1, 6)


def test_half_a_collapse_does_not_score():
    walk = np.arange(8.0)[:, None]
    point = np.zeros((8, 1))
    result = F.kendalls_tau([walk, walk, point, point])
    # Queries that are one point have one neighbor too: only 2 of 12 pairs
    # are left.
    assert result.nan_fraction == pytest.approx(10 / 12)
    assert result.tau == pytest.approx(2 / 12)
    dropped = F.kendalls_tau([walk, walk, point, point], nan='drop')
    assert dropped.tau == 1


def test_tau_leaves_out_sequences_without_an_order():
    rng = np.random.default_rng(0)
    embeddings = sequences(rng)
    single = rng.normal(size=(1, 6))
    assert F.kendalls_tau([*embeddings, single]) == F.kendalls_tau(embeddings)
    for few in ([], embeddings[:1], [embeddings[0], single]):
        result = F.kendalls_tau(few)
        assert np.isnan(result.tau)
        assert result.num_pairs == 0


@pytest.mark.parametrize('scale', [1.0, 1e-4, 1e4])
@pytest.mark.parametrize('offset', [0.0, 1e3])
def test_nearest_frames_are_those_of_cdist(scale, offset):
    rng = np.random.default_rng(0)
    # On a grid, so that many distances are exactly equal.
    candidates = [
        (offset + scale * rng.integers(0, 3, (n, 4))).astype(np.float32)
        for n in (20, 50)
    ]
    queries = (offset + scale * rng.integers(0, 3, (60, 4))).astype(np.float32)
    found = F.nearest_frames(queries, candidates)
    for column, candidate in enumerate(candidates):
        distances = cdist(
            queries.astype(np.float64),
            candidate.astype(np.float64),
            'sqeuclidean',
        )
        np.testing.assert_array_equal(
            found[:, column], distances.argmin(axis=1)
        )


def test_neighbors_closer_than_rounding_of_a_product():
    rng = np.random.default_rng(1)
    frames = 1 + 1e-6 * rng.normal(size=(40, 16))
    queries = 1 + 1e-6 * rng.normal(size=(30, 16))
    far = -100 * np.ones((3, 16))
    found = F.nearest_frames(queries, [frames, far])
    expected = cdist(queries, frames, 'sqeuclidean').argmin(axis=1)
    np.testing.assert_array_equal(found[:, 0], expected)


def loop_transfer(embeddings, phases, find):
    """Errors of what ``find`` takes for the frame of each event in others."""
    errors = []
    for a, phase_a in zip(embeddings, phases, strict=True):
        for b, phase_b in zip(embeddings, phases, strict=True):
            if a is b:
                continue
            for event in range(1, 5):
                if event not in phase_a or event not in phase_b:
                    continue
                start_a = list(phase_a).index(event)
                start_b = list(phase_b).index(event)
                if start_a == 0 or start_b == 0:
                    continue
                errors.append(abs(find(a, b, start_a) - start_b) / len(b))
    return np.array(errors)


def nearest_by_loop(a, b, frame):
    return int(np.argmin([np.sum((a[frame] - f) ** 2) for f in b]))


def middle_of_warping(a, b, frame):
    found = sorted(j for i, j in loop_warping(a, b) if i == frame)
    return found[(len(found) - 1) // 2]


def loop_warping(a, b):
    """Pairs of frames of dynamic time warping, by its definition."""
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            before = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
            cost[i + 1, j + 1] = np.sum((a[i] - b[j]) ** 2) + before
    i, j = len(a), len(b)
    pairs = []
    while i and j:
        pairs.append((i - 1, j - 1))
        steps = [(i - 1, j - 1), (i, j - 1), (i - 1, j)]
        i, j = min(steps, key=lambda step: cost[step])
    return pairs


@pytest.mark.parametrize(
    ('method', 'find'),
    [('nearest', nearest_by_loop), ('dtw', middle_of_warping)],
)
def test_transfer_error_equals_the_loop(method, find):
    rng = np.random.default_rng(0)
    embeddings = [s.astype(np.float64) for s in sequences(rng)]
    # One has no event, one is a single frame.
    embeddings += [rng.normal(size=(6, embeddings[0].shape[1]))]
    embeddings += [embeddings[-1][:1]]
    phases = [np.sort(rng.integers(0, 4, len(s))) for s in embeddings]
    phases[-2] = np.zeros(6, dtype=int)
    errors = loop_transfer(embeddings, phases, find)
    result = F.key_event_transfer_error(embeddings, phases, 0.2, method)
    assert result.num_events == len(errors) > 10
    assert result.median == pytest.approx(np.median(errors))
    assert result.within == pytest.approx((errors <= 0.2).mean())


def test_unknown_transfer():
    with pytest.raises(ValueError, match=r"method.*'best'"):
        F.key_event_transfer_error([], [], method='best')


@pytest.mark.parametrize('method', ['nearest', 'dtw'])
def test_transfer_to_and_from_copies_is_the_mean_over_them(method):
    """Also where order would tell the copies apart."""
    phase = np.repeat([0, 1], 4)
    clock = np.arange(8.0)[:, None]
    held = clock.copy()
    held[4:7] = held[4]
    pair = [clock, held], [phase, phase]
    result = F.key_event_transfer_error(*pair, 0, method)
    # To the held frame: 0, 1 or 2 frames off.
    there = [0, 1 / 8, 2 / 8]
    # Back from each of its copies.
    if method == 'nearest':
        back = [0, 0, 0]
    else:
        path = loop_warping(clock, held)
        back = [
            np.median([abs(i - 4) / 8 for i, j in path if j == copy])
            for copy in (4, 5, 6)
        ]
        assert max(back) > 0
    assert result.median == pytest.approx(np.mean([there, back]))
    hits = [np.equal(errors, 0).mean() for errors in (there, back)]
    assert result.within == pytest.approx(np.mean(hits))


@pytest.mark.parametrize('length', [8, 20, 33])
def test_warping_of_a_constant_is_at_chance(length):
    """Of the other sequence, too, however sound that one is."""
    phase = np.repeat([0, 1], [10, 10])
    flat_phase = np.repeat([0, 1], [length // 2, length - length // 2])
    clock, flat = np.arange(20.0)[:, None], np.full((length, 1), 7.0)
    result = F.key_event_transfer_error(
        [clock, flat], [phase, flat_phase], 0.05, 'dtw'
    )
    # A path is near the diagonal, on which both events are.
    assert result.median > 0.2
    assert result.within < 0.2


def test_transfer_of_a_perfect_alignment_and_of_none():
    phase = np.repeat([0, 1, 2], 5)
    clock = np.linspace(0, 1, 15)[:, None]
    perfect = F.key_event_transfer_error([clock, clock], [phase, phase])
    assert perfect == (0, 1, 4)


def test_transfer_of_a_collapsed_embedding_is_at_chance():
    # An early event, which the first frame would be close to.
    phase = np.repeat([0, 1], [1, 19])
    flat = np.zeros((20, 3))
    errors = np.abs(np.arange(20) - 1) / 20
    result = F.key_event_transfer_error([flat, flat], [phase, phase])
    assert result.median == pytest.approx(errors.mean())
    assert result.within == pytest.approx((errors <= 0.05).mean())


def test_transfer_to_one_of_two_copies():
    phase = np.repeat([0, 1], 4)
    clock = np.arange(8.0)[:, None]
    copied = clock.copy()
    copied[0] = copied[4]
    result = F.key_event_transfer_error([clock, copied], [phase, phase])
    # To the copied one: 0 or 4 frames off; back from it: none.
    assert result == (pytest.approx((0.25 + 0) / 2), 0.75, 2)


def test_transfer_without_a_common_event():
    clock = np.linspace(0, 1, 6)[:, None]
    unknown = np.full(6, -1)
    one = np.repeat([0, 1], 3)
    for phases in (
        [unknown, unknown],
        [one, unknown],
        [one, np.ones(6, int)],  # begins in the phase: no event seen
        [one, np.repeat([-1, 1], 3)],  # what came before is unknown
    ):
        result = F.key_event_transfer_error([clock, clock], phases)
        assert np.isnan(result.median)
        assert result.num_events == 0


def test_alignment_error_equals_the_loop():
    rng = np.random.default_rng(0)
    embeddings = [s.astype(np.float64) for s in sequences(rng)]
    times = [np.sort(rng.uniform(0, 50, len(s))) for s in embeddings]
    errors = []
    for i, a in enumerate(embeddings):
        for j, b in enumerate(embeddings):
            if i != j:
                for t, frame in enumerate(a):
                    found = np.argmin(((frame - b) ** 2).sum(axis=1))
                    errors.append(abs(times[i][t] - times[j][found]))
    result = F.alignment_error(embeddings, times)
    assert result.mean == pytest.approx(np.mean(errors))
    assert result.median == pytest.approx(np.median(errors))
    assert result.num_frames == len(errors)


def test_alignment_error_of_a_collapsed_embedding_is_at_chance():
    times = [np.arange(0.0, 30), np.arange(0.0, 30, 2)]
    flat = [np.full((len(t), 2), 0.7) for t in times]
    expected = np.abs(times[0][:, None] - times[1])
    result = F.alignment_error(flat, times)
    assert result.mean == pytest.approx(
        (expected.mean(1).sum() + expected.mean(0).sum()) / 45
    )


def test_values_of_tau_of_two_values():
    halves = np.repeat([0.0, 1.0], 10)[:, None]
    assert F.kendalls_tau([halves, halves]).tau == pytest.approx(
        100 / 190, abs=1e-12
    )
    assert F.kendalls_tau([halves, halves], nan='drop').tau > 0.7
    one_apart = np.repeat([0.0, 1.0], [1, 19])[:, None]
    assert F.kendalls_tau([one_apart, one_apart]).tau == pytest.approx(0.1)


def test_alignment_error_of_a_perfect_embedding_and_of_one_sequence():
    times = [np.arange(0.0, 10), np.arange(0.0, 10)]
    assert F.alignment_error([t[:, None] for t in times], times).mean == 0
    assert np.isnan(F.alignment_error([times[0][:, None]], times[:1]).mean)


@pytest.mark.parametrize(
    ('embeddings', 'message'),
    [
        ([np.zeros((3, 2)), np.full((3, 2), np.nan)], r'embeddings\[1\].*fin'),
        (
            [np.zeros((3, 2)), np.zeros((3, 4))],
            r'embeddings\[0\].*2.*4',
        ),
        ([np.zeros(3)], r'shape \(T, D\)'),
        ([np.zeros((0, 3))], 'at least one frame'),
    ],
)
def test_bad_embeddings_raise(embeddings, message):
    with pytest.raises(ValueError, match=message):
        F.kendalls_tau(embeddings)


def test_bad_arguments_raise():
    embeddings = sequences(np.random.default_rng(0))
    with pytest.raises(ValueError, match='stride'):
        F.kendalls_tau(embeddings, stride=0)
    with pytest.raises(ValueError, match=r"nan.*'keep'"):
        F.kendalls_tau(embeddings, nan='keep')
    with pytest.raises(ValueError, match='canonical_times'):
        F.alignment_error(embeddings, [np.zeros(9)])
    with pytest.raises(ValueError, match=r'phases\[1\].*\(14,\).*\(13,\)'):
        F.key_event_transfer_error(
            embeddings, [np.zeros(9), np.zeros(13), np.zeros(5), np.zeros(11)]
        )


# Where float32 cannot tell frames apart, where squares leave its range, and
# where steps are so small that many are within its rounding.
@pytest.mark.parametrize(
    ('scale', 'shift'), [(1, 0), (1e25, 0), (1e-25, 0), (1, 1e4), (1e-3, 1)]
)
def test_neighbors_are_those_of_scipy(scale, shift):
    rng = np.random.default_rng(2)
    frames = [
        (np.cumsum(rng.normal(size=(n, 40)), axis=0) * scale + shift).astype(
            np.float32
        )
        for n in (90, 70, 50)
    ]
    found = F.nearest_frames(frames[0], frames[1:])
    for column, other in enumerate(frames[1:]):
        distances = cdist(
            *(x.astype(np.float64) for x in (frames[0], other)), 'sqeuclidean'
        )
        assert np.array_equal(found[:, column], distances.argmin(axis=1))


def test_tau_of_long_sequences_with_many_ties():
    rng = np.random.default_rng(3)
    order = np.sort(rng.integers(0, 40_000, (3, 300)), axis=1)
    order[:, ::7] = order[:, :1]
    found = F.alignment._rank_correlation(
        order, np.zeros_like(order, dtype=bool), np.arange(300)
    )
    expected = [kendalltau(np.arange(300), row).statistic for row in order]
    assert found == pytest.approx(expected, abs=1e-12)
