import os
from pathlib import Path

import numpy as np
import pytest
import torch

from masa.extraction.errors import SequenceError
from masa.extraction.feature_model import build_model, describe_model
from masa.extraction.features import extract_features
from masa.extraction.frames import FrameReader
from masa.extraction.sequences import MediaSequence

pytest.importorskip('timm', reason='needs the extra "features"')
pytest.importorskip('av', reason='needs the extra "features"')
from video_files import make_frames, write_video


@pytest.fixture(scope='module')
def model():
    settings = describe_model('test_vit', 32)
    return build_model('test_vit', settings, 'cpu', random_seed=0)[0]


@pytest.fixture
def sequence(tmp_path):
    path = write_video(tmp_path / 'a.mp4', make_frames(21))
    return MediaSequence('a', path)


def test_against_a_plain_loop(model, sequence, tmp_path):
    counted = []
    frames = extract_features(
        sequence,
        tmp_path / 'f' / 'a.npy',
        model,
        batch_size=8,
        workers=3,
        advance=counted.append,
    )
    features = np.load(tmp_path / 'f' / 'a.npy')
    wanted = [
        model(model.prepare(frame)[None])[0]
        for frame in FrameReader(sequence.path)
    ]
    assert frames == len(wanted) == 21
    assert counted == [8, 8, 5]
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, wanted, rtol=1e-4, atol=1e-5)
    written = {'a.npy', 'a.timestamps.json'}
    assert set(os.listdir(tmp_path / 'f')) == written


def test_bytes_depend_on_no_number_of_threads(model, sequence, tmp_path):
    contents = set()
    for workers in (1, 4):
        path = tmp_path / f'{workers}.npy'
        extract_features(sequence, path, model, 'float16', 8, workers)
        contents.add(path.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize('claim', [20, 22])
def test_length_of_the_record(model, sequence, tmp_path, claim):
    path = tmp_path / 'f' / 'a.npy'
    with pytest.raises(
        SequenceError,
        match=rf"a\.mp4 .*21.*'a' .*{claim}",
    ):
        extract_features(sequence, path, model, expected_frames=claim)
    assert os.listdir(path.parent) == []


def test_features_that_float16_cannot_hold(model, sequence, tmp_path):
    class Scaled:
        prepare = staticmethod(model.prepare)
        precision = 'float32'
        calls = 0

        def __call__(self, images):
            self.calls += 1
            features = model(images)
            if self.calls == 2:
                features[3, 1] = 1e5
            return features

    path = tmp_path / 'f' / 'a.npy'
    with pytest.raises(SequenceError, match=r'frame 11 .*float16'):
        extract_features(sequence, path, Scaled(), 'float16', batch_size=8)
    assert os.listdir(path.parent) == []
    assert extract_features(sequence, path, Scaled(), batch_size=8) == 21


def test_interruption_leaves_nothing(model, sequence, tmp_path):
    def interrupt(frames):
        raise KeyboardInterrupt

    path = tmp_path / 'f' / 'a.npy'
    with pytest.raises(KeyboardInterrupt):
        extract_features(
            sequence, path, model, batch_size=4, advance=interrupt
        )
    assert os.listdir(path.parent) == []


@pytest.mark.skipif(
    not Path('/proc/self/statm').exists(), reason='needs /proc'
)
def test_memory_does_not_grow_with_the_length(model, tmp_path):
    """Less than half of the 230 MB that the long video's frames take up."""

    def measure(number):
        resident = []

        def sample(frames):
            pages = int(Path('/proc/self/statm').read_text().split()[1])
            resident.append(pages * os.sysconf('SC_PAGE_SIZE') / 1e6)

        frames = make_frames(2, 240, 320)
        path = tmp_path / f'{number}.mp4'
        write_video(path, [frames[i % 2] for i in range(number)])
        sequence = MediaSequence('a', path)
        torch.set_num_threads(1)
        extract_features(
            sequence, tmp_path / 'a.npy', model, batch_size=16, advance=sample
        )
        return max(resident)

    short = measure(64)
    assert measure(1000) - short < 115
