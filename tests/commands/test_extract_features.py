import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_demo import masa_command

from masa.datasets import (
    check_annotations,
    load_annotations,
    save_annotations,
)
from masa.extraction import extraction_run

pytest.importorskip('timm', reason='needs the extra "features"')
pytest.importorskip('av', reason='needs the extra "features"')
from video_files import (
    cut_short,
    make_frames,
    make_noise,
    unusable_videos,
    write_video,
)

ROOT = Path(__file__).resolve().parents[2]
COMMAND = '-m', 'masa', 'extract', 'features'
main = masa_command(*COMMAND[2:])
LENGTHS = {'a/1': 20, 'a/2': 9, 'b/räkeln': 33, 'images': 5}
MODEL = ('--model', 'test_vit', '--image-size', '32', '--batch-size', '8')
RANDOM = ('--random-weights', '0')


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp('Eingabe für 字') / 'videos'
    for name, number in LENGTHS.items():
        path = root / f'{name}.mp4'
        frames = make_frames(number)
        if name == 'images':
            path.with_suffix('').mkdir()
            for i, frame in enumerate(frames):
                data = cv2.imencode('.png', frame)[1].tobytes()
                (root / name / f'{i}.png').write_bytes(data)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, frames)
    return root


def arguments(videos, folder, *options):
    return [
        *(str(videos), '--output', str(folder / 'features')),
        *('--ann-file', str(folder / 'all.pkl'), *MODEL, *RANDOM, *options),
    ]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


@pytest.fixture(scope='module')
def reference(videos, tmp_path_factory):
    """The files of an uninterrupted run in one process."""
    folder = tmp_path_factory.mktemp('reference')
    assert main(arguments(videos, folder)) == 0
    return contents(folder)


def test_features_and_annotations(videos, tmp_path, capsys):
    assert main(arguments(videos, tmp_path, '--dtype', 'float16')) == 0
    printed = capsys.readouterr()
    assert '4 sequences, 67 frames of 64 numbers' in printed.out
    assert 'random weights' in printed.err
    assert '4/4 ' in printed.err
    annotations = load_annotations(tmp_path / 'all.pkl')
    assert annotations['split'] == dict(train=list(LENGTHS))
    features = tmp_path / 'features'
    assert check_annotations(annotations, str(features)) == []
    for record in annotations['annotations']:
        name = record['frame_dir']
        assert record['total_frames'] == LENGTHS[name]
        array = np.load(features / record['feature_path'])
        assert array.dtype == np.float16
        assert array.shape == (LENGTHS[name], 64)
        if name == 'images':
            assert 'timestamps' not in record
        else:
            np.testing.assert_allclose(
                record['timestamps'], np.arange(LENGTHS[name]) / 30, atol=1e-3
            )
        # Brighter frames, other features.
        assert not np.array_equal(array[0], array[-1])


def test_what_is_missing_is_done_and_the_rest_kept(
    videos, reference, tmp_path
):
    command = arguments(videos, tmp_path)
    assert main(command) == 0
    features = tmp_path / 'features'
    (features / 'a' / '2.npy').unlink()
    (tmp_path / 'all.pkl').unlink()
    kept = (features / 'a' / '1.npy').stat().st_ino
    assert main(command) == 0
    assert (features / 'a' / '1.npy').stat().st_ino == kept
    assert contents(tmp_path) == reference


