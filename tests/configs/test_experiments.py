"""Every change of configs/_base_/experiments.py does something that runs."""

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from tiny_configs import CONFIGS

from masa.comparison import (
    Training,
    find_changes,
    find_config,
    training_config,
)
from masa.datasets.skeletons import KINECT_20, PENN_ACTION
from masa.datasets.synthetic.body import SKELETON

# By the end of a change's name.
DATA = {
    'penn': ('penn_pose2d', PENN_ACTION, 2),
    'utd': ('utd_skeleton', KINECT_20, 3),
    'demo': ('demo', SKELETON, 3),
}
CHANGES = Config.fromfile(CONFIGS / '_base_/experiments.py').changes


def config_of(method, data):
    return training_config(
        find_config(CONFIGS, data, method),
        Training(method, 0),
        options=find_changes(CONFIGS, method),
    )


def make_record(skeleton, coordinates):
    rng = np.random.default_rng(0)
    joints = len(skeleton['joints'])
    return dict(
        frame_dir='one',
        total_frames=9,
        keypoint=rng.standard_normal((1, 9, joints, coordinates)),
        keypoint_score=np.ones((1, 9, joints)),
        skeleton=skeleton,
        rng=rng,
    )


@pytest.mark.parametrize('change', sorted(CHANGES))
def test_every_change_trains_and_embeds(change):
    base = 'masa' if change == 'loss_sum' else 'clan'
    ending = change.rpartition('_')[2]
    data, skeleton, coordinates = DATA.get(ending, DATA['penn'])
    config = config_of(f'{base}+{change}', data)
    assert config.pretty_text != config_of(base, data).pretty_text
    model = MODELS.build(config.model)
    samples = {}
    for name in ('train', 'test'):
        sample = make_record(skeleton, coordinates)
        for transform in config[f'{name}_dataloader'].dataset.pipeline:
            sample = TRANSFORMS.build(transform)(sample)
        batch = pseudo_collate([sample, sample])
        samples[name] = model.data_preprocessor(batch, name == 'train')
    loss = model.loss(**samples['train'])['loss']
    assert torch.isfinite(loss)
    embedding = model.eval().embed(samples['test']['inputs'])
    assert embedding.shape == (2, 9, model.embed_dims)


def test_changes_are_joined():
    assert find_changes(CONFIGS, 'clan') == {}
    joined = find_changes(CONFIGS, 'clan+rotary+width_64+no_position')
    assert joined['model.backbone.embed_dims'] == 64
    # The later one counts.
    assert joined['model.backbone.position'] is None
    with pytest.raises(ValueError, match=r"'rotatory' .*rotary"):
        find_changes(CONFIGS, 'clan+rotatory')


def test_no_changes_are_known(tmp_path):
    with pytest.raises(ValueError, match=r"experiments\.py .*'a'"):
        find_changes(tmp_path, 'masa+a')
