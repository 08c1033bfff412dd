import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from payload import Payload
from public_files import k400_hrnet, ntu60_hrnet, write
from tiny_demo import masa_command

from masa.datasets import save_annotations
from masa.datasets.skeletons import COCO_17

ROOT = Path(__file__).parents[2]
main = masa_command('check')


def make_annotations():
    return dict(
        split=dict(train=['a', 'b', 'c'], val=['d']),
        annotations=[
            dict(
                frame_dir=name,
                total_frames=frames,
                label=label,
                keypoint=np.ones((1, frames, 4, 2), dtype=np.float32),
                keypoint_score=np.tile(
                    np.float32([1, 1, 1, 0]), (1, frames, 1)
                ),
                phase=np.zeros(frames, dtype=int),
            )
            for name, frames, label in (
                ('a', 10, 0),
                ('b', 20, 1),
                ('c', 30, 1),
                ('d', 40, 1),
            )
        ],
        activities=['jump', 'ru[/]n'],
    )


@pytest.fixture
def good(tmp_path):
    path = tmp_path / 'good [1].pkl'
    save_annotations(make_annotations(), path)
    return path


@pytest.fixture
def bad(tmp_path):
    annotations = make_annotations()
    annotations['annotations'][1]['keypoint'][0, 3, 2, 1] = np.nan
    annotations['annotations'][2].update(frame_dir='[/red]', label=9)
    path = tmp_path / 'bad.pkl'
    save_annotations(annotations, path)
    return path


def rows(text):
    return [
        [cell.strip() for cell in line.strip('│').split('│')]
        for line in text.splitlines()
        if line.startswith('│')
    ]


def test_good_file(good, capsys):
    assert main([str(good)]) == 0
    printed = capsys.readouterr().out
    assert 'good [1].pkl: no problems' in printed
    assert rows(printed) == [
        ['jump', '1', '0', '1', *['10'] * 5, '25.0%', '100%', '100%', '0%'],
        [
            *('ru[/]n', '2', '1', '3', '20', '25', '30', '35', '40'),
            *('25.0%', '100%', '100%', '0%'),
        ],
        [
            *('all', '3', '1', '4', '10', '18', '25', '32', '40'),
            *('25.0%', '100%', '100%', '0%'),
        ],
    ]


def test_file_without_optional_parts(tmp_path, capsys):
    path = tmp_path / 'plain.json'
    record = dict(
        frame_dir='a', total_frames=2, keypoint=[[[[1, 2]], [[3, 4]]]]
    )
    save_annotations(dict(annotations=[record]), path)
    assert main([str(path)]) == 0
    assert rows(capsys.readouterr().out) == [
        ['no label', '1', *['2'] * 5, 'no scores', '0%', '-', '0%']
    ]


def test_unlabelled_sequences_are_a_group(tmp_path, capsys):
    annotations = make_annotations()
    annotations['annotations'][0]['label'] = -1
    del annotations['annotations'][1]['label']
    path = tmp_path / 'data.pkl'
    save_annotations(annotations, path)
    assert main([str(path)]) == 0
    assert [row[:4] for row in rows(capsys.readouterr().out)] == [
        ['no label', '2', '0', '2'],
        ['ru[/]n', '1', '1', '2'],
        ['all', '3', '1', '4'],
    ]


def test_phases_out_of_order_are_counted(tmp_path, capsys):
    annotations = make_annotations()
    for record, phases in zip(
        annotations['annotations'],
        ([0, 1, -1, 1, 2], [0, 2], [1, 0], [1, 1, 2]),
        strict=True,
    ):
        record['phase'] = np.resize(phases, record['total_frames'])
        record['phase'][len(phases) :] = phases[-1]
    path = tmp_path / 'data.pkl'
    save_annotations(annotations, path)
    assert main([str(path)]) == 0
    column = [row[-2] for row in rows(capsys.readouterr().out)]
    assert column == ['100%', '33%', '50%']


def test_features_alone(tmp_path, capsys):
    path = tmp_path / 'features.json'
    record = dict(frame_dir='a', total_frames=2, feature_path='a.npy')
    save_annotations(dict(annotations=[record]), path)
    assert main([str(path)]) == 0
    assert rows(capsys.readouterr().out) == [
        ['no label', '1', *['2'] * 5, 'no joints', '0%', '-', '100%']
    ]


