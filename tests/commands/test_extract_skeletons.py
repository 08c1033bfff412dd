import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_demo import masa_command

from masa.datasets import check_annotations, load_annotations, save_annotations
from masa.datasets.skeletons import BLAZEPOSE_33, COCO_17, HANDS_42
from masa.evaluation import SequenceCollection
from masa.extraction import backends
from masa.extraction.pose_estimator import Detection, PoseEstimator

ROOT = Path(__file__).resolve().parents[2]
main = masa_command('extract', 'skeletons')
LENGTHS = {'hop/1': 6, 'hop/2': 9, 'sit': 4}
WHITE = 255


class Fake(PoseEstimator):
    """People where the first pixels say; nobody in white frames."""

    def __init__(self, target, device, random_weights, **models):
        self.hands = target.startswith('hands')
        self.skeleton = HANDS_42 if self.hands else COCO_17
        self.num_coordinates = 2
        if target == 'body3d':
            self.skeleton, self.num_coordinates = BLAZEPOSE_33, 3
        self.settings = dict(models='fake', random_weights=random_weights)
        self.calls = 0

    def prepare(self):
        self.settings['weights'] = 'w'

    def detect(self, frames):
        rng = np.random.default_rng(0)
        shape = len(self.skeleton['joints']), self.num_coordinates
        pose = rng.uniform(0, 50, shape)
        for frame in frames:
            value = int(frame[0, 0, 0])
            if value == WHITE:
                yield []
                continue
            keypoint = pose + value
            score = np.full(len(pose), 0.8)
            if self.hands and value % 2:
                keypoint[21:], score[21:] = np.nan, 0
            box = np.array([value, 0, value + 50, 50])
            small = Detection(box / 10 + 900, 0.9, keypoint + 900, score)
            yield [small, Detection(box, 0.9, keypoint, score)]


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setitem(backends.BACKENDS, 'mmpose', Fake)


def make_folder(path, values):
    path.mkdir(parents=True)
    for i, value in enumerate(values):
        image = np.full((8, 8, 3), value, np.uint8)
        cv2.imwrite(str(path / f'{i}.png'), image)
        os.utime(path / f'{i}.png', (1000, 1000))
    os.utime(path, (1000, 1000))


@pytest.fixture
def videos(tmp_path):
    root = tmp_path / 'videos'
    for name, length in LENGTHS.items():
        values = list(range(10, 10 + length))
        values[1] = WHITE
        make_folder(root / name, values)
    return root


def arguments(videos, *options):
    folder = videos.parent
    return [
        *(str(videos), '--output', str(folder / 'poses')),
        *('--ann-file', str(folder / 'all.pkl'), '--backend', 'mmpose'),
        *options,
    ]


def test_poses_and_annotations(videos, capsys):
    assert main(arguments(videos)) == 0
    printed = capsys.readouterr()
    assert 'poses of 3 sequences, 19 frames of 17 joints in 2D' in printed.out
    assert '1/3 hop/1: found in 5 of 6 frames' in printed.err
    assert 'masa check' in printed.out
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert check_annotations(annotations) == []
    assert annotations['skeleton'] == COCO_17
    assert annotations['split'] == dict(train=list(LENGTHS))
    for record in annotations['annotations']:
        length = LENGTHS[record['frame_dir']]
        assert record['total_frames'] == length
        keypoint, score = record['keypoint'], record['keypoint_score']
        assert keypoint.shape == (1, length, 17, 2)
        assert keypoint.dtype == score.dtype == np.float32
        expected = np.full((1, length, 17), 0.8, np.float32)
        # Nobody is there: the score is 0, and the place between the others'.
        expected[:, 1] = 0
        np.testing.assert_array_equal(score, expected)
        np.testing.assert_allclose(
            keypoint[0, 1], (keypoint[0, 0] + keypoint[0, 2]) / 2, rtol=1e-6
        )
        # The large one, not the first one.
        assert keypoint.max() < 100


def test_the_other_person(videos):
    assert main(arguments(videos, '--person', '2')) == 0
    (record, *_) = load_annotations(videos.parent / 'all.pkl')['annotations']
    assert record['keypoint'].min() > 900
    assert main(arguments(videos, '--overwrite')) == 2
    assert main(arguments(videos, '--overwrite', '--person', '2')) == 0


