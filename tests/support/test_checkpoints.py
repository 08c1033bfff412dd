import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch
from payload import Payload
from safetensors.torch import save
from torch import nn

from masa.support.checkpoints import (
    CheckpointError,
    check_fit,
    read_checkpoint,
    save_weights,
    weights_of,
)


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'epoch_2.pth'
    checkpoint = dict(meta=dict(epoch=2), state_dict=model().state_dict())
    torch.save(checkpoint, path)
    return path


def outcome(path):
    """Return what is read as bytes, or None if it is refused."""
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        text = str(error)
        assert str(path) in text
        assert 'another one' in text
        assert '\n' not in text
        return None
    weights = weights_of(checkpoint, path)
    return {key: value.tolist() for key, value in weights.items()}


@pytest.mark.parametrize('share', [0, 0.1, 0.5, 0.9, 0.99])
def test_cut_off_files_are_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert outcome(path) is None


def test_no_flipped_byte_changes_what_is_read(path):
    content, expected = path.read_bytes(), outcome(path)
    assert expected is not None
    refused, rng = 0, np.random.default_rng(0)
    places = rng.permutation(len(content))[:400]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        found = outcome(path)
        # Dates and padding carry nothing.
        assert found is None or found == expected, place
        refused += found is None
    assert refused > 100


def test_a_flipped_weight_is_seen(path):
    content = path.read_bytes()
    value = model().state_dict()['0.weight'].numpy().tobytes()
    place = content.index(value)
    path.write_bytes(
        content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    )
    # PyTorch takes it as it is.
    torch.load(path, weights_only=True)
    with pytest.raises(CheckpointError, match='data'):
        read_checkpoint(path)


@pytest.mark.parametrize(
    'content',
    [b'PK', b'not a checkpoint', b'\x80\x02', bytes(1000), b'{"a": 1}'],
)
def test_other_files_are_refused(path, content):
    path.write_bytes(content)
    assert outcome(path) is None


def test_an_archive_of_something_else(path):
    np.savez(path.with_suffix('.npz'), a=np.zeros(3))
    path.with_suffix('.npz').rename(path)
    assert outcome(path) is None
    with zipfile.ZipFile(path, 'w'):
        pass
    assert outcome(path) is None


@pytest.mark.parametrize('content', [[], {}, dict(state_dict={}), dict(a=1)])
def test_files_without_weights_are_refused(path, content):
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=path.name):
        read_checkpoint(path)


def test_weights_alone_and_prefixes(path):
    named = {f'module.{k}': v for k, v in model().state_dict().items()}
    torch.save(named, path)
    weights = weights_of(read_checkpoint(path), path, [('^1', 'last')])
    assert list(weights) == ['0.weight', '0.bias', 'last.weight', 'last.bias']


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.pth'):
        read_checkpoint(tmp_path / 'none.pth')
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path)


def test_the_files_beside_it_are_named(path):
    path.with_name('epoch_1.pth').touch()
    path.write_bytes(b'')
    with pytest.raises(CheckpointError, match=r'epoch_1\.pth'):
        read_checkpoint(path)


class TestSafetensors:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / 'model.safetensors'
        save_weights(model().state_dict(), path, dict(skeleton='{"root": 0}'))
        return path

    def test_weights_and_layout(self, path):
        checkpoint = read_checkpoint(path)
        weights = weights_of(checkpoint, path)
        torch.testing.assert_close(
            dict(weights), dict(model().state_dict()), rtol=0, atol=0
        )
        assert checkpoint['meta']['dataset_meta'] == dict(skeleton={'root': 0})
        check_fit(weights, model(), path)
        assert path.stat().st_mode & 0o044

    @pytest.mark.parametrize('share', [0, 0.1, 0.9, 0.99])
    def test_cut_off_files_are_refused(self, path, share):
        path.with_name('other.safetensors').touch()
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(CheckpointError, match='other') as caught:
            read_checkpoint(path)
        assert str(path) in str(caught.value)

    def test_a_flipped_weight_is_seen(self, path):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match='checksum'):
            read_checkpoint(path)

    def test_files_of_other_makers(self, path):
        path.write_bytes(save(dict(model().state_dict())))
        check_fit(weights_of(read_checkpoint(path), path), model(), path)
        path.write_bytes(save({}))
        with pytest.raises(CheckpointError, match='weights'):
            read_checkpoint(path)

    def test_without_the_package(self, path, monkeypatch):
        monkeypatch.setitem(sys.modules, 'safetensors', None)
        monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
        with pytest.raises(ImportError, match='train'):
            read_checkpoint(path)


class TestCode:
    @pytest.fixture(params=['archive', 'legacy', 'pickle'])
    def carrier(self, request, path, tmp_path):
        """A file that runs code, and the folder that it would make."""
        mark = tmp_path / 'mark'
        content = dict(state_dict=model().state_dict(), extra=Payload(mark))
        if request.param == 'pickle':
            path.write_bytes(pickle.dumps(dict(extra=Payload(mark))))
        else:
            torch.save(
                content,
                path,
                _use_new_zipfile_serialization=request.param == 'archive',
            )
        return path, mark

    def test_it_is_not_run(self, carrier, monkeypatch):
        path, mark = carrier
        # What is widely advised, so that MMEngine's files load.
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        with pytest.raises(CheckpointError, match='--unsafe-load'):
            read_checkpoint(path)
        assert not mark.exists()

    def test_it_is_run_where_that_is_asked_for(self, path, tmp_path):
        mark = tmp_path / 'mark'
        torch.save(
            dict(state_dict=model().state_dict(), extra=Payload(mark)), path
        )
        read_checkpoint(path, unsafe=True)
        assert mark.exists()


class TestFit:
    def test_equal(self):
        check_fit(model().state_dict(), model(), 'a.pth')

    def test_what_does_not_fit_is_named(self):
        weights = dict(model().state_dict())
        del weights['0.weight']
        weights['1.weight'] = torch.zeros(2, 5)
        weights.update({f'head.{i}': torch.zeros(1) for i in range(5)})
        with pytest.raises(CheckpointError) as caught:
            check_fit(weights, model(), 'a.pth')
        text = str(caught.value)
        for part in (
            *('a.pth is not of this config', 'missing: 0.weight'),
            'not in the model: head.0, head.1, head.2 and 2 more',
            'of another shape: 1.weight (2, 5), expected (2, 3)',
            '--load-partial',
        ):
            assert part in text

    def test_partial(self):
        weights = dict(model().state_dict(), head=torch.zeros(1))
        del weights['0.weight']
        check_fit(weights, model(), 'a.pth', partial=True)
        with pytest.raises(CheckpointError, match=r'a\.pth'):
            check_fit(
                dict(head=torch.zeros(1)), model(), 'a.pth', partial=True
            )
