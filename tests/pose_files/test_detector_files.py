"""Files of COCO, DeepLabCut and SLEAP.

HDF5 is written here as pandas with PyTables, and sleap-io, wrote it.
"""

import json

import numpy as np
import pytest
from pose_writers import flat, make_person, write_json
from table_writers import coco_file, only_format, write_deeplabcut

from masa.datasets import AnnotationError, check_annotations
from masa.datasets.skeletons import COCO_17
from masa.pose_files import (
    read_pose_file,
    read_pose_sequences,
)
from masa.pose_files.conversion import make_annotations

RNG = np.random.default_rng(0)


def test_annotations_of_coco(tmp_path):
    keypoint, _ = make_person(17, 4)
    marked = np.full((4, 17), 2)
    marked[0, 3] = 0
    marked[1, 3] = 1
    rows = [flat(keypoint[t], marked[t]) for t in range(4)]
    rows[2] = None
    content = coco_file(
        rows * 2,
        [
            *(f'squat/{t:06d}.jpg' for t in (3, 1, 2, 4)),
            *(f'hop/img_{t}.png' for t in (0, 2, 4, 6)),
        ],
        track_id=[5] * 8,
    )
    content['annotations'].append(dict(image_id=7, bbox=[0, 0, 1, 1]))
    path = write_json(tmp_path / 'a.json', content)
    only_format(path)
    squat, hop = read_pose_sequences(path)
    assert (squat.name, hop.name) == ('squat', 'hop/img')
    assert squat.skeleton == COCO_17
    expected = keypoint.copy()
    expected[0, 3] = np.nan
    expected[2] = np.nan
    found, score = hop.person(1, 0.5, 'a')
    np.testing.assert_allclose(found, expected)
    marked[2] = 0
    np.testing.assert_allclose(score, marked.clip(max=1))
    found, _ = squat.person(1, 0.5, 'a')
    np.testing.assert_allclose(found, expected[[1, 2, 0, 3]])
    assert squat.identities == [[5], [], [5], [5]]
    # Of one video, the file names the sequence.
    content = coco_file(rows, [f'{t}.jpg' for t in range(4)])
    (sequence,) = read_pose_sequences(write_json(path, content))
    assert sequence.name == ''


def test_images_named_by_times(tmp_path):
    row = [1, 2, 2] * 17
    names = [f'20261130{10**12 + t * 40:013d}.jpg' for t in (0, 1, 3)]
    path = write_json(tmp_path / 'a.json', coco_file([row] * 3, names))
    assert [len(one) for one in read_pose_file(path).frames] == [1, 1, 0, 1]
    names[0] = f'{"9" * 40}.jpg'
    write_json(path, coco_file([row] * 3, names))
    with pytest.raises(AnnotationError, match='span'):
        read_pose_file(path)


def test_animals_of_coco(tmp_path):
    content = coco_file([[1, 2, 2, 3, 4, 2]], ['0.jpg'])
    content['categories'][0]['keypoints'] = ['nose', 'tail']
    path = write_json(tmp_path / 'a.json', content)
    assert read_pose_file(path).skeleton['joints'] == ['nose', 'tail']


@pytest.mark.parametrize('suffix', ['.csv', '.h5'])
@pytest.mark.parametrize('individuals', [('',), ('mouse 1', 'mouse 2')])
def test_deeplabcut(suffix, individuals, tmp_path):
    joints = RNG.uniform(0, 1, (len(individuals), 6, 4, 3))
    joints[..., :2] *= 100
    joints[0, 2, 1] = np.nan
    names = ['snout', 'left_ear', 'right_ear', 'tail']
    path = tmp_path / f'a{suffix}'
    write_deeplabcut(path, joints, names, individuals)
    only_format(path)
    sequence = read_pose_file(path)
    assert sequence.skeleton['joints'] == names
    assert sequence.skeleton['flip_pairs'] == [[1, 2]]
    assert 'torso' not in sequence.skeleton
    np.testing.assert_allclose(sequence.keypoint, joints[..., :2])
    np.testing.assert_allclose(sequence.score, np.nan_to_num(joints[..., 2]))
    annotations, _ = make_annotations([path])
    assert not check_annotations(annotations)


