import json

import numpy as np
import pytest
from pose_writers import (
    alphapose_entries,
    flat,
    make_person,
    mmpose_frames,
    mmpose_instances,
    write_json,
    write_openpose,
)

from masa.datasets import AnnotationError
from masa.datasets.skeletons import (
    COCO_17,
    H36M_17,
    HALPE_26,
    OPENPOSE_18,
    OPENPOSE_25,
)
from masa.pose_files import find_pose_files, read_pose_file


def assert_same_people(sequence, people, empty=()):
    frames = len(people[0][0])
    assert len(sequence.frames) == frames
    for t in range(frames):
        expected = [] if t in empty else people
        assert len(sequence.frames[t]) == len(expected)
        for found, (keypoint, score) in zip(
            sequence.frames[t], expected, strict=True
        ):
            np.testing.assert_allclose(found.keypoint, keypoint[t])
            np.testing.assert_allclose(found.keypoint_score, score[t])
            np.testing.assert_allclose(
                found.box[:2], keypoint[t, :, :2].min(0)
            )
            np.testing.assert_allclose(
                found.box[2:], keypoint[t, :, :2].max(0)
            )


@pytest.mark.parametrize('joints', [25, 18])
def test_openpose(joints, tmp_path):
    people = [make_person(joints, 5, seed) for seed in (0, 1)]
    write_openpose(tmp_path, 'squat', people, empty=[2])
    ((name, paths),) = find_pose_files([tmp_path])
    assert name == 'squat'
    sequence = read_pose_file(paths)
    layout = OPENPOSE_25 if joints == 25 else OPENPOSE_18
    assert sequence.skeleton == layout
    assert sequence.identities is None
    assert_same_people(sequence, people, empty=[2])


def test_joints_and_people_that_openpose_did_not_find(tmp_path):
    keypoint, score = make_person(25, 2)
    row = flat(keypoint[0], score[0])
    row[3:6] = 0, 0, 0
    people = [
        dict(pose_keypoints_2d=row),
        dict(pose_keypoints_2d=[]),
        dict(pose_keypoints_2d=[0] * 75),
    ]
    path = write_json(tmp_path / 'a_0_keypoints.json', dict(people=people))
    ((found,),) = read_pose_file(path).frames
    assert np.isnan(found.keypoint[1]).all()
    assert found.keypoint_score[1] == 0
    np.testing.assert_allclose(found.keypoint[2:], keypoint[0, 2:])
    np.testing.assert_allclose(
        found.box[:2], keypoint[0, [0, *range(2, 25)]].min(0)
    )


@pytest.mark.parametrize('joints', [17, 26, 136])
def test_alphapose(joints, tmp_path):
    people = [make_person(joints, 6, seed) for seed in (0, 1)]
    entries = alphapose_entries(people, empty=[0, 3])
    path = write_json(tmp_path / 'hop' / 'alphapose-results.json', entries)
    ((name, paths),) = find_pose_files([tmp_path])
    assert (name, paths) == ('hop', [path])
    sequence = read_pose_file(path)
    layout = COCO_17 if joints == 17 else HALPE_26
    assert sequence.skeleton == layout
    assert sequence.identities is None
    body = len(layout['joints'])
    if joints == 136:
        for t in (1, 2, 4, 5):
            for found, (keypoint, _) in zip(
                sequence.frames[t], people, strict=True
            ):
                np.testing.assert_allclose(found.keypoint, keypoint[t, :body])
        return
    assert_same_people(sequence, people, empty=[0, 3])


def test_alphapose_of_images(tmp_path):
    people = [make_person(17, 3)]
    for name, frames in (('IMG_{}0.png', 3), ('a1b{}.jpg', 3)):
        entries = alphapose_entries(people, name)
        path = write_json(tmp_path / 'a.json', entries)
        assert len(read_pose_file(path).frames) == frames
    entries = alphapose_entries(people)
    for entry, number in zip(entries, (7, 8, 11), strict=True):
        entry['image_id'] = number
    path = write_json(tmp_path / 'a.json', entries)
    assert [len(one) for one in read_pose_file(path).frames] == (
        [0] * 7 + [1, 1, 0, 0, 1]
    )
    for entry, number in zip(entries, (7, 8, 11), strict=True):
        entry['image_id'] = f'{number:04d}.jpg'
    path = write_json(tmp_path / 'a.json', entries)
    assert [len(one) for one in read_pose_file(path).frames] == [1, 1, 0, 0, 1]


