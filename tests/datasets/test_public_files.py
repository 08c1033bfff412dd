"""Files in the layouts of PYSKL and MMAction2 are used as they are."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from public_files import (
    gym_hrnet,
    k400_hrnet,
    ntu60_3danno,
    ntu60_hrnet,
    record,
    walk,
    write,
)

from masa.datasets import AnnotationError, SequenceDataset, sequence_dataset
from masa.datasets.skeletons import COCO_17, KINECT_25

CONFIGS = Path(__file__).parents[2] / 'configs'
PACK = dict(type='PackSequenceInputs')


def pipelines(**select):
    """The pipelines of the recipe for skeletons, its choice of a person."""
    config = Config.fromfile(CONFIGS / '_base_/datasets/skeleton.py')
    for name in ('train_pipeline', 'test_pipeline'):
        assert config[name][0].type == 'SelectPerson'
        config[name][0].update(select)
        yield config[name]


def load(path, pipeline, skeleton=COCO_17, **kwargs):
    return SequenceDataset(
        str(path), pipeline, metainfo=dict(skeleton=skeleton), **kwargs
    )


@pytest.mark.parametrize(
    ('contents', 'skeleton', 'channels', 'split'),
    [
        (ntu60_hrnet(), COCO_17, 34, ['xsub_train', 'xsub_val']),
        (gym_hrnet(), COCO_17, 34, ['train', 'val']),
        (ntu60_3danno(), KINECT_25, 75, ['xsub_train', 'xsub_val']),
    ],
    ids=['ntu60_hrnet', 'gym_hrnet', 'ntu60_3danno'],
)
@pytest.mark.parametrize('people', [1, 2])
def test_recipe_reads_them(
    contents, skeleton, channels, split, people, tmp_path
):
    path = write(contents, tmp_path / 'data.pkl')
    for pipeline in pipelines(people=people):
        dataset = load(path, pipeline, skeleton, split=split)
        assert len(dataset) == len(contents['annotations'])
        for sample in dataset:
            for view in sample['inputs']:
                assert view['values'].shape[1] == people * channels
                assert view['values'].isfinite().all()


def test_choice_among_several_people_is_announced(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        sequence_dataset, 'print_log', lambda text, logger: said.append(text)
    )
    path = write(ntu60_hrnet(), tmp_path / 'data.pkl')
    load(path, next(pipelines()), split='xsub_val')
    (line,) = said
    for word in ('data.pkl', '2 of 3', 'SelectPerson'):
        assert word in line
    # Nobody is left out.
    load(path, next(pipelines(people=3)), split='xsub_val')
    load(write(gym_hrnet(), path), next(pipelines()))
    assert len(said) == 1


def test_without_a_choice_one_line_says_how_to_make_it(tmp_path):
    path = write(ntu60_hrnet(), tmp_path / 'data.pkl')
    with pytest.raises(AnnotationError) as error:
        load(path, [PACK])
    (problem,) = error.value.problems
    assert "dict(type='SelectPerson')" in problem.expected
    for word in ('1 in 2', '2 in 3', '3 in 1', "'S001C002P003R001A001'"):
        assert word in problem.found


def test_person_that_is_not_there_is_a_problem_of_the_record(tmp_path):
    path = write(ntu60_hrnet(), tmp_path / 'data.pkl')
    with pytest.raises(AnnotationError) as error:
        load(path, [dict(type='SelectPerson', by=1), PACK])
    names = [problem.record for problem in error.value.problems]
    # One person; and a second who is all zeros.
    assert names == [
        'S001C001P001R001A001',
        'S001C002P001R001A050',
        'S001C001P003R001A001',
    ]


def test_filename_in_the_place_of_frame_dir(tmp_path):
    contents = gym_hrnet()
    for one in contents['annotations']:
        one['filename'] = one.pop('frame_dir')
    path = write(contents, tmp_path / 'data.pkl')
    dataset = load(path, next(pipelines()), split='val')
    names = [dataset.get_data_info(i)['frame_dir'] for i in range(2)]
    assert names == contents['split']['val']


@pytest.mark.parametrize('key', ['frame_dir', 'filename'])
def test_splits_may_name_either_id(key, tmp_path):
    contents = gym_hrnet()
    for one in contents['annotations']:
        one['filename'] = f'{one["frame_dir"]}.mp4'
    contents['split'] = dict(
        train=[one[key] for one in contents['annotations']]
    )
    path = write(contents, tmp_path / 'data.pkl')
    dataset = load(path, next(pipelines()), split='train')
    names = [dataset.get_data_info(i)['frame_dir'] for i in range(4)]
    assert names == contents['split']['train']


def unpacked(one, poses, threshold=0.0):
    """What a plain loop makes of a record and its poses."""
    people = [[] for _ in range(one['total_frames'])]
    for frame, box, pose in zip(
        one['frame_inds'], one['box_score'], poses, strict=True
    ):
        if box >= threshold:
            people[frame].append(pose)
    most = max(map(len, people))
    keypoint = np.zeros((most, len(people), 17, 3), np.float32)
    for t, found in enumerate(people):
        for m, pose in enumerate(found):
            keypoint[m, t] = pose
    return keypoint[..., :2], keypoint[..., 2]


def poses_of(one, folder):
    files = pickle.loads((folder / one['raw_file']).read_bytes())
    return files[one['frame_dir']]['keypoint']


@pytest.mark.parametrize('threshold', [0.5, 0.9])
def test_packed_poses_of_kinetics(threshold, tmp_path):
    contents = k400_hrnet(tmp_path)
    path = write(contents, tmp_path / 'k400_hrnet.pkl')
    prefix = dict(skeleton=str(tmp_path))
    dataset = load(path, [], data_prefix=prefix, box_thr=threshold)
    assert len(dataset) == 3
    for one, found in zip(contents['annotations'], dataset, strict=True):
        keypoint, score = unpacked(one, poses_of(one, tmp_path), threshold)
        assert len(keypoint) == (2 if threshold == 0.5 else 1)
        np.testing.assert_array_equal(found['keypoint'], keypoint)
        np.testing.assert_array_equal(found['keypoint_score'], score)
        assert found['total_frames'] == one['total_frames']
    (_, test) = pipelines()
    for sample in load(path, test, data_prefix=prefix, split='train'):
        assert sample['inputs'][0]['values'].shape[1] == 34


def test_sequences_with_few_valid_frames_are_left_out(tmp_path):
    path = write(k400_hrnet(tmp_path), tmp_path / 'k400_hrnet.pkl')
    prefix = dict(skeleton=str(tmp_path))
    dataset = load(path, [], data_prefix=prefix, valid_ratio=0.85, box_thr=0.6)
    assert [one['total_frames'] for one in dataset] == [10, 11]


def test_poses_in_the_file_itself_as_pyskl_compresses_them(tmp_path):
    contents = k400_hrnet(tmp_path)
    for one in contents['annotations']:
        one['keypoint'] = poses_of(one, tmp_path)
        del one['raw_file']
    path = write(contents, tmp_path / 'mine.pkl')
    for one, found in zip(
        contents['annotations'], load(path, []), strict=True
    ):
        keypoint, score = unpacked(one, one['keypoint'])
        np.testing.assert_array_equal(found['keypoint'], keypoint)
        np.testing.assert_array_equal(found['keypoint_score'], score)


def test_a_file_of_poses_for_every_sequence_as_mmaction2_has(tmp_path):
    contents = k400_hrnet(tmp_path / 'k400')
    folder = tmp_path / 'skeletons'
    folder.mkdir()
    for one in contents['annotations']:
        poses = dict(
            keypoint=poses_of(one, tmp_path / 'k400'),
            frame_inds=one.pop('frame_inds'),
        )
        del one['raw_file']
        write(poses, folder / f'{one["frame_dir"]}.pkl')
    path = write(contents, tmp_path / 'k400_2d.pkl')
    dataset = load(
        path,
        [],
        data_root=str(tmp_path),
        data_prefix=dict(skeleton='skeletons'),
    )
    assert [one['keypoint'].shape[0] for one in dataset] == [2, 2, 2]
    # Without the folder there are none.
    with pytest.raises(AnnotationError, match='keypoint'):
        load(path, [])


class Code:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda path: path.unlink(), ()),
        (lambda path: path.write_bytes(b''), ('pickle of arrays',)),
        (
            lambda path: path.write_bytes(pickle.dumps(Code(path / 'x'))),
            ('run code',),
        ),
        (lambda path: path.write_bytes(pickle.dumps([1])), ('none',)),
        (
            lambda path: path.write_bytes(
                pickle.dumps({'8DLIxLxqPyc': dict(keypoint=np.ones((3, 17)))})
            ),
            ('(3, 17)',),
        ),
    ],
    ids=['missing', 'empty', 'code', 'list', 'shape'],
)
def test_bad_file_of_poses_is_named_with_the_record(change, words, tmp_path):
    path = write(k400_hrnet(tmp_path), tmp_path / 'data.pkl')
    change(tmp_path / 'kpfiles/k400_1.pkl')
    prefix = dict(skeleton=str(tmp_path))
    # Only the files of the split are read.
    load(path, [], data_prefix=prefix, split='train')
    with pytest.raises(AnnotationError) as error:
        load(path, [], data_prefix=prefix, split='val')
    (problem,) = error.value.problems
    assert problem.record == '8DLIxLxqPyc'
    if not words or words[0] != '(3, 17)':
        assert 'kpfiles/k400_1.pkl' in problem.found
    for word in words:
        assert word in problem.found


def test_no_detection_is_sure_enough(tmp_path):
    contents = k400_hrnet(tmp_path)
    contents['annotations'][1]['box_score'][:] = 0.6
    path = write(contents, tmp_path / 'data.pkl')
    with pytest.raises(AnnotationError, match='JTlatknwOrY') as error:
        load(path, [], data_prefix=dict(skeleton=str(tmp_path)), box_thr=0.7)
    assert error.value.problems[0].field == 'box_score'


def test_people_of_packed_poses_are_told_apart(tmp_path):
    """The second detection of a frame is the first person of another."""
    contents = k400_hrnet(tmp_path)
    path = write(contents, tmp_path / 'data.pkl')
    (_, test) = pipelines()
    dataset = load(
        path,
        test[:1],
        data_prefix=dict(skeleton=str(tmp_path)),
        split='train',
    )
    found = dataset[0]
    body = walk(10)
    np.testing.assert_allclose(found['keypoint'][0], body, atol=7)
    assert not found['keypoint_score'][0, 3].any()


def test_single_record_of_several_people(tmp_path):
    one = record('a', [walk(5), walk(5, 900)])
    path = write(dict(annotations=[one]), tmp_path / 'data.pkl')
    assert len(load(path, next(pipelines()))) == 1
