import numpy as np
import pytest
from pose_writers import write_json
from table_writers import as_dicts, only_format

from masa.datasets import AnnotationError
from masa.datasets.skeletons import BLAZEPOSE_33
from masa.pose_files import find_pose_files, read_pose_file
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