def test_identities_of_alphapose(tmp_path):
    people = [make_person(17, 4, seed) for seed in (0, 1)]
    path = tmp_path / 'a.json'
    for identities, expected in (
        ([[7, 9]] * 4, [[7, 9]] * 4),
        ([[[7.0], [9.0, 7.0]]] * 4, [[7, 9]] * 4),
        # Without tracking, everybody has the same.
        ([[0, 0]] * 4, None),
    ):
        entries = alphapose_entries(people, identities=identities)
        write_json(path, entries)
        assert read_pose_file(path).identities == expected


@pytest.mark.parametrize('key', ['people', 'bodies'])
def test_alphapose_in_the_formats_of_openpose(key, tmp_path):
    keypoint, score = make_person(18, 3)
    joints = 'pose_keypoints_2d' if key == 'people' else 'joints'
    frames = {
        f'{t}.jpg': {
            'version': 'AlphaPose v0.3',
            key: [{joints: flat(keypoint[t], score[t])}],
        }
        for t in range(3)
    }
    whole = write_json(tmp_path / 'v' / 'alphapose-results.json', frames)
    for t, frame in enumerate(frames.values()):
        write_json(tmp_path / 'v' / 'sep-json' / f'{t}.json', frame)
    # Both are the same poses.
    assert find_pose_files([tmp_path]) == [('v', [whole])]
    ((name, paths),) = find_pose_files([tmp_path / 'v' / 'sep-json'])
    assert name == 'sep-json'
    for sequence in (read_pose_file(whole), read_pose_file(paths)):
        assert sequence.skeleton == OPENPOSE_18
        assert_same_people(sequence, [(keypoint, score)])


@pytest.mark.parametrize(
    ('joints', 'coordinates', 'layout'),
    [(17, 2, COCO_17), (26, 2, HALPE_26), (17, 3, H36M_17)],
)
def test_mmpose(joints, coordinates, layout, tmp_path):
    people = [
        make_person(joints, 4, seed, coordinates=coordinates)
        for seed in (0, 1)
    ]
    path = tmp_path / 'hop.json'
    for first in (0, 1):
        write_json(path, mmpose_frames(people, [1], first))
        sequence = read_pose_file(path)
        assert sequence.skeleton == layout
        assert_same_people(sequence, people, empty=[1])
    assert find_pose_files([path]) == [('hop', [path])]


def test_layout_that_mmpose_writes(tmp_path):
    frames = mmpose_frames([make_person(17, 2)])
    for names, layout in (
        (COCO_17['joints'], COCO_17),
        (['root', *H36M_17['joints'][1:]], H36M_17),
    ):
        meta = dict(keypoint_id2name=dict(enumerate(names)))
        content = dict(meta_info=meta, instance_info=frames)
        path = write_json(tmp_path / 'a.json', content)
        assert read_pose_file(path).skeleton == layout
    # Joints of an animal are 17 as well.
    meta['keypoint_id2name'][0] = 'left_ear_tip'
    write_json(path, content)
    with pytest.raises(AnnotationError, match=r'left_ear_tip.*--layout'):
        read_pose_file(path)
    assert read_pose_file(path, COCO_17).skeleton == COCO_17


def test_images_of_mmpose(tmp_path):
    people = [make_person(17, 3)]
    # Nobody is in the first.
    write_json(tmp_path / 'hop' / 'img_9.json', [])
    for t in range(3):
        path = tmp_path / 'hop' / f'img_{10 + t}.json'
        write_json(path, mmpose_instances(people, t))
    ((name, paths),) = find_pose_files([tmp_path])
    assert name == 'hop/img'
    sequence = read_pose_file(paths)
    assert [len(one) for one in sequence.frames] == [0, 1, 1, 1]
    np.testing.assert_allclose(sequence.frames[3][0].keypoint, people[0][0][2])


