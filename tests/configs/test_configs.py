from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NAMES = sorted(
    str(path.relative_to(CONFIGS).with_suffix(''))
    for folder in ('.', 'ablations', 'baselines')
    for path in (CONFIGS / folder).glob('*.py')
)


@pytest.mark.parametrize('name', NAMES)
def test_model_builds_and_trains_one_step(name):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    width = model.backbone.in_channels
    view = dict(
        values=[torch.randn(6, width), torch.randn(4, width)],
        frame_index=[torch.arange(6), torch.arange(4) * 2],
        num_frames=[8, 8],
    )
    if name == 'pretrain_skeleton':
        view['timeline'] = [torch.rand(6, 2), torch.rand(4, 2)]
    samples = [
        ActionDataSample(
            metainfo=dict(frame_dir=f'{label}', label=label, total_frames=8),
            phase=torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]),
        )
        for label in (0, 1)
    ]
    batch = model.data_preprocessor(
        dict(inputs=[view, view], data_samples=samples)
    )
    losses = model(**batch, mode='loss')
    losses['loss'].backward()
    assert torch.isfinite(losses['loss'])


def leaves(name):
    """The values of a config by dotted key."""

    def flat(value, path=''):
        if not isinstance(value, (dict, list, tuple)):
            return {path: value}
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {
            key: leaf
            for name, item in items
            for key, leaf in flat(item, f'{path}.{name}').items()
        }

    return flat(Config.fromfile(CONFIGS / f'{name}.py')._cfg_dict.to_dict())


PIPELINES = ('.train_pipeline', '.train_dataloader.dataset.pipeline')
LOADERS = [f'.{name}_dataloader' for name in ('train', 'val', 'test')]


@pytest.mark.parametrize(
    ('name', 'base', 'expected'),
    [
        (
            'no_self_attention',
            'penn_pose2d',
            {'.model.backbone.layers.0': 'cross'},
        ),
        (
            'no_cross_attention',
            'penn_pose2d',
            {'.model.backbone.layers.1': 'self'},
        ),
        (
            'no_stop_gradient',
            'penn_pose2d',
            {'.model.head.clustering_loss.stop_gradient': False},
        ),
        (
            'no_cluster_predictor',
            'penn_pose2d',
            {'.model.head.predictor': None},
        ),
        (
            'no_dual_augmentation',
            'penn_pose2d',
            {f'{pipeline}.2.dual': False for pipeline in PIPELINES},
        ),
        (
            'no_trim',
            'penn_rgb',
            {f'{pipeline}.1.trim': False for pipeline in PIPELINES},
        ),
        (
            'single_activity',
            'penn_pose2d',
            {
                f'{place}activities.0': 'squat'
                for place in (
                    '.',
                    *(f'{loader}.dataset.' for loader in LOADERS),
                )
            },
        ),
    ],
)
def test_ablation_changes_one_thing(name, base, expected):
    new = leaves(f'ablations/{name}').items()
    old = leaves(f'masa_{base}').items()
    assert dict(new - old) == expected


@pytest.mark.parametrize(
    ('name', 'batch_size', 'rate'),
    [('penn', 64, 3e-3), ('h2o', 32, 1.5e-3), ('ikea', 16, 7.5e-4)],
)
def test_batches_and_rates_are_those_of_the_paper(name, batch_size, rate):
    for path in CONFIGS.glob(f'masa_{name}_*.py'):
        config = Config.fromfile(path)
        assert config.train_dataloader.batch_size == batch_size
        assert config.auto_scale_lr.base_batch_size == batch_size
        assert config.optim_wrapper.optimizer.lr == rate
