import json

import numpy as np
import pytest
from public_files import (
    gym_hrnet,
    k400_hrnet,
    ntu60_hrnet,
    record,
    walk,
    write,
)
from tiny_demo import masa_command

from masa.datasets import AnnotationError, SequenceDataset, load_annotations
from masa.datasets.skeletons import COCO_17

main = masa_command('convert', 'join')


def run(folder, *arguments, output='joined.pkl'):
    path = folder / output
    return main(list(map(str, [path, *arguments]))), path


@pytest.fixture
def lists(tmp_path):
    """Two lists of records, as custom_dataset_train.pkl and _val.pkl."""
    records = ntu60_hrnet()['annotations']
    return (
        write(records[:4], tmp_path / 'custom_dataset_train.pkl'),
        write(records[4:], tmp_path / 'custom_dataset_val.pkl'),
    )


@pytest.mark.parametrize('output', ['joined.pkl', 'joined.npz', 'joined.json'])
def test_two_lists_become_splits(lists, output, tmp_path, capsys):
    train, val = lists
    code, path = run(
        tmp_path,
        *('--split', 'train', train, '--split', 'val', val),
        *('--skeleton', 'COCO_17'),
        output=output,
    )
    assert code == 0
    joined = load_annotations(path)
    records = ntu60_hrnet()['annotations']
    names = [one['frame_dir'] for one in records]
    assert joined['split'] == dict(train=names[:4], val=names[4:])
    assert joined['skeleton'] == COCO_17
    for one, found in zip(records, joined['annotations'], strict=True):
        np.testing.assert_array_equal(found['keypoint'], one['keypoint'])
        assert found['label'] == one['label']
    select = [dict(type='SelectPerson'), dict(type='NormalizeSkeleton')]
    assert len(SequenceDataset(str(path), select, split='val')) == 2
    assert 'masa check' in capsys.readouterr().out


def test_list_itself_is_refused_with_this_command(lists):
    with pytest.raises(AnnotationError, match=r'masa convert join') as error:
        load_annotations(lists[0])
    assert str(lists[0]) in str(error.value)


def test_records_of_single_videos(tmp_path, capsys):
    files = [
        write(record(f'v{i}', [walk(6 + i)]), tmp_path / f'v{i}.pkl')
        for i in range(3)
    ]
    code, path = run(
        tmp_path, '--split', 'train', *files[:2], '--split', 'val', files[2]
    )
    assert code == 0
    joined = load_annotations(path)
    assert joined['split'] == dict(train=['v0', 'v1'], val=['v2'])
    # What is missing is said, with the layouts that it may be.
    printed = capsys.readouterr().out
    assert 'COCO_17 or H36M_17' in printed


def test_list_in_json(tmp_path):
    records = [
        dict(
            frame_dir=n,
            total_frames=2,
            keypoint=np.ones((1, 2, 17, 2)).tolist(),
        )
        for n in 'ab'
    ]
    (tmp_path / 'a.json').write_text(json.dumps(records[0]))
    (tmp_path / 'b.json').write_text(json.dumps(records[1:]))
    code, path = run(
        tmp_path,
        *('--split', 'train', tmp_path / 'a.json', tmp_path / 'b.json'),
    )
    assert code == 0
    assert load_annotations(path)['split'] == dict(train=['a', 'b'])


def test_annotation_file_keeps_its_splits_and_gets_a_skeleton(tmp_path):
    ntu = write(ntu60_hrnet(), tmp_path / 'ntu60_hrnet.pkl')
    gym = write(
        gym_hrnet() | dict(activities=[*map(str, range(60))]),
        tmp_path / 'gym.pkl',
    )
    more = write([record('a', [walk(5)])], tmp_path / 'more.pkl')
    code, path = run(
        tmp_path,
        *('--annotations', ntu, gym, '--split', 'train', more),
        *('--skeleton', 'COCO_17'),
    )
    assert code == 0
    joined = load_annotations(path)
    assert joined['split'] == {
        **ntu60_hrnet()['split'],
        'train': [*gym_hrnet()['split']['train'], 'a'],
        'val': gym_hrnet()['split']['val'],
    }
    assert len(joined['activities']) == 60
    assert len(joined['annotations']) == 11


def test_packed_poses_are_unpacked(tmp_path):
    contents = k400_hrnet(tmp_path)
    path = write(contents['annotations'], tmp_path / 'list.pkl')
    code, joined = run(tmp_path, '--split', 'train', path, '--poses', tmp_path)
    assert code == 0
    for one in load_annotations(joined)['annotations']:
        assert one['keypoint'].shape == (2, one['total_frames'], 17, 2)
        assert 'raw_file' not in one


def test_id_in_two_lists_is_named(lists, tmp_path, capsys):
    train, _ = lists
    other = write([ntu60_hrnet()['annotations'][2]], tmp_path / 'other.pkl')
    code, path = run(tmp_path, '--split', 'a', train, '--split', 'b', other)
    assert code == 2
    error = capsys.readouterr().err
    for word in (str(train), str(other), 'S001C002P001R001A050'):
        assert word in error
    assert not path.exists()
    twice = write([record('x', [walk(4)])] * 2, tmp_path / 'twice.pkl')
    code, _ = run(tmp_path, '--split', 'a', twice)
    assert code == 2
    assert "'x'" in capsys.readouterr().err


def test_what_cannot_be_joined_is_named(lists, tmp_path, capsys):
    train, _ = lists
    ntu = write(ntu60_hrnet(), tmp_path / 'ntu.pkl')
    other = write(
        gym_hrnet() | dict(skeleton=dict(joints=list('ab'))),
        tmp_path / 'other.pkl',
    )
    number = write(7, tmp_path / 'number.pkl')
    bad = record('bad', [walk(4)])
    bad['total_frames'] = 9
    bad = write([bad], tmp_path / 'bad.pkl')
    for arguments, word in (
        (('--split', 'train', ntu), 'ntu.pkl'),
        (('--annotations', train), 'custom_dataset_train.pkl'),
        (('--annotations', other), 'other.pkl'),
        (('--split', 'train', number), 'number.pkl'),
        (('--split', 'train', bad), "'bad'"),
        (('--split', 'train', tmp_path / 'none.pkl'), 'none.pkl'),
        (('--split', 'x', train, '--skeleton', 'OPENPOSE_25'), 'keypoint'),
    ):
        code, path = run(tmp_path, *arguments)
        assert code == 2, arguments
        assert word in capsys.readouterr().err
        assert not path.exists()


@pytest.mark.parametrize(
    ('arguments', 'word'),
    [
        ([], '--split'),
        (['--split', 'train'], 'train'),
        (['--split', 'a', 'b.pkl', '--skeleton', 'COCO_25'], 'COCO_17'),
    ],
)
def test_wrong_arguments(arguments, word, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run(tmp_path, *arguments)
    assert error.value.code == 2
    assert word in capsys.readouterr().err


def test_nothing_is_overwritten(lists, tmp_path):
    train, _ = lists
    (tmp_path / 'joined.pkl').write_text('mine')
    with pytest.raises(SystemExit) as error:
        run(tmp_path, '--split', 'train', train)
    assert error.value.code == 2
    assert (tmp_path / 'joined.pkl').read_text() == 'mine'
    code, path = run(tmp_path, '--split', 'train', train, '--overwrite')
    assert code == 0
    assert len(load_annotations(path)['annotations']) == 4
