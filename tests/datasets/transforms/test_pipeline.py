import pickle

import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose, pseudo_collate

import masa.registration  # noqa: F401

NAMES = [
    *['LoadFrameFeatures', 'NormalizeSkeleton', 'FlipSkeleton'],
    *['TranslateSkeleton', 'JointAngleNoise', 'DualAugmentation'],
    'PackSequenceInputs',
]


@pytest.fixture
def pipeline():
    configs = [
        dict(type='LoadFrameFeatures'),
        dict(type='NormalizeSkeleton', rotation='sequence'),
        dict(
            type='DualAugmentation',
            trim=True,
            spatial=[
                dict(type='JointAngleNoise', prob=0.5),
                dict(type='FlipSkeleton', prob=0.5),
                dict(type='TranslateSkeleton', prob=0.5),
            ],
        ),
        dict(type='PackSequenceInputs', modalities=('keypoint', 'feature')),
    ]
    return Compose([TRANSFORMS.build(config) for config in configs])


@pytest.mark.parametrize('name', NAMES)
def test_registered_and_described(name):
    kind = TRANSFORMS.get(name)

    assert kind.__module__.startswith('masa.datasets.transforms.')
    assert 'Required Keys:' in kind.__doc__
    assert 'Added Keys:' in kind.__doc__ or 'Modified Keys:' in kind.__doc__
    assert repr(TRANSFORMS.build(dict(type=name))).startswith(name + '(')


def test_from_sample_to_batch(pipeline, make_sample, tmp_path):
    frames = [2, 30, 400]
    samples = []
    for key, number in enumerate(frames):
        path = tmp_path / f'{number}.npy'
        np.save(path, np.ones((number, 5), np.float16))
        samples.append(make_sample(number, key=key, feature_path=path))

    batch = pseudo_collate([pipeline(sample) for sample in samples])

    assert len(batch['inputs']) == 2
    for view in batch['inputs']:
        for i in range(3):
            values, index = view['values'][i], view['frame_index'][i]
            assert values.shape == (len(index), 33 + 5)
            assert index.max() < frames[i]
    found = [sample.total_frames for sample in batch['data_samples']]
    assert found == frames


def test_a_copy_in_another_process_draws_the_same(
    pipeline, make_sample, tmp_path
):
    np.save(tmp_path / 'f.npy', np.ones((60, 5), np.float32))
    copied = pickle.loads(pickle.dumps(pipeline))

    def draw(run, key):
        sample = make_sample(60, key=key, feature_path=tmp_path / 'f.npy')
        return run(sample)['inputs']

    for key in range(5):
        first, again = draw(pipeline, key), draw(copied, key)
        for a, b in zip(first, again, strict=True):
            assert torch.equal(a['values'], b['values'])
            assert torch.equal(a['frame_index'], b['frame_index'])