def test_a_hand_that_is_hidden(videos):
    """Its place is taken from its own other frames, not the other hand."""
    assert main(arguments(videos, '--target', 'hands2d')) == 0
    (record, *_) = load_annotations(videos.parent / 'all.pkl')['annotations']
    keypoint, score = record['keypoint'][0], record['keypoint_score'][0]
    # Values 10, white, 12, 13, 14, 15.
    assert (score[3, 21:] == 0).all()
    assert (score[3, :21] > 0).all()
    np.testing.assert_allclose(
        keypoint[3], (keypoint[2] + keypoint[4]) / 2, rtol=1e-5
    )


def test_a_hand_that_is_never_seen(videos, capsys):
    for path in videos.rglob('*.png'):
        cv2.imwrite(str(path), np.full((8, 8, 3), 11, np.uint8))
    assert main(arguments(videos, '--target', 'hands2d')) == 2
    assert (
        'joints that were not found cannot be fill' in capsys.readouterr().err
    )
    assert not (videos.parent / 'all.pkl').exists()


def test_labels(videos):
    labels = videos.parent / 'labels.csv'
    labels.write_text(
        'sequence,activity,split\nsit,sit,train\nhop/1,hop,val\nhop/2,hop,\n'
    )
    assert main(arguments(videos, '--labels', str(labels))) == 0
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert annotations['split'] == dict(train=['sit', 'hop/2'], val=['hop/1'])
    assert annotations['activities'] == ['hop', 'sit']


def test_merged_with_features(videos, capsys):
    features = videos.parent / 'features.pkl'
    records = [
        dict(
            frame_dir=name,
            total_frames=length,
            feature_path=f'{name}.npy',
            label=0,
        )
        for name, length in LENGTHS.items()
    ]
    save_annotations(
        dict(split=dict(train=list(LENGTHS)), annotations=records), features
    )
    assert main(arguments(videos, '--merge', str(features))) == 0
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert check_annotations(annotations) == []
    for record in annotations['annotations']:
        assert record['feature_path'] == f'{record["frame_dir"]}.npy'
        assert record['keypoint'].shape[1] == LENGTHS[record['frame_dir']]
    capsys.readouterr()
    merged = str(videos.parent / 'all.pkl')
    assert main(arguments(videos, '--merge', merged, '--overwrite')) == 2
    assert 'has keypoint, keypoint_score already' in capsys.readouterr().err


def test_joints_are_replaced(videos, capsys):
    """As for data that has 2D joints and phases, and is to get 3D ones."""
    records = [
        dict(
            frame_dir=name,
            total_frames=length,
            keypoint=np.ones((1, length, 2, 2), dtype=np.float32),
            phase=np.arange(length),
        )
        for name, length in LENGTHS.items()
    ]
    plain = videos.parent / 'plain.pkl'
    skeleton = dict(joints=['a', 'b'], bones=[[0, 1]])
    annotations = dict(annotations=records, skeleton=skeleton)
    save_annotations(annotations, plain)
    options = ('--target', 'body3d', '--merge', str(plain))
    # Found out before anything is computed.
    assert main(arguments(videos, *options)) == 2
    assert "'hop/1' has keypoint already" in capsys.readouterr().err
    assert not (videos.parent / 'poses').exists()
    assert main(arguments(videos, *options, '--replace')) == 0
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert check_annotations(annotations) == []
    assert annotations['skeleton'] == BLAZEPOSE_33
    for record in annotations['annotations']:
        length = LENGTHS[record['frame_dir']]
        assert record['keypoint'].shape == (1, length, 33, 3)
        np.testing.assert_array_equal(record['phase'], np.arange(length))


