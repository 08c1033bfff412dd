import os
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_demo import masa_command
from utd_files import write_skeleton_file

from masa.datasets import SequenceDataset, check_annotations, load_annotations

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get('MASA_SHARED', ROOT.parent / 'shared'))
main = masa_command('convert', 'utd')


@pytest.fixture
def skeletons(tmp_path):
    folder = tmp_path / 'UTD MHAD' / 'Skeleton'
    folder.mkdir(parents=True)
    for action in (1, 27):
        for subject in (1, 2, 7):
            write_skeleton_file(folder, f'a{action}_s{subject}_t1_skeleton')
    return folder


def convert(folder, output, *arguments):
    return main([str(folder), str(output), *map(str, arguments)])


def test_conversion(skeletons, tmp_path, capsys):
    joints = write_skeleton_file(skeletons, 'a10_s1_t4_skeleton', (20, 3, 5))
    output = tmp_path / 'utd.pkl'
    assert convert(skeletons, output, '--val-subjects', 7) == 0
    annotations = load_annotations(output)
    assert check_annotations(annotations) == []
    assert annotations['split'] == dict(
        train=['a01_s1_t1', 'a10_s1_t4', 'a27_s1_t1'],
        val=['a01_s7_t1', 'a27_s7_t1'],
        test=['a01_s2_t1', 'a27_s2_t1'],
    )
    dataset = SequenceDataset(str(output), [], split='train')
    record = dataset[1]
    assert record['activity'] == 'draw_circle_counter_clockwise'
    assert record['total_frames'] == 5
    assert dataset[2]['activity'] == 'squat'
    assert record['subject'] == 1
    for frame in range(5):
        for joint in range(20):
            np.testing.assert_allclose(
                record['keypoint'][0, frame, joint],
                joints[joint, :, frame],
                rtol=1e-6,
            )
    assert f'masa check {output}' in capsys.readouterr().out.replace('\n', ' ')


def test_without_held_out_subjects(skeletons, tmp_path):
    output = tmp_path / 'utd.npz'
    assert convert(skeletons, output) == 0
    splits = load_annotations(output)['split']
    assert {name: len(ids) for name, ids in splits.items()} == dict(
        train=4, test=2
    )


def test_some_subjects(skeletons, tmp_path, capsys):
    output = tmp_path / 'utd.pkl'
    some = ('--subjects', 1, 7, '--val-subjects', 7)
    assert convert(skeletons, output, *some) == 0
    assert load_annotations(output)['split'] == dict(
        train=['a01_s1_t1', 'a27_s1_t1'], val=['a01_s7_t1', 'a27_s7_t1']
    )
    other = tmp_path / 'other.pkl'
    assert convert(skeletons, other, '--subjects', 1, 3) == 2
    assert '[3]' in capsys.readouterr().err
    assert not other.exists()


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a1_s1_skeleton', {}, 'a name like a1_s1_t1_skeleton.mat'),
        ('a28_s1_t1_skeleton', {}, r'\[1, 27\], but its name says 28'),
        ('a1_s1_t1_skeleton', dict(other=1), 'd_skel'),
        (
            'a1_s1_t1_skeleton',
            dict(d_skel=np.zeros((20, 3))),
            r'\(20, 3, frames\).*\(20, 3\)',
        ),
        (
            'a1_s1_t1_skeleton',
            dict(d_skel=np.zeros((25, 3, 4))),
            r'but has \(25, 3, 4\)',
        ),
        (
            'a1_s1_t1_skeleton',
            dict(d_skel=np.full((20, 3, 4), np.nan)),
            'a01_s1_t1',
        ),
    ],
)
def test_broken_files_are_named(
    skeletons, tmp_path, capsys, name, content, message
):
    write_skeleton_file(skeletons, name, **content)
    output = tmp_path / 'utd.pkl'
    assert convert(skeletons, output) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert not output.exists()


def test_a_file_cut_short_is_named(skeletons, tmp_path, capsys):
    path = skeletons / 'a1_s1_t1_skeleton.mat'
    path.write_bytes(path.read_bytes()[:100])
    assert convert(skeletons, tmp_path / 'utd.pkl') == 2
    assert f'{path} cannot be read' in capsys.readouterr().err


def test_all_broken_files_are_named(skeletons, tmp_path, capsys):
    names = 'a1_s1_t1_skeleton', 'a27_s7_t1_skeleton'
    for name in names:
        (skeletons / f'{name}.mat').write_bytes(b'no skeleton')
    output = tmp_path / 'utd.pkl'
    assert convert(skeletons, output) == 2
    *lines, advice = capsys.readouterr().err.splitlines()
    for name, line in zip(names, lines[1:], strict=True):
        assert line.startswith(f'  {name}: ')
    assert '--skip-broken' in advice
    assert not output.exists()
    assert convert(skeletons, output, '--skip-broken') == 1
    assert capsys.readouterr().err.splitlines() == lines
    assert len(load_annotations(output)['annotations']) == 4


def test_wrong_subjects_are_told(skeletons, tmp_path, capsys):
    output = tmp_path / 'utd.pkl'
    for subjects, message in (
        ([3], r'subjects [3] are expected to be among'),
        ([2], 'that are there, [1, 7]'),
        ([1, 7], 'none is left to train on'),
    ):
        assert convert(skeletons, output, '--val-subjects', *subjects) == 2
        assert message in capsys.readouterr().err
    (tmp_path / 'empty').mkdir()
    assert convert(tmp_path / 'empty', output) == 2
    assert '*.mat' in capsys.readouterr().err


@pytest.mark.realdata
@pytest.mark.skipif(
    not (SHARED / 'utd_mhad').is_dir(), reason='needs the real UTD-MHAD'
)
def test_the_real_data(tmp_path):
    output = tmp_path / 'utd.pkl'
    folder = SHARED / 'utd_mhad' / 'Skeleton'
    assert convert(folder, output, '--val-subjects', 7) == 0
    splits = load_annotations(output)['split']
    assert {name: len(ids) for name, ids in splits.items()} == dict(
        train=323, val=108
    )
