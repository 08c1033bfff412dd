import json
import sys

import numpy as np
import pytest

from masa.alignment import retrieve_frames
from masa.apis import FrameIndex

LENGTHS = (30, 1, 17, 44, 8)
NAMES = [f'clip{i}' for i in range(len(LENGTHS))]
WIDTH = 6


def random_sequences(offset=0.0, scale=1.0):
    rng = np.random.default_rng(0)
    return [
        (scale * rng.normal(size=(n, WIDTH)) + offset).astype(np.float32)
        for n in LENGTHS
    ]


def brute_force(query, sequences, k, exclude=None):
    """(distance, sequence, frame) of the nearest, by the definition."""
    everything = [
        (np.square(query.astype(np.float64) - frame).sum(), s, t)
        for s, sequence in enumerate(sequences)
        for t, frame in enumerate(sequence)
        if s != exclude
    ]
    return sorted(everything)[:k]


def found(matches, row=0):
    columns = matches.distance, matches.sequence, matches.frame
    return [tuple(m) for m in zip(*(c[row] for c in columns), strict=True)]


@pytest.mark.parametrize('exclude', [None, 3])
# Far from the origin, float32 tells none of the frames apart.
@pytest.mark.parametrize(('offset', 'scale'), [(0, 1), (300, 0.01)])
def test_it_finds_what_float64_finds(exclude, offset, scale):
    sequences = random_sequences(offset, scale)
    index = FrameIndex(NAMES, sequences)
    queries = sequences[3]
    matches = index.search(queries, 7, exclude and NAMES[exclude])
    assert matches.frame.shape == (44, 7)
    for row, query in enumerate(queries):
        expected = brute_force(query, sequences, 7, exclude)
        assert [m[1:] for m in found(matches, row)] == [
            m[1:] for m in expected
        ]
        np.testing.assert_allclose(
            matches.distance[row], [m[0] for m in expected], atol=1e-12
        )


def test_equally_near_frames_come_in_order():
    sequences = [np.ones((n, WIDTH)) for n in LENGTHS]
    matches = FrameIndex(NAMES, sequences).search(np.zeros((1, WIDTH)), 40)
    assert matches.frame[0].tolist() == [*range(30), 0, *range(9)]
    assert matches.sequence[0].tolist() == [0] * 30 + [1] + [2] * 9


@pytest.mark.parametrize('k', [1, 3, 9])
@pytest.mark.parametrize('exclude', [None, 'clip2'])
def test_one_frame_a_sequence(k, exclude):
    sequences = random_sequences()
    # One that would fill every list.
    sequences[3] = sequences[0][:1] + 0.001 * sequences[3]
    index = FrameIndex(NAMES, sequences)
    others = [i for i, name in enumerate(NAMES) if name != exclude]
    for query in sequences[2][::5], sequences[0][:1]:
        for frame in query:
            expected = retrieve_frames(
                frame, [sequences[i] for i in others], k
            )
            actual = index.retrieve(frame, k, exclude)
            assert [(m.sequence, m.frame) for m in actual] == [
                (others[m.sequence], m.frame) for m in expected
            ]
            assert [m.distance for m in actual] == pytest.approx(
                [m.distance for m in expected]
            )


def test_fewer_where_there_are_no_more():
    sequences = random_sequences()
    index = FrameIndex(NAMES, sequences)
    assert index.search(sequences[0], 1000).frame.shape == (30, 100)
    assert index.search(sequences[0], 1000, 'clip0').frame.shape == (30, 70)
    alone = FrameIndex(NAMES[:1], sequences[:1])
    assert alone.search(sequences[0], 3, 'clip0').frame.shape == (30, 0)
    assert alone.retrieve(sequences[0][0], 3, 'clip0') == []


@pytest.mark.parametrize('factory', ['Flat', 'IVF4,Flat', 'HNSW8,Flat'])
def test_it_is_kept_and_grows(tmp_path, factory):
    sequences = random_sequences()
    index = FrameIndex(NAMES[:4], sequences[:4], factory)
    index.save(tmp_path / 'some.faiss')
    loaded = FrameIndex.load(tmp_path / 'some.faiss')
    for one in (index, loaded):
        one.add(NAMES[4:], sequences[4:])
        assert len(one) == 100
        assert one.names == NAMES
    whole = FrameIndex(NAMES, sequences, factory)
    assert loaded.is_exact == (factory == 'Flat')
    for one in (index, loaded):
        actual = one.search(sequences[4], 3)
        if factory == 'Flat':
            np.testing.assert_array_equal(
                actual, whole.search(sequences[4], 3)
            )
        # Whatever it misses, a frame is nearest to itself.
        assert (actual.sequence[:, 0] == 4).all()
        assert (actual.frame[:, 0] == np.arange(8)).all()
        assert (actual.distance[:, 0] == 0).all()


def test_parameters_make_an_approximate_index_complete(tmp_path):
    sequences = random_sequences()
    exact = FrameIndex(NAMES, sequences).search(sequences[0], 5, 'clip0')
    index = FrameIndex(NAMES, sequences, 'IVF4,Flat', 'nprobe=4')
    np.testing.assert_array_equal(
        index.search(sequences[0], 5, 'clip0'), exact
    )
    index.save(tmp_path / 'i.faiss')
    few = FrameIndex.load(tmp_path / 'i.faiss', 'nprobe=1')
    some = few.search(sequences[0], 60, 'clip0')
    # What it does not find is marked.
    assert (some.sequence[:, -1] == -1).any()
    assert np.isinf(some.distance[some.frame == -1]).all()
    assert len(few.retrieve(sequences[0][0], 5, 'clip0')) >= 1


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda i: i.search(np.ones((1, 6)), 0), 'k .*0'),
        (lambda i: i.search(np.ones((1, 5)), 1), '6 values.*5'),
        (lambda i: i.search(np.ones(6), 1), r'queries\[0\].*\(6,\)'),
        (lambda i: i.search(np.ones((1, 6)), 1, 'x'), "no sequence 'x'"),
        (lambda i: i.add(['clip0'], [np.ones((2, 6))]), 'more than once'),
        (lambda i: i.add(['new'], [np.ones((2, 5))]), '6 values.*5'),
        (lambda i: i.add(['new'], [np.full((2, 6), np.nan)]), 'finite'),
        (lambda i: i.save('index.bin'), r'\.faiss.*index\.bin'),
        (lambda i: FrameIndex([], []), 'sequences'),
    ],
)
def test_wrong_uses_are_told(call, message):
    index = FrameIndex(NAMES, random_sequences())
    with pytest.raises(ValueError, match=message):
        call(index)
    assert len(index) == 100


def test_files_must_belong_together(tmp_path):
    path = tmp_path / 'a.faiss'
    FrameIndex(NAMES, random_sequences()).save(path)
    described = json.loads(path.with_suffix('.json').read_text())
    described['ends'][-1] += 1
    path.with_suffix('.json').write_text(json.dumps(described))
    with pytest.raises(ValueError, match=r'100 frames.*101'):
        FrameIndex.load(path)
    path.with_suffix('.json').unlink()
    with pytest.raises(FileNotFoundError, match=r'a\.json'):
        FrameIndex.load(path)


def test_without_faiss_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'faiss', None)
    with pytest.raises(ImportError, match=r'\[index\]'):
        FrameIndex(NAMES, random_sequences())
