"""What holds for any annotations, and for any change to valid ones."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from mmengine.dataset import pseudo_collate
from valid_annotations import PIPELINE, make_valid, write_features

from masa.datasets import (
    AnnotationError,
    SequenceDataset,
    check_annotations,
    load_annotations,
    save_annotations,
)
from masa.models import SequenceDataPreprocessor

NAMES = st.lists(
    st.text(st.characters(exclude_categories=['Cs']), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
    unique=True,
)
FLOATS = st.floats(-1e6, 1e6, width=32)


@st.composite
def valid_annotations(draw):
    """Any annotations without a problem, every field present or not."""
    ids, activities = draw(NAMES), draw(NAMES)
    joints = draw(st.integers(1, 4))
    coordinates = draw(st.sampled_from([2, 3]))
    has_phases, has_scores = draw(st.booleans()), draw(st.booleans())
    has_features = draw(st.booleans())
    records = []
    for name in ids:
        frames = draw(st.integers(1, 6))
        shape = (draw(st.integers(1, 2)), frames, joints, coordinates)
        keypoint = draw(st_numpy.arrays(np.float32, shape, elements=FLOATS))
        # All zeros would say that no joint was found.
        keypoint.flat[0] = 1
        record = dict(
            frame_dir=name,
            total_frames=frames,
            label=draw(st.integers(0, len(activities) - 1)),
            keypoint=keypoint,
        )
        if has_scores:
            record['keypoint_score'] = np.full(shape[:3], 0.5, np.float32)
        if has_phases:
            record['phase'] = draw(
                st_numpy.arrays(np.int64, frames, elements=st.integers(-1, 2))
            )
        if has_features:
            record['feature_path'] = f'{name}.npy'
        records.append(record)
    cut = draw(st.integers(0, len(ids) - 1))
    annotations = dict(
        split=dict(val=ids[cut:], **(dict(train=ids[:cut]) if cut else {})),
        annotations=records,
        activities=activities,
    )
    if has_phases and draw(st.booleans()):
        annotations['phases'] = {one: ['x', 'y', 'z'] for one in activities}
    return annotations


def same(one, other):
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and np.array_equal(one, other)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same(one[key], other[key]) for key in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_round_trip(suffix, tmp_path):
    path = tmp_path / f'data{suffix}'

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(valid_annotations())
    def check(annotations):
        assert check_annotations(annotations) == []
        save_annotations(annotations, path)
        assert same(load_annotations(path), annotations)

    check()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.sampled_from([2**31, -(2**31), 2**63, 10**400])
    | st.floats(width=32)
    | st.sampled_from([1e300, float('nan'), float('-inf')])
    | st.text(max_size=3)
    | st.sampled_from(['a', 'train', '../x.npy', '\ud800', '\0'])
    | st.binary(max_size=3)
)
ARRAYS = st_numpy.arrays(
    st.sampled_from(
        ['f2', 'f4', '>f8', 'i1', 'u8', 'i8', '?', 'c8', 'U2', 'O']
    ),
    st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)
KEYS = st.text(max_size=2) | st.integers()
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text(max_size=2) | st.integers(), inner, max_size=2
        )
    ),
    max_leaves=4,
)


def places(value):
    """All places of a structure: what holds it, and its key there."""
    keys = range(len(value)) if isinstance(value, list) else list(value)
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


@st.composite
def mutations(draw):
    """Valid annotations with one thing removed, doubled or replaced."""
    annotations = make_valid()
    parent, key = draw(st.sampled_from(list(places(annotations))))
    value = parent[key]
    kind = draw(st.sampled_from(['remove', 'double', 'replace', 'change']))
    if kind == 'remove':
        del parent[key]
    elif kind == 'double' and isinstance(parent, list):
        parent.append(copy.deepcopy(value))
    elif kind == 'change' and isinstance(value, np.ndarray):
        axis = draw(st.integers(0, value.ndim - 1))
        changed = draw(
            st.sampled_from(
                [
                    value.astype(
                        draw(st.sampled_from(['f2', 'f8', 'i8', 'U9']))
                    ),
                    np.take(value, [], axis),
                    np.concatenate([value, value], axis),
                    np.zeros_like(value),
                    -value,
                    value * 1e30,
                    np.moveaxis(value, axis, 0),
                ]
            )
        )
        parent[key] = changed
    else:
        parent[key] = draw(VALUES)
    return annotations


def test_any_change_is_valid_or_refused(tmp_path):
    """No other exception, neither at once nor later in the pipeline."""
    write_features(tmp_path)
    path = tmp_path / 'data.pkl'
    refused, valid = [], []

    @settings(max_examples=120, deadline=None, derandomize=True)
    @given(mutations())
    def check(annotations):
        path.write_bytes(pickle.dumps(annotations))
        try:
            dataset = SequenceDataset(
                str(path), PIPELINE, data_prefix=dict(feature=str(tmp_path))
            )
        except AnnotationError as error:
            refused.append(str(error))
            return
        dataset.set_random_key(0, 0)
        batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
        for view in SequenceDataPreprocessor()(batch, training=True)['inputs']:
            assert view.values.isfinite().all()
        valid.append(len(batch['inputs']))

    check()
    assert len(valid) > 4
    assert len(refused) > 10
    assert all(str(path) in message for message in refused)


@st.composite
def batches(draw):
    """Sequences of any lengths, one of them far longer than the others."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    return lengths, draw(st.integers(10, 40)), draw(st.integers(0, 2**31 - 1))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(batches())
def test_padding_changes_no_sequence(drawn):
    lengths, longest, seed = drawn
    generator = torch.Generator().manual_seed(seed)
    samples = [
        dict(
            inputs=[
                dict(
                    values=torch.randn(n, 3, generator=generator),
                    frame_index=torch.arange(n) * 2,
                    num_frames=2 * n,
                )
            ],
            data_samples=None,
        )
        for n in (*lengths, longest)
    ]

    def prepared(chosen):
        batch = pseudo_collate(chosen)
        return SequenceDataPreprocessor()(batch)['inputs'][0]

    together = prepared(samples)
    for row, sample in enumerate(samples):
        alone = prepared([sample])
        n = len(sample['inputs'][0]['values'])
        assert alone.mask.all()
        assert together.mask[row].tolist() == [True] * n + [False] * (
            longest - n
        )
        assert torch.equal(together.values[row, :n], alone.values[0])
        assert torch.equal(together.frame_index[row, :n], alone.frame_index[0])
        assert together.num_frames[row] == alone.num_frames[0]
        # Where there is no frame there is nothing to leak.
        assert not together.values[row, n:].any()
