"""From a record to the gradient, for every method, at the lengths' ends."""

from functools import cache

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.utils.dl_utils import has_batch_norm
from tiny_configs import CONFIGS

from masa.datasets.synthetic.body import SKELETON

METHODS = [
    'masa_demo',
    *sorted(
        f'baselines/{p.stem}' for p in CONFIGS.glob('baselines/*_demo.py')
    ),
]


@cache
def parts(name, width=None):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    if width:
        narrow = dict(embed_dims=width, num_heads=2)
        config.model.backbone.update(narrow, layers=('self', 'cross'))
        config.model.neck.update(in_channels=width)
        config.model.head.predictor.update(narrow, num_layers=1)
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    pipeline = Compose([TRANSFORMS.build(t) for t in config.train_pipeline])
    return model, pipeline


def record(length, number=0):
    rng = np.random.default_rng([length, number])
    # A body that moves a little from frame to frame.
    keypoint = rng.normal(size=(1, 1, 25, 3)) + 0.1 * rng.normal(
        size=(1, length, 25, 3)
    )
    return dict(
        frame_dir=f'clip {number} of {length}',
        total_frames=length,
        label=number % 2,
        keypoint=keypoint.astype(np.float32),
        keypoint_score=np.ones((1, length, 25), np.float32),
        phase=np.arange(length) * 3 // length,
        skeleton=SKELETON,
        rng=rng,
    )


def batch_of(pipeline, lengths):
    return pseudo_collate(
        [pipeline(record(n, i)) for i, n in enumerate(lengths)]
    )


def step(model, batch):
    model.zero_grad()
    torch.manual_seed(0)
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    losses['loss'].backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    for name, value in losses.items():
        assert value.isfinite(), name
    assert all(gradient.isfinite().all() for gradient in gradients)
    return losses


@pytest.mark.parametrize('name', METHODS)
@pytest.mark.parametrize(
    'lengths', [[1], [2], [1, 1], [1, 2, 33], [3, 1]], ids=str
)
def test_short_sequences_and_batches_of_one(name, lengths):
    model, pipeline = parts(name)
    batch = batch_of(pipeline, lengths)
    if lengths == [1] and has_batch_norm(model):
        # One frame has no variance.
        with pytest.raises(ValueError, match='batch_size'):
            step(model, batch)
    else:
        step(model, batch)


@pytest.mark.parametrize('name', METHODS)
def test_views_with_nothing_in_common(name):
    model, pipeline = parts(name)
    batch = batch_of(pipeline, [12, 30])
    for start, view in enumerate(batch['inputs']):
        for row, values in enumerate(view['values']):
            # Even frames of the one, odd frames of the other.
            half = len(values) // 2
            view['values'][row] = values[:half]
            view['frame_index'][row] = start + 2 * torch.arange(half)
    losses = step(model, batch)
    if 'cluster_cos' in losses:
        assert losses['cluster_cos'] == 0


def test_the_longest_sequence_beside_the_shortest():
    lengths = [4078, 1]
    model, pipeline = parts('masa_demo', width=8)
    step(model, batch_of(pipeline, lengths))
    pack = TRANSFORMS.build(
        dict(type='PackSequenceInputs', modalities=('keypoint',))
    )
    model.eval()
    with torch.no_grad():
        samples = model.val_step(
            pseudo_collate([pack(record(n)) for n in lengths])
        )
    assert [len(s.embedding) for s in samples] == lengths
    assert all(s.embedding.isfinite().all() for s in samples)