def test_all_problems_are_listed(bad, capsys):
    assert main([str(bad)]) == 1
    printed = capsys.readouterr().out
    assert 'bad.pkl: problems: 4' in printed
    found = rows(printed)
    assert found[0][:2] == ['b', 'keypoint']
    assert found[1][:2] == ['[/red]', 'label']
    assert found[2][1] == "split 'train'"
    assert found[3][:2] == ['[/red]', 'split']


def test_worst_status_of_several_files(good, bad, tmp_path, capsys):
    missing = tmp_path / 'none.pkl'
    assert main([str(good), str(bad)]) == 1
    assert main([str(missing), str(good), str(bad)]) == 2
    printed = capsys.readouterr().out
    assert 'none.pkl: cannot be read' in printed.replace('\n', '')


def test_malicious_file_is_not_run(tmp_path, capsys):
    mark = tmp_path / 'mark'
    path = tmp_path / 'evil.pkl'
    path.write_bytes(pickle.dumps(dict(annotations=[Payload(mark)])))
    assert main([str(path)]) == 2
    assert 'mkdir' in capsys.readouterr().out
    assert not mark.exists()


def test_feature_files(tmp_path, capsys):
    annotations = make_annotations()
    for record in annotations['annotations']:
        record['feature_path'] = f'{record["frame_dir"]}.npy'
        frames = record['total_frames']
        np.save(
            tmp_path / record['feature_path'],
            np.ones((frames, 3), dtype=np.float16),
        )
    path = tmp_path / 'data.npz'
    save_annotations(annotations, path)
    assert main([str(path), '--features', str(tmp_path)]) == 0
    (tmp_path / 'c.npy').unlink()
    assert main([str(path)]) == 0
    capsys.readouterr()
    assert main([str(path), '--features', str(tmp_path)]) == 1
    assert rows(capsys.readouterr().out)[0][:2] == ['c', 'feature_path']


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(['--help'])
    assert 'Example: masa check' in capsys.readouterr().out