def test_what_is_done_is_kept(videos, monkeypatch, capsys):
    asked = []
    detect = Fake.detect

    def counting(self, frames):
        asked.append(frames.path.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return detect(self, frames)

    monkeypatch.setattr(Fake, 'detect', counting)
    assert main(arguments(videos)) == 130
    assert 'interrupted: the same command goes on' in capsys.readouterr().err
    assert (videos.parent / 'poses/hop/1.npy').exists()
    assert not (videos.parent / 'all.pkl').exists()
    assert main(arguments(videos)) == 0
    assert asked == ['1', '2', '2', 'sit']
    first = (videos.parent / 'all.pkl').read_bytes()
    assert main(arguments(videos, '--overwrite')) == 0
    assert len(asked) == 4
    assert (videos.parent / 'all.pkl').read_bytes() == first


def test_all_of_no_use_are_told_at_once(videos, monkeypatch, capsys):
    """And the others are done, so that they need not be done again."""
    make_folder(videos / 'empty', [WHITE] * 3)
    make_folder(videos / 'a', [WHITE] * 3)
    make_folder(videos / 'mixed', [10])
    (videos / 'mixed' / '1.mp4').touch()
    asked = []
    detect = Fake.detect

    def counting(self, frames):
        asked.append(frames.path.name)
        return detect(self, frames)

    monkeypatch.setattr(Fake, 'detect', counting)
    command = arguments(videos)
    missing = videos.parent / 'gone.mp4'
    command.insert(0, str(missing))
    broken = ['a', 'empty', str(videos / 'mixed'), str(missing)]
    assert main(command) == 2
    *early, advice = capsys.readouterr().err.strip().splitlines()
    assert '--skip-broken' in advice
    for name in broken:
        assert any(line.startswith(f'  {name}') for line in early)
    assert not (videos.parent / 'all.pkl').exists()
    assert sorted(asked) == ['1', '2', 'a', 'empty', 'sit']
    assert main([*command, '--skip-broken']) == 1
    # What was found to be of no use is tried again.
    assert sorted(asked[5:]) == ['a', 'empty']
    last = capsys.readouterr().err.splitlines()[-4:]
    for name, line in zip(sorted(broken), sorted(last), strict=True):
        assert line.startswith(f'  {name}')
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert annotations['split'] == dict(train=list(LENGTHS))
    # Nothing outside of the output folder was touched.
    assert not list(videos.parent.glob('*.npy'))


def test_all_unusable_videos_are_named(videos, capsys):
    files = pytest.importorskip('video_files', reason='needs "features"')
    reasons = files.unusable_videos(videos)
    for name, reason in reasons.items():
        alone = arguments(videos)
        alone[0] = str(videos / name)
        assert main(alone) == 2
        assert f'{name} {reason}' in capsys.readouterr().err
    assert main(arguments(videos, '--skip-broken')) == 1
    printed = capsys.readouterr().err
    for name, reason in reasons.items():
        assert f'{name} {reason}' in printed
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert annotations['split'] == dict(train=list(LENGTHS))


def test_all_of_no_use(videos, capsys):
    options = ('--person', '3', '--skip-broken')
    assert main(arguments(videos, *options)) == 2
    assert 'expected 3 at least' in capsys.readouterr().err


def test_dry_run(videos, capsys):
    assert main(arguments(videos, '--dry-run')) == 0
    printed = capsys.readouterr().out
    assert '3 of 3 sequences to do, with mmpose (body2d: 17 joints in 2D)' in (
        printed
    )
    assert not (videos.parent / 'poses').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--person', '0'], '--person'),
        (['--min-found', '1.5'], '--min-found'),
        (['--pose-weights', 'none.pth'], 'there is no file none.pth'),
        (['--replace'], '--replace goes with --merge'),
        (
            ['--backend', 'mediapipe', '--detector', 'none'],
            '--detector does not go with --backend mediapipe',
        ),
    ],
)
def test_wrong_options(videos, capsys, options, message):
    with pytest.raises(SystemExit):
        main(arguments(videos, *options))
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('module', 'backend', 'line'),
    [
        ('mmdet.apis', 'mmpose', 'pip install --no-deps mmpose==1.3.2 mmdet'),
        ('mediapipe', 'mediapipe', 'masa-mmaction2[mediapipe]'),
    ],
)
def test_without_the_extra(videos, capsys, monkeypatch, module, backend, line):
    monkeypatch.setitem(backends.BACKENDS, 'mmpose', backends._build_mmpose)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(arguments(videos, '--backend', backend)) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.startswith('error: ')
    assert not (videos.parent / 'poses').exists()


def test_a_file_that_holds_no_model_of_mediapipe(videos, capsys):
    pytest.importorskip('mediapipe', reason='needs the extra "mediapipe"')
    path = videos.parent / 'text.task'
    path.write_text('text')
    options = ('--backend', 'mediapipe', '--pose-weights', str(path))
    assert main(arguments(videos, *options)) == 2
    assert 'text.task' in capsys.readouterr().err
    assert not (videos.parent / 'poses').exists()


def test_other_poses_are_not_mixed(videos, capsys):
    assert main(arguments(videos)) == 0
    assert main(arguments(videos, '--target', 'hands2d', '--overwrite')) == 2
    assert 'the poses in ' in capsys.readouterr().err