PERSON = dict(keypoints=[[0, 1]] * 17, keypoint_scores=[1] * 17)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('{"people": [', ['JSON']),
        ([], ['anybody']),
        (dict(people=[]), ['anybody']),
        (dict(a=1), ['OpenPose', 'AlphaPose', 'mmpose']),
        ([1, 2], ['known format']),
        (dict(people=[dict(pose_keypoints_2d=[1] * 45)]), ['15', '25 or 18']),
        (dict(people=[dict(pose_keypoints_2d=[1] * 74)]), ['people[0]']),
        (dict(people=[dict(pose_keypoints_2d='x')]), ['people[0]']),
        (dict(people=[dict()]), ['people[0]', 'pose_keypoints_2d']),
        (dict(people=[dict(pose_keypoints_2d=[0] * 75)]), ['no joint']),
        ([dict(image_id='a', keypoints=[1] * 51)], ["'a'", 'number']),
        ([dict(image_id='1', keypoints=[1] * 50)], ['entry 0']),
        ([dict(image_id='1', keypoints=[1] * 51), {}], ['entry 1']),
        (
            [dict(image_id=f'{n}', keypoints=[1] * 51) for n in (0, 10**9, 1)],
            ['numbers'],
        ),
        (
            [dict(image_id=n, keypoints=[1] * 51) for n in ('a1', 'b1')],
            ['one video', "'a'"],
        ),
        (
            [
                dict(image_id='1', keypoints=[1] * 51),
                dict(image_id='2', keypoints=[1] * 78),
            ],
            ['26 joints', '17'],
        ),
        ([dict(instances=[PERSON]), dict(a=1)], ['frame 1', 'instances']),
        ([dict(instances=[dict(a=1)])], ['frame 0, person 0']),
        (
            [dict(frame_id=n, instances=[PERSON]) for n in (0, 2)],
            ['frame 1', 'missing'],
        ),
        (
            [dict(frame_id='x', instances=[PERSON])],
            ['frame 0', "'x'"],
        ),
        (
            [dict(instances=[dict(PERSON, keypoint_scores=[1])])],
            ['(17, 2)', '(1,)'],
        ),
        (
            [dict(instances=[dict(keypoints=[[1, 2]], keypoint_scores=[1])])],
            ['17 or 26', '1', '--layout'],
        ),
    ],
)
def test_what_is_wrong_is_named(content, words, tmp_path):
    path = tmp_path / 'frame_1.json'
    path.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert '\n' not in str(error.value)


def test_frames_of_several_formats(tmp_path):
    write_openpose(tmp_path, 'a', [make_person(25, 3)])
    path = tmp_path / 'a_000000000002_keypoints.json'
    ((_, paths),) = find_pose_files([tmp_path])
    for content in ([PERSON], dict(people=[dict(pose_keypoints_2d=[1] * 54)])):
        write_json(path, content)
        with pytest.raises(AnnotationError) as error:
            read_pose_file(paths)
        assert str(path) in str(error.value)


def test_ids_of_sequences(tmp_path):
    person = [make_person(25, 2)]
    write_openpose(tmp_path / 'op' / 'squat' / '001', '001', person)
    write_openpose(tmp_path / 'op' / 'bowl', 'a_1', person)
    write_openpose(tmp_path / 'op' / 'bowl', 'a_2', person)
    write_json(tmp_path / 'mm' / 'x' / 'hop.json', mmpose_frames(person))
    names = [one.name for one in find_pose_files([tmp_path / 'op'])]
    assert names == ['bowl/a_1', 'bowl/a_2', 'squat/001']
    names = [one.name for one in find_pose_files([tmp_path / 'mm'])]
    assert names == ['x/hop']
    folder = tmp_path / 'op' / 'squat' / '001'
    assert [one.name for one in find_pose_files([folder])] == ['001']
    with pytest.raises(AnnotationError, match=r"id '001'"):
        find_pose_files([folder, folder])


def test_frames_that_are_missing(tmp_path):
    person = [make_person(25, 4)]
    # Every second frame is a sequence as well, from any number on.
    write_openpose(tmp_path / 'a', 'a', person, numbers=[10, 12, 14, 16])
    assert len(find_pose_files([tmp_path / 'a'])[0].paths) == 4
    write_openpose(tmp_path / 'b', 'b', person, numbers=[0, 1, 2, 5])
    with pytest.raises(AnnotationError, match=r'frame 2 .*frame 5'):
        find_pose_files([tmp_path / 'b'])
    frame = dict(people=[])
    write_json(tmp_path / 'c' / 'keypoints.json', frame)
    with pytest.raises(AnnotationError, match=r'keypoints\.json'):
        find_pose_files([tmp_path / 'c'])
    write_json(tmp_path / 'd' / 'a_1.json', frame)
    write_json(tmp_path / 'd' / 'a_01.json', frame)
    with pytest.raises(AnnotationError, match=r'a_0?1\.json'):
        find_pose_files([tmp_path / 'd'])
    (tmp_path / 'e').mkdir()
    for path in (tmp_path / 'e', tmp_path / 'none'):
        with pytest.raises(AnnotationError, match=path.name):
            find_pose_files([path])
