import numpy as np
import pytest

from masa.extraction.npy_writer import NpyWriter


@pytest.mark.parametrize('dtype', ['float16', 'float32'])
@pytest.mark.parametrize('lengths', [[1], [3, 3, 2], [1000, 5]])
def test_bytes_are_those_of_numpy(tmp_path, dtype, lengths):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 7)).astype(np.float32) for n in lengths]
    with NpyWriter(tmp_path / 'a.npy', dtype) as writer:
        for some in rows:
            writer.append(some)
    assert writer.shape == (sum(lengths), 7)
    np.save(tmp_path / 'b.npy', np.concatenate(rows).astype(dtype))
    written = (tmp_path / 'a.npy').read_bytes()
    assert written == (tmp_path / 'b.npy').read_bytes()


def test_unfinished_file_is_no_array(tmp_path):
    def fail():
        with NpyWriter(tmp_path / 'a.npy', 'float32') as writer:
            writer.append(np.ones((2, 3)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with pytest.raises(ValueError, match='pickle'):
        np.load(tmp_path / 'a.npy', allow_pickle=False)


def test_rows_of_another_width(tmp_path):
    with NpyWriter(tmp_path / 'a.npy', 'float32') as writer:
        writer.append(np.ones((2, 3)))
        with pytest.raises(ValueError, match=r'3 .*4'):
            writer.append(np.ones((2, 4)))
