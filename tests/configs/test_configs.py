from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner

from masa.datasets import save_annotations
from masa.datasets.skeletons import PENN_ACTION

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NAMES = sorted(path.stem for path in CONFIGS.glob('*.py'))


@pytest.mark.parametrize('name', NAMES)
def test_model_builds_and_trains_one_step(name):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    width = config.model.backbone.in_channels
    view = dict(
        values=[torch.randn(6, width), torch.randn(4, width)],
        frame_index=[torch.arange(6), torch.arange(4) * 2],
    )
    sample = type('Sample', (), dict(total_frames=8, frame_dir='a'))
    batch = model.data_preprocessor(
        dict(inputs=[view, view], data_samples=[sample, sample])
    )
    losses = model(**batch, mode='loss')
    losses['loss'].backward()
    assert torch.isfinite(losses['loss'])


def train_and_test(config, work_dir):
    config.work_dir = str(work_dir)
    config.train_cfg.update(max_epochs=1, val_interval=1)
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].update(
            num_workers=0, persistent_workers=False, batch_size=4
        )
    runner = Runner.from_cfg(config)
    runner.train()
    return runner.test()


def records(num_sequences, rng):
    for i in range(num_sequences):
        total = int(rng.integers(10, 20))
        yield dict(
            frame_dir=f'{i:04d}',
            total_frames=total,
            label=i % 2,
            phase=np.arange(total) * 3 // total,
        )


def splits(names):
    return dict(train=names[:8], val=names[8:])


def test_rgb_config_trains_on_feature_files(tmp_path):
    rng = np.random.default_rng(0)
    features = tmp_path / 'features'
    features.mkdir()
    annotations = []
    for record in records(12, rng):
        name = f'{record["frame_dir"]}.npy'
        feature = rng.standard_normal((record['total_frames'], 1536))
        np.save(features / name, feature.astype(np.float16))
        annotations.append(dict(record, feature_path=name))
    ann_file = tmp_path / 'rgb.pkl'
    save_annotations(
        dict(
            split=splits([r['frame_dir'] for r in annotations]),
            annotations=annotations,
            activities=['one', 'other'],
        ),
        ann_file,
    )
    config = Config.fromfile(CONFIGS / 'masa_penn_rgb.py')
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].dataset.update(
            ann_file=str(ann_file), data_prefix=dict(feature=str(features))
        )
    metrics = train_and_test(config, tmp_path / 'work')
    assert 'raw+clock/cross_activity_retrieval/ap@5' in metrics
    assert 0 <= metrics['phase_classification/accuracy_100'] <= 1


def test_pose_config_trains_on_an_annotation_file(tmp_path):
    rng = np.random.default_rng(0)
    annotations = [
        dict(
            record,
            keypoint=rng.standard_normal(
                (1, record['total_frames'], 13, 2)
            ).astype(np.float32),
        )
        for record in records(12, rng)
    ]
    ann_file = tmp_path / 'pose.npz'
    save_annotations(
        dict(
            split=splits([r['frame_dir'] for r in annotations]),
            annotations=annotations,
            activities=['one', 'other'],
            skeleton=PENN_ACTION,
        ),
        ann_file,
    )
    config = Config.fromfile(CONFIGS / 'masa_penn_pose2d.py')
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].dataset.ann_file = str(ann_file)
    metrics = train_and_test(config, tmp_path / 'work')
    assert 0 <= metrics['kendalls_tau/nan_fraction'] <= 1
