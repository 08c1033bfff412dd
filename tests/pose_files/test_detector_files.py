"""Files of MediaPipe's users, COCO, DeepLabCut and SLEAP.

HDF5 is written here as pandas with PyTables, and sleap-io, wrote it.
"""

import json
import pickle

import numpy as np
import pytest
from pose_writers import flat, make_person, write_json
from test_joint_tables import only_format

from masa.datasets import AnnotationError, check_annotations
from masa.datasets.skeletons import BLAZEPOSE_33, COCO_17
from masa.pose_files import (
    find_pose_files,
    read_pose_file,
    read_pose_sequences,
)
from masa.pose_files.conversion import make_annotations

RNG = np.random.default_rng(0)


def landmarks(frames=5, left=0.1):
    """Landmarks in the picture, (T, 33, 4), z before and behind the hips.

    Some are below the picture.
    """
    values = RNG.uniform(0.1, 0.9, (frames, 33, 4))
    values[..., 0] = left + values[..., 0] / 3
    values[:, -8:, 1] += 2
    values[..., 2] -= 0.5
    return values


def as_dicts(person):
    return [
        dict(zip(('x', 'y', 'z', 'visibility'), row, strict=True))
        for row in person.tolist()
    ]


@pytest.mark.parametrize('kind', ['4', '5', 'flat', 'whole body'])
def test_arrays_of_mediapipe(kind, tmp_path):
    values = landmarks()
    values[2] = 0
    values[3, 7] = np.nan
    array = {'4': values, 'flat': values.reshape(5, -1)}
    array['5'] = np.concatenate([values, values[..., :1]], -1)
    others = np.ones((5, 3 * (468 + 21 + 21)))
    array['whole body'] = np.concatenate([array['flat'], others], 1)
    path = tmp_path / 'a.npy'
    np.save(path, array[kind].astype(np.float32))
    only_format(path)
    sequence = read_pose_file(path)
    assert sequence.skeleton == BLAZEPOSE_33
    assert sequence.normalized
    expected = values[..., :2].copy()
    expected[2] = np.nan
    expected[3, 7] = np.nan
    np.testing.assert_allclose(sequence.keypoint[0], expected, atol=1e-6)
    np.testing.assert_allclose(
        sequence.score[0], np.nan_to_num(values[..., 3]), atol=1e-6
    )


@pytest.mark.parametrize(
    'array',
    [
        landmarks()[..., :3],
        landmarks().reshape(5, 132) + 1,
        np.ones((5, 33, 4), np.int64),
        RNG.random((5, 17, 4)),
        np.array([dict(a=1)]),
    ],
)
def test_arrays_that_may_be_anything(array, tmp_path):
    path = tmp_path / 'a.npy'
    np.save(path, array, allow_pickle=True)
    with pytest.raises(AnnotationError, match='known format'):
        read_pose_file(path)


@pytest.mark.parametrize('form', ['list', 'people', 'key', 'nested', 'frames'])
def test_json_of_mediapipe(form, tmp_path):
    values = landmarks()
    people = [as_dicts(person) for person in values]
    people[1] = None
    frames = dict(
        list=people,
        people=[one and [one] for one in people],
        key=[dict(landmarks=one) for one in people],
        nested=[
            dict(pose_landmarks=one and dict(landmark=one)) for one in people
        ],
        frames=dict(fps=25, frames=people),
    )[form]
    path = write_json(tmp_path / 'a.json', frames)
    only_format(path)
    sequence = read_pose_file(path)
    assert sequence.skeleton == BLAZEPOSE_33
    assert sequence.normalized
    assert sequence.frame_rate == (25 if form == 'frames' else None)
    values[1] = np.nan
    keypoint, score = sequence.person(1, 0.5, 'a')
    np.testing.assert_allclose(keypoint, values[..., :2])
    np.testing.assert_allclose(score, np.nan_to_num(values[..., 3]))
    ((name, paths),) = find_pose_files([path])
    assert (name, paths) == ('a', [path])


def test_people_and_times_of_mediapipe(tmp_path):
    first, second = landmarks(), landmarks(left=0.5)
    frames = [
        dict(
            timestamp_ms=40 * t,
            pose_landmarks=[as_dicts(first[t]), as_dicts(second[t])],
        )
        for t in range(5)
    ]
    sequence = read_pose_file(write_json(tmp_path / 'a.json', frames))
    np.testing.assert_allclose(sequence.timestamps, np.arange(5) / 25)
    people = [sequence.person(rank, 1, 'a')[0] for rank in (1, 2)]
    people.sort(key=lambda one: one[0, :, 0].mean())
    np.testing.assert_allclose(people, [first[..., :2], second[..., :2]])