def test_from_videos_to_embeddings(videos, monkeypatch, capsys):
    """The commands of docs/videos.md, but for the estimator."""
    make_folder(videos / 'hop' / '3', range(20, 27))
    labels = videos.parent / 'labels.csv'
    labels.write_text(
        'sequence,activity,split\nhop/1,hop,\nhop/2,hop,\nsit,sit,\n'
        'hop/3,hop,val\n'
    )
    options = ('--target', 'body3d', '--labels', str(labels))
    assert main(arguments(videos, *options)) == 0
    monkeypatch.chdir(videos.parent)
    work, dump = videos.parent / 'work', videos.parent / 'embeddings.npz'

    def tool(name, *more):
        return masa_command(name)(
            [
                str(ROOT / 'configs' / 'masa_videos.py'),
                *more,
                *('--work-dir', str(work), '--cfg-options'),
                'train_cfg.max_epochs=2',
                'default_hooks.checkpoint.interval=1',
                'train_dataloader.num_workers=0',
                'train_dataloader.persistent_workers=False',
                *(
                    f'{name}_dataloader.dataset.ann_file=all.pkl'
                    for name in ('train', 'val', 'test')
                ),
            ]
        )

    tool('train')
    tool('test', str(work / 'epoch_2.pth'), '--dump', str(dump))
    assert 'no figure: the annotation file' in capsys.readouterr().out
    sequences = SequenceCollection.load(dump)
    assert sequences.names == ['hop/1', 'hop/2', 'sit', 'hop/3']
    for name, embedding in zip(
        sequences.names, sequences.embeddings, strict=True
    ):
        assert len(embedding) == dict(LENGTHS, **{'hop/3': 7})[name]
        assert np.isfinite(embedding).all()


def test_phases_of_a_spreadsheet(videos, tmp_path, capsys):
    table = tmp_path / 'phases.csv'
    table.write_text(
        'sequence,start_frame,end_frame,phase\n'
        'hop/1,0,2,down\nhop/1,3,5,up\nhop/2,4,8,up\n'
    )
    assert main(arguments(videos, '--phases', str(table))) == 0
    annotations = load_annotations(videos.parent / 'all.pkl')
    assert check_annotations(annotations) == []
    first, second, third = annotations['annotations']
    assert first['phase'].tolist() == [0, 0, 0, 1, 1, 1]
    assert second['phase'].tolist() == [-1] * 4 + [1] * 5
    assert 'phase' not in third
    assert annotations['phases'] == dict(all=['down', 'up'])
    printed = capsys.readouterr()
    assert 'sit' in printed.out


def test_wrong_phases_are_found_before_the_work(videos, tmp_path, capsys):
    table = tmp_path / 'phases.csv'
    for text in ('sequence,frame\nhop/1,0\n', 'sequence,frame,phase\nx,0,a\n'):
        table.write_text(text)
        assert main(arguments(videos, '--phases', str(table))) == 2
        assert str(table) in capsys.readouterr().err
    assert not (videos.parent / 'poses').exists()


def test_names_that_are_no_file_names_elsewhere(tmp_path):
    root = tmp_path / 'videos'
    names = ['aux', 'hop: 1', 'v.npy/1', 'x' * 255]
    for name in names:
        make_folder(root / name, [10, 11])
    assert main(arguments(root)) == 0
    annotations = load_annotations(tmp_path / 'all.pkl')
    assert annotations['split'] == dict(train=names)
    files = [p.name for p in (tmp_path / 'poses').rglob('*.npy')]
    assert {'%61ux.npy', 'hop%3A 1.npy', '1.npy'} < set(files)
    assert len(files) == len(names)
    # What is done is found again.
    assert main(arguments(root, '--overwrite')) == 0


def test_names_that_differ_in_case_only(tmp_path, capsys):
    root = tmp_path / 'videos'
    for name in ('a', 'A'):
        (root / name).mkdir(parents=True, exist_ok=True)
    if len(list(root.iterdir())) < 2:
        pytest.skip('the file system ignores case')
    for name in ('a', 'A'):
        make_folder(root / name / '1', [10, 11])
    assert main(arguments(root)) == 2
    error = capsys.readouterr().err
    assert "'A/1'" in error
    assert "'a/1'" in error
    assert not (tmp_path / 'poses').exists()
