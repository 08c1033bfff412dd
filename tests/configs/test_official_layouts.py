"""Every config on data that its converter made of the official layout."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from h2o_files import write_h2o
from ikea_files import write_bodies, write_features, write_ikea
from mmengine.config import Config
from mmengine.runner import Runner
from motion_writers import write_casa
from penn_files import write_label_file
from tiny_demo import masa_command
from utd_files import write_skeleton_file

from masa.datasets import load_annotations, save_annotations
from masa.datasets.skeletons import OPENPOSE_25

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs'
NAMES = sorted(
    str(path.relative_to(CONFIGS).with_suffix(''))
    for folder in ('.', 'ablations')
    for path in (CONFIGS / folder).glob('*.py')
    # Theirs is no data set's: tests/commands trains and tests them.
    if not path.stem.endswith(('_demo', '_videos'))
)


def convert(tool, *arguments):
    assert masa_command('convert', tool)(list(map(str, arguments))) == 0


def add_features(source, target, folder):
    """As ``masa extract features --merge`` does."""
    rng = np.random.default_rng(0)
    annotations = load_annotations(source)
    for record in annotations['annotations']:
        path = folder / f'{record["frame_dir"]}.npy'
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = record['total_frames'], 1536
        np.save(path, rng.normal(size=shape).astype(np.float16))
        record['feature_path'] = str(path.relative_to(folder))
    save_annotations(annotations, target)


def make_penn(root, data):
    labels = root / 'Penn_Action' / 'labels'
    labels.mkdir(parents=True)
    sequences = {}
    for number in range(1, 9):
        action = ('squat', 'bowl')[number % 2]
        write_label_file(labels, f'{number:04d}', action, 12 + number)
        sequences[f'{number:04d}'] = dict(action=action, frames=[4, 8])
    events = dict(squat=['down', 'up'], bowl=['back', 'release'])
    path = root / 'events.json'
    path.write_text(json.dumps(dict(events=events, sequences=sequences)))
    pose2d = data / 'penn_action.pkl'
    split = ('--phases', path, '--val-share', 0.5)
    convert('penn', labels, pose2d, *split)
    # Of any body: the reader's own.
    shutil.copy(pose2d, data / 'videos.pkl')
    features = data / 'penn_action_features'
    add_features(pose2d, data / 'penn_action_rgb.pkl', features)
    # Bodies are estimated from the videos: no official layout.
    annotations = load_annotations(pose2d)
    rng = np.random.default_rng(0)
    for record in annotations['annotations']:
        shape = 1, record['total_frames'], 25, 3
        record['keypoint'] = rng.normal(size=shape).astype(np.float32)
        record['keypoint_score'] = np.ones(shape[:3], dtype=np.float32)
    annotations['skeleton'] = OPENPOSE_25
    save_annotations(annotations, data / 'penn_action_3d.pkl')
    add_features(
        data / 'penn_action_3d.pkl', data / 'penn_action_rgb_3d.pkl', features
    )


def make_bodies(root, data):
    rng = np.random.default_rng(0)
    paths = []
    for activity in ('golf_swing', 'situp'):
        sequences = {
            f'{activity}{number}': dict(
                pose=rng.normal(size=(12 + number, 72)) / 10,
                beta=np.zeros((12 + number, 10)),
                labels=np.repeat([0, 1], [5, 7 + number]),
            )
            for number in range(8)
        }
        path = root / f'{activity}_train.npy'
        paths.append(write_casa(path, sequences))
    split = ('--test-share', 0.25, '--val-share', 0.25)
    convert('casa', *paths, data / 'penn_bodies.pkl', *split)
    splits = load_annotations(data / 'penn_bodies.pkl')['split']
    assert {name: len(ids) for name, ids in splits.items()} == dict(
        train=8, val=4, test=4
    )


def make_h2o(root, data):
    h2o = root / 'h2o'
    write_h2o(h2o)
    lists = ('--lists', h2o / 'action_labels')
    milk = data / 'h2o_milk.pkl'
    convert('h2o', h2o, milk, *lists, '--action-phases')
    convert('h2o', h2o, data / 'h2o_actions.pkl', *lists, '--task', 'actions')
    add_features(milk, data / 'h2o_milk_rgb.pkl', data / 'h2o_features')


def make_ikea(root, data):
    write_ikea(root / 'ikea')
    write_bodies(root / 'bodies')
    write_features(data / 'ikea_features', channels=1536)
    segments = root / 'ikea' / 'gt_segments.json'
    split = ('--val-share', 0.25)
    bodies = ('--poses', 'bodies', root / 'bodies', '--skeleton')
    bodies += ('OPENPOSE_25',)
    convert('ikea', segments, data / 'ikea_bodies.pkl', *bodies, *split)
    features = ('--features', data / 'ikea_features')
    convert('ikea', segments, data / 'ikea_rgb.pkl', *features, *split)


def make_utd(root, data):
    skeletons = root / 'UTD-MHAD' / 'Skeleton'
    skeletons.mkdir(parents=True)
    for action in (1, 2, 27):
        for subject in (1, 3, 7):
            name = f'a{action}_s{subject}_t1_skeleton'
            write_skeleton_file(skeletons, name, (20, 3, 9 + subject))
    output = data / 'utd_mhad.pkl'
    convert('utd', skeletons, output, '--val-subjects', 7)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('official')
    for make in (make_penn, make_bodies, make_h2o, make_ikea, make_utd):
        make(root, root / 'data')
    return root


@pytest.mark.parametrize('name', NAMES)
def test_config_trains_and_tests(name, folder, tmp_path, monkeypatch):
    # The configs name their files relative to the working directory.
    monkeypatch.chdir(folder)
    config = Config.fromfile(CONFIGS / f'{name}.py')
    config.work_dir = str(tmp_path)
    config.train_cfg.update(max_epochs=1, val_interval=1)
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].update(
            num_workers=0, persistent_workers=False, batch_size=2
        )
    if name == 'pretrain_skeleton':
        # It has data without end, and is evaluated on the built-in data.
        config.train_dataloader.dataset.num_activities = 4
        for loader in (config.val_dataloader, config.test_dataloader):
            loader.dataset.sequences_per_activity = dict(train=2, val=2)
    for hook in config.custom_hooks:
        if hook.type == 'EmbeddingFiguresHook':
            # t-SNE takes seconds for 1000 frames.
            hook.max_frames = 50
    ablation = name.startswith('ablations/')
    if ablation:
        # They are tested as what they change: tests/configs/test_configs.py.
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == len(runner.train_dataloader) > 0
    if ablation:
        return
    metrics = runner.test()
    if 'utd' not in name:
        # The others have phases.
        assert 0 < metrics['phase_classification/accuracy_100'] <= 1
        assert 0 < metrics['raw+clock/phase_classification/accuracy_100'] <= 1
    if 'utd' in name or name == 'masa_h2o_hand_actions':
        assert 0 <= metrics['action_recognition/accuracy'] <= 1
