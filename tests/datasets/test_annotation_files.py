import io
import json
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest

from masa.datasets.annotation import (
    AnnotationError,
    load_annotations,
    save_annotations,
)
from masa.datasets.plain_pickle import load_plain_pickle
from masa.datasets.schema import check_annotations


@pytest.fixture
def annotations():
    rng = np.random.default_rng(0)
    return dict(
        split=dict(train=['a'], val=['b']),
        annotations=[
            dict(
                frame_dir=name,
                total_frames=frames,
                label=label,
                keypoint=rng.normal(size=(1, frames, 3, 2)).astype(np.float32),
                keypoint_score=np.ones((1, frames, 3), dtype=np.float32),
                phase=np.arange(frames),
                canonical_time=np.linspace(0, 1, frames, dtype=np.float32),
                img_shape=[480, 640],
            )
            for name, frames, label in (('a', 4, 0), ('b', 7, 1))
        ],
        activities=['jump', 'räkeln'],
        phases=dict(jump=['start', 'up']),
        skeleton=dict(joints=['x', 'y', 'z'], root=0, torso=[0, [1, 2]]),
    )


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_round_trip_keeps_values_and_types(suffix, annotations, tmp_path):
    path = tmp_path / 'a folder' / f'data{suffix}'
    save_annotations(annotations, path)
    assert_same(load_annotations(path), annotations)


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_same_annotations_give_same_bytes(suffix, annotations, tmp_path):
    one, other = tmp_path / f'1{suffix}', tmp_path / f'2{suffix}'
    save_annotations(annotations, one)
    save_annotations(annotations, other)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize('suffix', ['.npz', '.json'])
def test_numpy_scalars_become_numbers(suffix, tmp_path):
    path = tmp_path / f'data{suffix}'
    save_annotations(dict(label=np.int64(3), ok=np.bool_(True)), path)
    assert load_annotations(path) == dict(label=3, ok=True)


@pytest.mark.parametrize('suffix', ['.npz', '.json'])
def test_what_a_format_cannot_hold_is_refused(suffix, tmp_path):
    path = tmp_path / f'data{suffix}'
    with pytest.raises(AnnotationError, match=path.name):
        save_annotations(dict(annotations={1, 2}), path)
    assert list(tmp_path.iterdir()) == []


def test_npz_refuses_object_arrays(tmp_path):
    with pytest.raises(AnnotationError, match='objects'):
        save_annotations(
            dict(x=np.array([None], dtype=object)), tmp_path / 'x.npz'
        )


@pytest.mark.parametrize('protocol', range(6))
def test_pickle_of_any_protocol(protocol, tmp_path):
    content = dict(
        array=np.arange(6, dtype=np.float32).reshape(2, 3),
        fortran=np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        empty=np.zeros((0, 2)),
        names=np.array(['a', 'bc']),
        objects=np.array([None, 'x'], dtype=object),
        scalar=np.float32(1.5),
        flag=np.bool_(True),
        text=np.str_('id'),
        many=(1, 2.5, None, True, 'ä', b'\x00\xff', b''),
        sets=({1, 2}, frozenset({3})),
        array_of_bytes=bytearray(b'ab'),
    )
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = load_plain_pickle(path)
    assert found.keys() == content.keys()
    for key, value in content.items():
        assert type(found[key]) is type(value)
        if isinstance(value, np.ndarray):
            assert found[key].dtype == value.dtype
            assert found[key].flags.writeable
            np.testing.assert_array_equal(found[key], value)
        else:
            assert found[key] == value


@pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
@pytest.mark.parametrize('protocol', [2, 5])
def test_pickles_of_numpy_1_and_2_are_read(core, protocol, tmp_path):
    content = dict(x=np.arange(3.0), y=np.float32(2))
    # Protocols up to 3 write names as lines, later ones with their length.
    stream = pickle.dumps(content, protocol=protocol)
    for name in (b'numpy._core', b'numpy.core'):
        for tail in (b'.multiarray', b'.numeric'):
            old, new = name + tail, core + tail
            stream = stream.replace(
                bytes([len(old)]) + old, bytes([len(new)]) + new
            ).replace(b'c' + old + b'\n', b'c' + new + b'\n')
    # A frame's length would have changed with the names.
    frame = stream.find(b'\x95')
    if frame == 2:
        stream = stream[:frame] + stream[frame + 9 :]
    assert core + b'.' in stream
    path = tmp_path / 'data.pkl'
    path.write_bytes(stream)
    found = load_plain_pickle(path)
    np.testing.assert_array_equal(found['x'], content['x'])
    assert found['y'] == 2


class _Payload:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ('payload', 'name'),
    [
        (lambda mark: _Payload(os.system, f'touch {mark}'), 'system'),
        (lambda mark: _Payload(open, str(mark), 'w'), 'open'),
        (lambda mark: _Payload(eval, f'open({str(mark)!r}, "w")'), 'eval'),
        (lambda mark: _Payload(getattr, mark, 'touch'), 'getattr'),
        (lambda mark: _Payload(np.save, str(mark), 1), 'save'),
        (lambda mark: _Payload(np.load, str(mark)), 'load'),
    ],
)
def test_malicious_pickle_is_refused_and_not_run(payload, name, tmp_path):
    mark = tmp_path / 'mark'
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(dict(split={}, annotations=[payload(mark)])))
    with pytest.raises(AnnotationError, match=name) as error:
        load_annotations(path)
    assert str(path) in str(error.value)
    assert list(tmp_path.iterdir()) == [path]