@pytest.mark.parametrize('dims', [None, ['frame', 'track', 'node', 'xy']])
def test_sleap(dims, tmp_path):
    h5py = pytest.importorskip('h5py')
    joints = RNG.uniform(0, 100, (2, 6, 3, 2))
    score = RNG.uniform(0.1, 1, (2, 6, 3))
    joints[0, :2] = joints[1, 3, 1] = np.nan
    order = ['track', 'frame', 'node', 'xy']
    default = ['track', 'xy', 'node', 'frame']
    path = tmp_path / 'a.h5'
    with h5py.File(path, 'w') as file:
        for name, array in (('tracks', joints), ('point_scores', score)):
            wanted = [d for d in dims or default if d in order[: array.ndim]]
            data = file.create_dataset(
                name, data=array.transpose([order.index(d) for d in wanted])
            )
            if dims:
                data.attrs['dims'] = json.dumps(wanted)
        file['node_names'] = np.array(['head', 'thorax', 'abdomen'], 'S')
        file['edge_inds'] = [[0, 1], [1, 2]]
    only_format(path)
    sequence = read_pose_file(path)
    assert sequence.skeleton['joints'] == ['head', 'thorax', 'abdomen']
    assert sequence.skeleton['bones'] == [[0, 1], [1, 2]]
    # Whoever is there more often comes first.
    np.testing.assert_allclose(sequence.keypoint, joints[::-1])
    np.testing.assert_allclose(sequence.score, score[::-1])


def test_tables_of_sleap(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text(
        'track,frame_idx,instance.score,b.score,b.x,b.y,a.score,a.x,a.y\n'
        'f0,0,0.9,0.5,1,2,0.6,3,4\nf1,0,0.9,0.5,5,6,0.6,,\n'
        'f0,1,0.9,0.5,7,8,0.6,9,10\n'
    )
    sequence = read_pose_file(path)
    assert sequence.skeleton['joints'] == ['b', 'a']
    np.testing.assert_allclose(
        sequence.keypoint,
        [
            [[[1, 2], [3, 4]], [[7, 8], [9, 10]]],
            [[[5, 6], [np.nan] * 2], [[np.nan] * 2] * 2],
        ],
    )
    path.write_text('frame_idx,inst0.track,inst0.a.x,inst0.a.y\n0,a,1,2\n')
    with pytest.raises(AnnotationError, match=r'inst0\.track'):
        read_pose_file(path)


POINTS = [dict(x=0.5, y=0.5, z=0.1)] * 33
DLC = 'scorer,n,n,n\nbodyparts,a,a,b\ncoords,x,y,x\n'


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('a.json', [POINTS, POINTS[:20]], ['frame 1', '33']),
        ('a.json', [POINTS, 5], ['frame 1', 'landmarks']),
        ('a.json', [POINTS, [dict(x=1)] * 33], ['frame 1', "'y'"]),
        ('a.json', [POINTS, [dict(x='a', y=1, z=1)] * 33], ['frame 1']),
        ('a.json', coco_file([[1] * 51], ['a.jpg']), ["'a.jpg'", 'number']),
        ('a.json', coco_file([[1] * 50], ['1.jpg']), ['annotations[0]']),
        ('a.json', coco_file([[1] * 51], []), ['annotations[0]', 'image 7']),
        ('a.json', coco_file([[0] * 51], ['1.jpg']), ['joint']),
        ('a.csv', f'{DLC}0,1,2,3\n', ['b']),
        ('a.csv', f'{DLC}0,1,2\n', ['line 4', '4 values']),
        ('a.csv', f'{DLC}img1.png,1,2,3\n', ['line 4', "'img1.png'"]),
        ('a.csv', DLC, ['row']),
        ('a.csv', DLC.replace(',y,', ',q,') + '0,1,2,3\n', ["'q'"]),
        ('a.csv', 'scorer,n\nbodyparts,a,b\ncoords,x,y\n0,1,2\n', ['lines']),
        ('a.h5', b'\x89HDF\r\n\x1a\n' + b'\0' * 100, ['HDF5']),
        ('a.h5', b'abc', ['known format']),
        ('a.npy', b'abc', ['known format']),
    ],
)
def test_what_is_wrong_is_named(name, content, words, tmp_path):
    pytest.importorskip('h5py')
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(
            content if isinstance(content, str) else json.dumps(content)
        )
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert '\n' not in str(error.value)


def test_hdf5_of_others(tmp_path):
    h5py = pytest.importorskip('h5py')
    path = tmp_path / 'a.h5'
    with h5py.File(path, 'w') as file:
        file['tracks/values'] = np.zeros(3)
    with pytest.raises(AnnotationError, match=r'a\.h5.*CSV'):
        read_pose_file(path)