def test_units_of_mediapipe(tmp_path):
    path = tmp_path / 'a.npy'
    values = landmarks()
    shares = values[..., :2].copy()

    def read(x, y, z):
        values[..., :3] = np.stack(np.broadcast_arrays(x, y, z), -1)
        np.save(path, values)
        return read_pose_file(path)

    x, y = np.moveaxis(shares, -1, 0)
    z = RNG.uniform(-0.3, 0.3, x.shape)
    # Pixels, whose depth is in shares of the picture, and in pixels.
    pixels = read(1920 * x, 1080 * y, z)
    assert pixels.keypoint.shape[-1] == 2
    assert not pixels.normalized
    deep = read(1920 * x, 1080 * y, 1920 * z)
    assert deep.keypoint.shape[-1] == 3
    assert 'up_axis' not in deep.skeleton
    # Meters from the hips.
    world = np.stack([x, y, z], -1)
    world -= world[:, [23, 24]].mean(1, keepdims=True)
    meters = read(*np.moveaxis(world, -1, 0))
    assert meters.skeleton['up_axis'] == '-y'
    np.testing.assert_allclose(meters.keypoint[0], world)


def test_size_of_the_picture(tmp_path):
    values = landmarks()
    path = tmp_path / 'a.npy'
    np.save(path, values)
    with pytest.warns(UserWarning, match='image-size'):
        annotations, _ = make_annotations([path])
    (record,) = annotations['annotations']
    np.testing.assert_allclose(
        record['keypoint'][0], values[..., :2], atol=1e-6
    )
    annotations, _ = make_annotations([path], image_size=(200, 100))
    (record,) = annotations['annotations']
    np.testing.assert_allclose(
        record['keypoint'][0], values[..., :2] * [200, 100], atol=1e-4
    )
    entries = [dict(image_id=0, keypoints=[1, 2, 1] * 17)]
    other = write_json(tmp_path / 'b.json', entries)
    with pytest.raises(AnnotationError, match='--image-size'):
        make_annotations([other], image_size=(200, 100))


def coco_file(people, images, **fields):
    """An annotation file, of people and images that alternate."""
    return dict(
        images=[dict(id=7 + i, file_name=n) for i, n in enumerate(images)],
        annotations=[
            dict(
                id=i,
                image_id=7 + i,
                category_id=1,
                bbox=[0, 0, 10, 10],
                keypoints=row,
                **{key: values[i] for key, values in fields.items()},
            )
            for i, row in enumerate(people)
            if row is not None
        ],
        categories=[dict(id=1, name='person', keypoints=COCO_17['joints'])],
    )


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


def write_deeplabcut(path, joints, names, individuals=('',)):
    """Joints (M, T, V, 3) of x, y and likelihood."""
    columns = [
        ('net', one, name, part)
        for one in individuals
        for name in names
        for part in ('x', 'y', 'likelihood')
    ]
    rows = np.moveaxis(joints, 0, 1).reshape(joints.shape[1], -1)
    levels = [0, 1, 2, 3] if individuals[0] else [0, 2, 3]
    if path.suffix == '.csv':
        heads = [
            [title, *(column[level] for column in columns)]
            for level, title in zip(
                levels,
                np.array(['scorer', 'individuals', 'bodyparts', 'coords'])[
                    levels
                ],
                strict=True,
            )
        ]
        body = [
            [str(t), *('' if np.isnan(x) else repr(x) for x in row)]
            for t, row in enumerate(rows.tolist())
        ]
        path.write_text('\n'.join(map(','.join, heads + body)) + '\n')
        return path
    h5py = pytest.importorskip('h5py')
    names = [tuple(column[level] for level in levels) for column in columns]
    table = np.zeros(
        len(rows),
        [('index', '<i8'), ('values_block_0', '<f8', (rows.shape[1],))],
    )
    table['index'], table['values_block_0'] = np.arange(len(rows)), rows
    with h5py.File(path, 'w') as file:
        data = file.create_dataset('df_with_missing/table', data=table)
        data.attrs['values_block_0_kind'] = np.bytes_(pickle.dumps(names, 0))
    return path


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
