from pathlib import Path

from mmengine.config import Config

from masa.cli import main

ROOT = Path(__file__).resolve().parents[1]
# The demo's model and schedule, of a size for tests.
TINY = {
    'model.backbone.embed_dims': 16,
    'model.backbone.num_heads': 2,
    'model.neck.in_channels': 16,
    'model.head.predictor.embed_dims': 16,
    'model.head.predictor.num_heads': 2,
    'train_cfg.max_epochs': 2,
    'train_cfg.val_interval': 2,
    'default_hooks.checkpoint.interval': 1,
    'train_dataloader.batch_size': 3,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
}


def masa_command(*words):
    """Return a subcommand of ``masa`` as a function of its arguments."""
    return lambda arguments: main([*words, *arguments])


def tiny_demo():
    """Make the demo's config, of a size for tests."""
    config = Config.fromfile(ROOT / 'configs' / 'masa_demo.py')
    synthetic = dict(
        activities=['squat', 'throw'],
        sequences_per_activity=dict(train=3, val=2, test=2),
    )
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].dataset.update(synthetic)
    config.merge_from_dict(TINY)
    for hook in config.custom_hooks:
        if hook.type == 'EmbeddingFiguresHook':
            # t-SNE takes seconds for 1000 frames.
            hook.max_frames = 50
    return config