def test_malicious_object_array_is_refused_and_not_run(tmp_path):
    mark = tmp_path / 'mark'
    inside = np.array([_Payload(os.mkdir, str(mark))], dtype=object)
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(dict(annotations=inside)))
    with pytest.raises(AnnotationError, match='mkdir'):
        load_annotations(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    'payload',
    [
        # Object pointers made of bytes.
        _Payload(np.ndarray, (1,), np.dtype('O'), b'A' * 8),
        _Payload(np.float32(0).__reduce__()[0], np.dtype('V8'), b'A' * 8),
        # Codecs are modules that are imported by name.
        _Payload(__import__('_codecs').encode, 'x', 'rot13'),
    ],
    ids=['pointers', 'void', 'codec'],
)
def test_admitted_names_cannot_be_misused(payload, tmp_path):
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(dict(annotations=payload)))
    with pytest.raises(AnnotationError, match=r'data\.pkl'):
        load_annotations(path)


def test_npz_with_a_pickle_inside_is_refused_and_not_run(tmp_path):
    mark = tmp_path / 'mark'
    inside = np.array([_Payload(os.mkdir, str(mark))], dtype=object)
    path = tmp_path / 'data.npz'
    np.savez(path, header=inside)
    with pytest.raises(AnnotationError, match=r'data\.npz'):
        load_annotations(path)
    assert not mark.exists()


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.99])
def test_truncated_file_is_named(suffix, share, annotations, tmp_path):
    path = tmp_path / f'data{suffix}'
    save_annotations(annotations, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AnnotationError, match='data'):
        load_annotations(path)


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_damaged_file_raises_nothing_else(suffix, annotations, tmp_path):
    path = tmp_path / f'data{suffix}'
    save_annotations(annotations, path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(100):
        damaged = bytearray(content)
        damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_annotations(path)
        except AnnotationError as error:
            messages.append(str(error))
    assert messages
    assert all(str(path) in message for message in messages)


@pytest.mark.parametrize('content', [[1, 2], 'text', None])
@pytest.mark.parametrize('suffix', ['.pkl', '.json'])
def test_anything_but_a_dict_is_refused(suffix, content, tmp_path):
    path = tmp_path / f'data{suffix}'
    dumps = pickle.dumps if suffix == '.pkl' else json.dumps
    stream = dumps(content)
    path.write_bytes(stream if isinstance(stream, bytes) else stream.encode())
    with pytest.raises(AnnotationError, match='a dict'):
        load_annotations(path)


@pytest.mark.parametrize(
    'value', [[[1, 2], [3]], ['1', '2'], [None, 1], [10**400], 5, 'x', {}]
)
def test_json_that_is_no_array_is_left_for_the_checks(value, tmp_path):
    path = tmp_path / 'data.json'
    record = dict(frame_dir='seq', total_frames=2, keypoint=value)
    path.write_text(json.dumps(dict(annotations=[record])))
    annotations = load_annotations(path)
    assert annotations['annotations'][0]['keypoint'] == value
    (problem,) = check_annotations(annotations)
    assert problem[:2] == ('seq', 'keypoint')


def test_npz_that_lacks_an_array_is_named(tmp_path):
    header = json.dumps(dict(x={'__array__': 'array_7'})).encode()
    buffer = io.BytesIO()
    np.savez(buffer, header=np.frombuffer(header, dtype=np.uint8))
    path = tmp_path / 'data.npz'
    path.write_bytes(buffer.getvalue())
    with pytest.raises(AnnotationError, match='array_7'):
        load_annotations(path)


@pytest.mark.parametrize('function', [load_annotations, save_annotations])
def test_unknown_suffix_is_refused(function, tmp_path):
    path = tmp_path / 'data.txt'
    args = ({}, path) if function is save_annotations else (path,)
    with pytest.raises(AnnotationError, match=path.name):
        function(*args)


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_missing_file(suffix, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_annotations(tmp_path / f'none{suffix}')


def test_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'data.json'
    path.write_text('old')

    def fail(*args):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='disk full'):
        save_annotations({}, path)
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != 'posix', reason='POSIX permissions')
def test_written_file_has_ordinary_permissions(tmp_path):
    path = tmp_path / 'data.json'
    reference = tmp_path / 'reference'
    save_annotations({}, path)
    Path(reference).write_bytes(b'{}')
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(
        reference.stat().st_mode
    )


def test_malicious_npz_is_refused_and_not_run(tmp_path):
    mark = tmp_path / 'mark'
    path = tmp_path / 'data.npz'
    objects = np.array([_Payload(os.mkdir, str(mark))], dtype=object)
    np.savez(path, header=np.zeros(1, np.uint8), array_0=objects)
    with pytest.raises(AnnotationError, match='objects'):
        load_annotations(path)
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as archive:
        archive['array_0']
    # It would have been.
    assert mark.exists()