def test_command_line_passes_the_status_on(bad):
    run = subprocess.run(
        [sys.executable, '-m', 'masa', 'check', str(bad)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert 'problems: 4' in run.stdout


def notices(printed):
    """The fields of the notices."""
    return [
        line.split(':')[1].strip()
        for line in printed.splitlines()
        if line.startswith('notice:')
    ]


def test_file_of_pyskl_has_notices_and_no_problems(tmp_path, capsys):
    path = write(ntu60_hrnet(), tmp_path / 'ntu60_hrnet.pkl')
    assert main([str(path)]) == 0
    printed = capsys.readouterr().out
    assert notices(printed) == ['split', 'skeleton', 'keypoint']
    for word in (
        'xsub_train',
        'COCO_17',
        'H36M_17',
        'SelectPerson',
        '--config',
    ):
        assert word in printed


def test_joints_in_lists(tmp_path, capsys):
    contents = ntu60_hrnet()
    for one in contents['annotations']:
        one['keypoint'] = one['keypoint'].tolist()
    path = write(contents, tmp_path / 'lists.pkl')
    assert main([str(path)]) == 0
    assert 'keypoint' in notices(capsys.readouterr().out)


def test_file_for_all_recipes_has_no_notices(tmp_path, capsys):
    annotations = make_annotations()
    annotations['skeleton'] = dict(
        joints=list('abcd'), bones=[], flip_pairs=[], root=0, torso=[0, 1]
    )
    path = tmp_path / 'data.pkl'
    save_annotations(annotations, path)
    assert main([str(path)]) == 0
    assert notices(capsys.readouterr().out) == []
    del annotations['annotations'][2]['keypoint']
    del annotations['annotations'][2]['keypoint_score']
    annotations['annotations'][2]['feature_path'] = 'c.npy'
    save_annotations(annotations, path)
    assert main([str(path)]) == 0
    assert notices(capsys.readouterr().out) == ['keypoint', 'feature_path']


CONFIG = """
pipeline = [{select} dict(type='NormalizeSkeleton'),
            dict(type='PackSequenceInputs')]
train_dataloader = dict(
    batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='SequenceDataset', ann_file={ann_file!r},
                 pipeline=pipeline, split='xsub_train'))
val_dataloader = dict(
    batch_size=2, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='SequenceDataset', ann_file={ann_file!r},
                 pipeline=pipeline, split='{val}', test_mode=True))
test_dataloader = val_dataloader
default_scope = 'mmaction'
"""


def write_config(path, ann_file, select='', val='xsub_val'):
    path.write_text(
        CONFIG.format(ann_file=str(ann_file), select=select, val=val)
    )
    return str(path)


def test_config_finds_what_its_loaders_refuse(tmp_path, capsys):
    contents = ntu60_hrnet() | dict(skeleton=COCO_17)
    # Nobody there has a torso.
    contents['annotations'][4]['keypoint'][:] = 5
    path = write(contents, tmp_path / 'data.pkl')
    config = write_config(tmp_path / 'config.py', path)
    assert main(['--config', config]) == 1
    found = rows(capsys.readouterr().out)
    where = {(row[0], row[1], row[4]) for row in found if row[1]}
    assert where == {
        ('', 'keypoint', 'train'),
        ('', 'keypoint', 'val, test'),
        ('S001C001P003R001A050', 'keypoint', 'val, test'),
    }


def test_config_and_another_file(tmp_path, capsys):
    bad = ntu60_hrnet()
    path = write(bad, tmp_path / 'bad.pkl')
    good = write(bad | dict(skeleton=COCO_17), tmp_path / 'good.pkl')
    select = "dict(type='SelectPerson'),"
    config = write_config(tmp_path / 'config.py', path, select)
    assert main(['--config', config]) == 1
    assert main(['--config', config, str(good)]) == 0
    assert main(['--config', config, str(good), str(path)]) == 1
    assert 'no problems' in capsys.readouterr().out
    missing = str(tmp_path / 'none.pkl')
    assert main(['--config', config, missing]) == 2
    assert 'none.pkl' in capsys.readouterr().out.replace('\n', '')


def test_config_whose_split_is_not_there(tmp_path, capsys):
    path = write(ntu60_hrnet() | dict(skeleton=COCO_17), tmp_path / 'd.pkl')
    select = "dict(type='SelectPerson'),"
    config = write_config(tmp_path / 'config.py', path, select, 'val')
    assert main(['--config', config]) == 1
    (row,) = [r for r in rows(capsys.readouterr().out) if r[1]]
    assert row[1] == 'val_dataloader'
    assert row[4] == 'val, test'


def test_config_of_another_width(tmp_path, capsys):
    path = write(ntu60_hrnet() | dict(skeleton=COCO_17), tmp_path / 'd.pkl')
    select = "dict(type='SelectPerson'),"
    config = Path(write_config(tmp_path / 'config.py', path, select))
    text = config.read_text()
    for channels, status in ((34, 0), (99, 1)):
        config.write_text(f"""{text}
model = dict(
    type='SequenceAligner', neck=None, head=dict(type='CARLHead'),
    backbone=dict(type='ContextAwareEncoder', in_channels={channels},
                  embed_dims=16, num_heads=2))
""")
        assert main(['--config', str(config)]) == status
    (*_, row) = [r for r in rows(capsys.readouterr().out) if r[1]]
    assert 'in_channels=34' in ' '.join(row)


def test_config_that_reads_no_file(good, capsys):
    config = str(ROOT / 'configs' / 'masa_demo.py')
    assert main(['--config', config, str(good)]) == 2
    printed = ' '.join(capsys.readouterr().out.split())
    assert 'reads no annotation file' in printed


def test_neither_file_nor_config():
    with pytest.raises(SystemExit) as error:
        main([])
    assert error.value.code == 2


def test_files_of_poses(tmp_path, capsys):
    path = write(k400_hrnet(tmp_path), tmp_path / 'k400_hrnet.pkl')
    assert main([str(path)]) == 0
    assert 'raw_file' in notices(capsys.readouterr().out)
    assert main([str(path), '--poses', str(tmp_path)]) == 0
    assert 'raw_file' not in notices(capsys.readouterr().out)
    (tmp_path / 'kpfiles' / 'k400_1.pkl').unlink()
    assert main([str(path), '--poses', str(tmp_path)]) == 1
    (row,) = [r for r in rows(capsys.readouterr().out) if r[0]]
    assert row[:2] == ['8DLIxLxqPyc', 'raw_file']
