import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from masa.datasets import KeyedRandom
from masa.engine import build_runner


class InMemory:
    """Random walks in memory; every sample is two views of its walk."""

    METAINFO = dict(bones=np.array([[0, 1], [1, 2]]), scale=np.float32(2))

    def __init__(self, num_sequences=10, **kwargs):
        self.num_sequences = num_sequences
        super().__init__(pipeline=[two_views], **kwargs)

    def load_data_list(self):
        rng = np.random.default_rng(0)
        return [
            dict(walk=rng.normal(size=(length, 4)).cumsum(0), number=number)
            for number, length in enumerate(
                rng.integers(8, 20, self.num_sequences)
            )
        ]

    @property
    def lengths(self):
        return [len(self.get_data_info(i)['walk']) for i in range(len(self))]


def two_views(results):
    walk = results['walk']
    rng = results.get('rng') or np.random.default_rng(0)
    views = []
    for _ in range(2):
        kept = np.sort(rng.permutation(len(walk))[: len(walk) * 2 // 3])
        noise = rng.normal(size=(len(kept), 4), scale=0.1)
        views.append(
            dict(
                values=torch.tensor(walk[kept] + noise, dtype=torch.float32),
                frame_index=torch.from_numpy(kept),
                num_frames=len(walk),
            )
        )
    sample = ActionDataSample(
        metainfo=dict(
            frame_dir=f'walk{results["number"]}', total_frames=len(walk)
        )
    )
    return dict(inputs=views, data_samples=sample)


@DATASETS.register_module()
class UnkeyedWalks(InMemory, BaseDataset):
    pass


@DATASETS.register_module()
class KeyedWalks(KeyedRandom, InMemory, BaseDataset):
    pass


def default_config(work_dir, **changes):
    config = dict(
        default_scope='mmaction',
        work_dir=str(work_dir),
        log_level='ERROR',
        model=dict(
            type='SequenceAligner',
            backbone=dict(
                type='ContextAwareEncoder',
                in_channels=4,
                embed_dims=6,
                num_heads=2,
                layers=('self', 'cross'),
            ),
            neck=dict(type='ProjectionNeck', in_channels=6, num_layers=2),
            head=dict(
                type='MASAHead',
                predictor=dict(
                    type='ClusterPredictor', embed_dims=6, num_heads=2
                ),
            ),
        ),
        train_dataloader=dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='LengthBucketBatchSampler'),
            dataset=dict(type='KeyedWalks'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='Adam', lr=3e-3),
            clip_grad=dict(max_norm=0.5),
        ),
        param_scheduler=[
            dict(
                type='LinearLR',
                start_factor=0.02,
                by_epoch=False,
                begin=0,
                end=8,
            ),
            dict(type='MultiStepLR', by_epoch=True, milestones=[1, 3]),
        ],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1),
            logger=dict(type='LoggerHook', interval=1),
        ),
        custom_hooks=[
            dict(type='RandomKeyHook'),
            dict(type='PlainCheckpointHook'),
        ],
        randomness=dict(seed=0),
    )
    config = Config(config)
    config.merge_from_dict(changes)
    return config


@pytest.fixture(scope='session')
def make_config():
    """Makes the config of a tiny run."""
    return default_config


@pytest.fixture
def make_runner(tmp_path):
    """Builds runners of a tiny run, each with an experiment of its own."""
    count = 0

    def make(name='run', **changes):
        nonlocal count
        count += 1
        config = default_config(tmp_path / name, **changes)
        config.experiment_name = f'{tmp_path.name}_{count}'
        return build_runner(config)

    return make
