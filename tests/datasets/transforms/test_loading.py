import pickle

import numpy as np
import pytest

from masa.datasets.transforms import LoadFrameFeatures


@pytest.fixture
def load(tmp_path):
    """Return a function that stores something and loads it."""

    def load(array, **changes):
        path = tmp_path / 'ein Weg mit Ü.npy'
        if isinstance(array, bytes):
            path.write_bytes(array)
        else:
            np.save(path, array)
        sample = dict(feature_path=str(path), frame_dir='clip 1', **changes)
        return LoadFrameFeatures()(sample)

    return load


@pytest.mark.parametrize('dtype', ['<f2', '<f4', '>f4'])
@pytest.mark.parametrize('order', ['C', 'F'])
def test_maps_the_file(load, dtype, order):
    array = np.arange(12).reshape(4, 3).astype(dtype, order=order)

    feature = load(array, total_frames=4)['feature']

    assert isinstance(feature, np.memmap)
    assert feature.dtype == np.dtype(dtype)
    assert np.array_equal(feature, array)
    with pytest.raises(ValueError, match='read-only'):
        feature[0, 0] = 1


def test_length_becomes_known(load):
    assert load(np.zeros((5, 2), np.float32))['total_frames'] == 5


def test_length_that_differs(load):
    with pytest.raises(ValueError, match=r"Ü\.npy' .*'clip 1' .*6.*5"):
        load(np.zeros((5, 2), np.float32), total_frames=6)


@pytest.mark.parametrize('shape', [(5,), (1, 5, 2), (5, 0), (0, 2)])
def test_shape(load, shape):
    # Some versions of NumPy map no empty file, others do.
    with pytest.raises(ValueError, match=r"Ü\.npy'"):
        load(np.zeros(shape, np.float32))


@pytest.mark.parametrize('dtype', [np.float64, np.int32, np.uint8])
def test_type(load, dtype):
    with pytest.raises(ValueError, match=f'holds {np.dtype(dtype)}'):
        load(np.zeros((5, 2), dtype))


@pytest.mark.parametrize('kept', [0, 5, 60, 140])
def test_a_file_that_is_cut_off(load, tmp_path, kept):
    np.save(tmp_path / 'whole.npy', np.zeros((5, 2), np.float32))
    content = (tmp_path / 'whole.npy').read_bytes()

    with pytest.raises(ValueError, match=r"Ü\.npy'"):
        load(content[:kept])


def test_pickles_are_not_run(load):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ('a pickle was run',)

    with pytest.raises(ValueError, match=r"Ü\.npy'"):
        load(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"Ü\.npy'"):
        load(np.array([[None]], dtype=object))


def test_archive(load, tmp_path):
    np.savez(tmp_path / 'a.npz', np.zeros((5, 2), np.float32))

    with pytest.raises(ValueError, match=r"Ü\.npy'"):
        load((tmp_path / 'a.npz').read_bytes())


def test_no_such_file(tmp_path):
    sample = dict(feature_path=tmp_path / 'gone.npy', frame_dir='clip 1')

    with pytest.raises(FileNotFoundError, match=r"gone\.npy' .* 'clip 1'"):
        LoadFrameFeatures()(sample)


def test_no_path():
    with pytest.raises(KeyError, match="requires 'feature_path'"):
        LoadFrameFeatures()(dict(frame_dir='clip 1'))


def test_repr():
    assert repr(LoadFrameFeatures()) == 'LoadFrameFeatures()'