def test_processes_share_the_sequences(videos, tmp_path, monkeypatch):
    class Shared(Exception):
        pass

    shares = []

    def share(jobs, *_):
        shares.append({job.sequence.name for job in jobs})
        raise Shared

    monkeypatch.setattr(extraction_run, '_run_jobs', share)
    for place in ((0, 2), (1, 2)):
        monkeypatch.setattr(
            extraction_run, 'rank_and_size', lambda place=place: place
        )
        with pytest.raises(Shared):
            main(arguments(videos, tmp_path))
    assert list(map(len, shares)) == [2, 2]
    assert set.union(*shares) == set(LENGTHS)


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(videos, reference, tmp_path):
    """SIGKILL in the middle of a file, after others were finished."""
    # Slow: one frame at a time makes the last video last.
    many = [str(i) for i in range(3)]
    long = tmp_path / 'videos'
    long.mkdir()
    for name in many:
        write_video(long / f'{name}.mp4', make_frames(400))
    for folder in ('whole', 'killed'):
        (tmp_path / folder).mkdir()
    assert main(arguments(long, tmp_path / 'whole')) == 0
    command = arguments(long, tmp_path / 'killed')
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', *COMMAND, *command],
        stderr=subprocess.DEVNULL,
    )
    features = tmp_path / 'killed' / 'features'
    half = []
    while process.poll() is None:
        if (features / '0.npy').exists():
            half = list(features.glob('.writing-*/*.npy'))
            if half:
                break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    finished = set(contents(features))
    assert {'settings.json', '0.npy'} <= finished
    assert not (tmp_path / 'killed' / 'all.pkl').exists()
    kept = (features / '0.npy').stat().st_ino
    assert main(command) == 0
    assert (features / '0.npy').stat().st_ino == kept
    assert contents(tmp_path / 'killed') == contents(tmp_path / 'whole')


def run_two_processes(command):
    return subprocess.run(
        [
            *(sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run'),
            *('--standalone', '--nproc-per-node', '2', *COMMAND, *command),
        ],
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_equal_one(videos, reference, tmp_path):
    run = run_two_processes(arguments(videos, tmp_path))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count('4 sequences, 67 frames') == 1
    assert contents(tmp_path) == reference


@pytest.mark.slow
def test_two_processes_and_a_broken_video(videos, tmp_path):
    for name in ('1', '2', '3'):
        write_video(tmp_path / f'{name}.avi', make_noise(40))
    cut_short(tmp_path / '2.avi', 0.6)
    run = run_two_processes(arguments(tmp_path, tmp_path, '--skip-broken'))
    assert run.returncode == 1
    assert '2.avi' in run.stderr
    annotations = load_annotations(tmp_path / 'all.pkl')
    assert annotations['split'] == dict(train=['1', '3'])


def test_other_settings_are_refused(videos, tmp_path, capsys):
    command = arguments(videos, tmp_path, '--overwrite')
    assert main(command) == 0
    before = contents(tmp_path)
    for change, message in (
        (('--random-weights', '1'), 'random_weights 0, not 1'),
        (('--dtype', 'float16'), 'dtype "float32", not "float16"'),
        (('--image-size', '48'), 'preprocessing {'),
        (('--model', 'test_resnet'), 'model "test_vit", not "test_resnet"'),
    ):
        capsys.readouterr()
        assert main([*command, *change]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert main([*command, *change, '--dry-run']) == 2
    assert contents(tmp_path) == before
    # The same again is nothing to do.
    assert main(command) == 0
    assert '0 sequences in' in capsys.readouterr().out
    assert contents(tmp_path) == before


def test_video_of_the_future_is_done_once(tmp_path, capsys):
    path = write_video(tmp_path / '1.mp4', make_frames(5))
    later = time.time() + 1e6
    os.utime(path, (later, later))
    command = arguments(path, tmp_path, '--overwrite')
    assert main(command) == 0
    assert main(command) == 0
    assert ' 0 sequences in' in capsys.readouterr().out
    os.utime(path, (later + 1, later + 1))
    assert main(command) == 0
    assert ' 1 sequences in' in capsys.readouterr().out


def test_dry_run_writes_nothing(videos, tmp_path, capsys):
    command = arguments(videos, tmp_path, '--dry-run')
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert '4 of 4 sequences to do, with test_vit, 32x32 pixels' in printed
    for name, frames in LENGTHS.items():
        line = next(x for x in printed.splitlines() if f' {name} ' in x)
        assert f' {frames} ' in line
        assert 'to do' in line
    assert contents(tmp_path) == {}
    assert main(command[:-1]) == 0
    (tmp_path / 'all.pkl').unlink()
    (tmp_path / 'features' / 'a' / '2.npy').unlink()
    capsys.readouterr()
    assert main(command) == 0
    assert '1 of 4 sequences to do' in capsys.readouterr().out
    assert main([*command, '--dtype', 'float16']) == 2


def test_broken_videos(tmp_path, capsys):
    root = tmp_path / 'videos'
    root.mkdir()
    for name in ('1.mp4', '2.avi', '3.mp4'):
        write_video(root / name, make_noise(40))
    (root / '1.mp4').write_bytes(b'no video')
    cut_short(root / '2.avi', 0.6)
    command = arguments(root, tmp_path)
    # What can be seen beforehand.
    assert main([*command, '--dry-run']) == 1
    assert '1.mp4' in capsys.readouterr().err
    assert contents(tmp_path / 'features') == {}
    assert main(command) == 2
    lines = capsys.readouterr().err.splitlines()
    for text in ('  1: ', '1.mp4', '  2: ', '2.avi'):
        assert any(text in line for line in lines)
    assert '--skip-broken' in lines[-1]
    assert not (tmp_path / 'all.pkl').exists()
    kept = (tmp_path / 'features' / '3.npy').stat().st_ino
    assert main([*command, '--skip-broken']) == 1
    assert (tmp_path / 'features' / '3.npy').stat().st_ino == kept
    lines = capsys.readouterr().err.splitlines()
    assert [line[:5] for line in lines[-2:]] == ['  1: ', '  2: ']
    annotations = load_annotations(tmp_path / 'all.pkl')
    assert annotations['split'] == dict(train=['3'])


def test_all_unusable_videos_are_named(tmp_path, capsys):
    root = tmp_path / 'videos'
    root.mkdir()
    write_video(root / 'good.mp4', make_noise(4))
    reasons = unusable_videos(root)
    command = arguments(root, tmp_path)
    for name, reason in reasons.items():
        alone = arguments(root / name, tmp_path)
        assert main(alone) == 2
        assert f'{name} {reason}' in capsys.readouterr().err
    assert main([*command, '--skip-broken']) == 1
    printed = capsys.readouterr().err
    for name, reason in reasons.items():
        assert f'{name} {reason}' in printed
    annotations = load_annotations(tmp_path / 'all.pkl')
    assert annotations['split'] == dict(train=['good'])


def test_labels(videos, tmp_path, capsys):
    labels = tmp_path / 'labels.csv'
    lines = ['sequence,activity,split', 'b/räkeln,räkeln,val', 'a/2,jump,']
    labels.write_text('\n'.join(lines), encoding='utf-8')
    command = arguments(videos, tmp_path, '--labels', str(labels))
    assert main(command) == 2
    assert 'a/1, images' in (capsys.readouterr().err)
    lines += ['images,,', 'a/1,jump,train', 'more,jump,train']
    labels.write_text('\n'.join(lines), encoding='utf-8')
    assert main(command) == 0
    assert 'more' in capsys.readouterr().out
    annotations = load_annotations(tmp_path / 'all.pkl')
    assert annotations['activities'] == ['jump', 'räkeln']
    assert annotations['split'] == dict(
        val=['b/räkeln'], train=['a/2', 'images', 'a/1']
    )


def write_penn(path, lengths):
    train, val = ['a/1', 'a/2'], ['b/räkeln']
    others = [name for name in lengths if name not in train + val]
    annotations = dict(
        split=dict(train=train, val=val + others),
        annotations=[
            dict(
                frame_dir=name,
                total_frames=frames,
                label=0,
                phase=np.arange(frames) * 3 // frames,
                keypoint=np.ones((1, frames, 2, 2), dtype=np.float32),
            )
            for name, frames in lengths.items()
        ],
        activities=['jump'],
    )
    save_annotations(annotations, path)


def test_merged_annotations_train_the_rgb_config(videos, tmp_path, capsys):
    penn = tmp_path / 'penn.pkl'
    lengths = {n: LENGTHS[n] for n in ('a/1', 'a/2', 'b/räkeln')}
    write_penn(penn, lengths)
    assert main(arguments(videos, tmp_path, '--merge', str(penn))) == 0
    assert '1 sequences have no record' in capsys.readouterr().out
    features = tmp_path / 'features'
    assert not (features / 'images.npy').exists()
    merged = load_annotations(tmp_path / 'all.pkl')
    assert check_annotations(merged, str(features)) == []
    assert [len(r['phase']) for r in merged['annotations']] == [20, 9, 33]
    config = Config.fromfile(ROOT / 'configs' / 'masa_penn_rgb.py')
    config.merge_from_dict(
        {
            'work_dir': str(tmp_path / 'work'),
            'train_cfg.max_epochs': 1,
            'model.backbone.in_channels': 64,
            'train_dataloader.batch_size': 2,
        }
    )
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    loader = config.train_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    loader.dataset.update(
        ann_file=str(tmp_path / 'all.pkl'),
        data_prefix=dict(feature=str(features)),
    )
    Runner.from_cfg(config).train()
    assert (tmp_path / 'work' / 'last_checkpoint').exists()


def test_merged_lengths_must_agree(videos, tmp_path, capsys):
    penn = tmp_path / 'penn.pkl'
    write_penn(penn, {'a/1': 20, 'a/2': 10, 'b/räkeln': 33})
    command = arguments(videos, tmp_path, '--merge', str(penn))
    assert main(command) == 2
    message = capsys.readouterr().err
    assert all(word in message for word in ('2.mp4', "'a/2'", ' 9 ', ' 10'))
    assert main([*command, '--skip-broken']) == 1
    merged = load_annotations(tmp_path / 'all.pkl')
    assert merged['split'] == dict(train=['a/1'], val=['b/räkeln'])


def test_records_without_video(videos, tmp_path, capsys):
    penn = tmp_path / 'penn.pkl'
    write_penn(penn, {'a/1': 20, 'a/2': 9, 'b/räkeln': 33, 'gone': 7})
    command = arguments(videos, tmp_path, '--merge', str(penn))
    assert main(command) == 2
    assert "'gone'" in capsys.readouterr().err
    write_penn(penn, {'0001': 20, 'a/1': 1})
    assert main(command) == 2
    assert 'penn.pkl' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--ann-file', 'a.txt'], '.pkl, .npz or .json'),
        (['--batch-size', '0'], '--batch-size'),
        (['--image-size', '0'], '--image-size'),
        (['--weights', 'none.pth'], 'none.pth'),
        (['--amp-dtype', 'float16'], '--amp-dtype'),
    ],
)
def test_bad_options(videos, tmp_path, capsys, options, message):
    command = arguments(videos, tmp_path)
    if '--weights' in options:
        command = command[: -len(RANDOM)]
    with pytest.raises(SystemExit):
        main([*command, *options])
    assert message in capsys.readouterr().err


def test_existing_annotations_are_kept(videos, tmp_path, capsys):
    (tmp_path / 'all.pkl').write_text('mine')
    with pytest.raises(SystemExit):
        main(arguments(videos, tmp_path))
    assert '--overwrite' in (capsys.readouterr().err)


@pytest.mark.parametrize(
    'options', [['--amp', '--device', 'cpu'], ['--device', 'cuda:99']]
)
def test_devices_that_cannot_be_used(videos, tmp_path, capsys, options):
    assert main(arguments(videos, tmp_path, *options)) == 2
    assert options[0] in capsys.readouterr().err
