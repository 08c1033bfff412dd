import numpy as np
import pytest
from motion_writers import RIG, Bone, bvh_text, rig_positions, write_rig
from squats import squat

from masa.datasets import AnnotationError
from masa.datasets.skeletons import CMU_38
from masa.datasets.transforms.body_joints import find_body_joints
from masa.pose_files import read_pose_file

# The hierarchy of the CMU motion capture database as BVH.
CMU = """
Hips(LHipJoint(LeftUpLeg(LeftLeg(LeftFoot(LeftToeBase(.)))))
RHipJoint(RightUpLeg(RightLeg(RightFoot(RightToeBase(.)))))
LowerBack(Spine(Spine1(Neck(Neck1(Head(.)))
LeftShoulder(LeftArm(LeftForeArm(LeftHand(LeftFingerBase(LeftHandIndex1(.))
LThumb(.)))))
RightShoulder(RightArm(RightForeArm(RightHand(RightFingerBase(
RightHandIndex1(.))RThumb(.)))))))))
"""
ROOT = 'Xposition Yposition Zposition Zrotation Yrotation Xrotation'


def cmu_hierarchy(rng):
    """Its bones, of any length; joints turn as theirs do."""
    text = ''.join(CMU.split())
    stack, root, name = [], None, ''
    for letter in text:
        if letter not in '().':
            name += letter
            continue
        if name:
            bone = Bone(
                name, rng.normal(size=3), 'Zrotation Yrotation Xrotation'
            )
            if stack:
                stack[-1].children.append(bone)
            root = root or bone
            stack.append(bone)
            name = ''
        if letter == '.':
            stack[-1].end = rng.normal(size=3)
        if letter == ')':
            stack.pop()
    root.channels = ROOT.split()
    return root


def turn(axis, degrees):
    """The matrix, 4 x 4, of a rotation about x, y or z."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    a, b = {'X': (1, 2), 'Y': (2, 0), 'Z': (0, 1)}[axis]
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def place(root, values):
    """Joints and ends, (T, V, 3), frame by frame and channel by channel."""
    frames = []
    for row in values:
        numbers, places = iter(row), []

        def visit(bone, matrix, numbers=numbers, places=places):
            shift, turned = np.eye(4), np.eye(4)
            shift[:3, 3] = bone.offset
            for channel in bone.channels:
                axis, value = 'XYZ'.index(channel[0]), next(numbers)
                if channel.endswith('position'):
                    shift[axis, 3] = value
                else:
                    turned = turned @ turn(channel[0], value)
            matrix = matrix @ shift @ turned
            places.append(matrix[:3, 3])
            for child in bone.children:
                visit(child, matrix)
            if bone.end is not None:
                places.append((matrix @ [*bone.end, 1])[:3])

        visit(root, np.eye(4))
        frames.append(places)
    return np.array(frames)


def write(path, roots, frames=4, seed=0, **options):
    rng = np.random.default_rng(seed)
    width = sum(len(one.channels) for root in roots for one in root.walk())
    values = rng.uniform(-180, 180, (frames, width)).round(6)
    path.write_text(bvh_text(roots, values, **options))
    return values


def test_cmu(tmp_path):
    rng = np.random.default_rng(0)
    root = cmu_hierarchy(rng)
    for bone in root.walk():
        bone.offset = bone.offset.round(6)
        bone.end = None if bone.end is None else bone.end.round(6)
    path = tmp_path / 'a.bvh'
    for frames in (1, 5):
        values = write(path, [root], frames, frame_time=1 / 120)
        sequence = read_pose_file(path)
        assert sequence.skeleton == CMU_38
        assert sequence.frame_rate == 120
        np.testing.assert_allclose(
            sequence.keypoint, place(root, values)[None], atol=1e-9
        )


@pytest.mark.parametrize('seed', range(4))
def test_channels_in_any_order(seed, tmp_path):
    rng = np.random.default_rng(seed)
    kinds = [
        axis + kind for axis in 'XYZ' for kind in ('position', 'rotation')
    ]
    bones = [
        Bone(
            f'Joint{i}',
            rng.normal(size=3).round(6),
            ' '.join(rng.permutation(kinds)[: rng.integers(7)]),
        )
        for i in range(6)
    ]
    for i, bone in enumerate(bones[1:], 1):
        bones[rng.integers(i)].children.append(bone)
    bones[0].channels = list(rng.permutation(kinds))
    path = tmp_path / 'a.bvh'
    values = write(path, bones[:1], seed=seed)
    hierarchy, motion = path.read_text().split('MOTION')
    # As some programs write it.
    path.write_text(f'{" ".join(hierarchy.split())}\nMOTION{motion}')
    np.testing.assert_allclose(
        read_pose_file(path).keypoint[0],
        place(bones[0], values),
        atol=1e-9,
    )


@pytest.mark.parametrize('prefix', ['', 'mixamorig:', 'Bip01 ', 'ann:'])
def test_a_body(prefix, tmp_path):
    body = squat(9)
    path = write_rig(tmp_path / 'a.bvh', body, prefix)
    sequence = read_pose_file(path)
    assert sequence.skeleton['up_axis'] == 'y'
    names = sequence.skeleton['joints']
    places = rig_positions(body)
    for bone, _, joint in RIG:
        np.testing.assert_allclose(
            sequence.keypoint[0, :, names.index(joint.lower())],
            places[bone],
            atol=1e-5,
        )
    for i, indices in enumerate(find_body_joints(names).values()):
        assert len(indices) == 1
        np.testing.assert_allclose(
            sequence.keypoint[0, :, indices[0]], body[:, i], atol=1e-5
        )
    ends = {
        tuple(names[i] for i in bone) for bone in sequence.skeleton['bones']
    }
    assert ('left_shoulder', 'left_elbow') in ends
    assert len(ends) == len(names) - 1
    # Programs that have z up say so by the pose.
    path = write_rig(tmp_path / 'z.bvh', body[..., [2, 0, 1]])
    assert read_pose_file(path).skeleton['up_axis'] == 'z'


def test_two_people(tmp_path):
    roots = [cmu_hierarchy(np.random.default_rng(i)) for i in (0, 1)]
    path = tmp_path / 'a.bvh'
    values = write(path, roots)
    sequence = read_pose_file(path)
    width = values.shape[1] // 2
    for m, root in enumerate(roots):
        np.testing.assert_allclose(
            sequence.keypoint[m],
            place(root, values[:, m * width :][:, :width]),
            atol=1e-4,
        )
    roots[1].name = 'Pelvis2'
    write(path, roots)
    with pytest.raises(AnnotationError, match=r'a\.bvh.*2 roots'):
        read_pose_file(path)


def change(old, new):
    def apply(text):
        assert old in text
        return text.replace(old, new, 1)

    return apply


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda text: text[: text.index('MOTION')], ['hierarchy', 'MOTION']),
        (lambda text: text[:-300], ['line']),
        (lambda text: text.rsplit('\n', 2)[0], ['4 frames', '3']),
        (change('Frames: 4', 'Frames: 0'), ['0 frames', '4']),
        (change('Frames: 4', 'Frames: x'), ["'x'"]),
        (change('Frame Time: 0.03', 'Frame Time: -0.03'), ['frame time']),
        (change('Frame Time', 'Time'), ['Frame Time']),
        (change('CHANNELS 6', 'CHANNELS 5'), ['line 5', 'Xposition']),
        (change('CHANNELS 3 Z', 'CHANNELS 3 W'), ['Wrotation']),
        (change('Zrotation', 'Xrotation'), ['once']),
        (change('OFFSET', 'OFFSET 1'), ['line 4', '3 numbers']),
        (change('OFFSET', 'OFSET'), ['line 4', 'OFSET']),
        (change('JOINT', 'ROOT'), ['ROOT']),
        (change('LeftLeg', 'LeftArm'), ['more than once']),
    ],
)
def test_damage_is_told(damage, words, tmp_path):
    path = tmp_path / 'a.bvh'
    write(path, [cmu_hierarchy(np.random.default_rng(0))])
    path.write_text(damage(path.read_text()))
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in (str(path), *words):
        assert word in str(error.value)


def test_other_files_that_end_in_bvh(tmp_path):
    path = tmp_path / 'a.bvh'
    for content in (b'', b'HIERARCHIC\xff', b'\0' * 100):
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match='BVH'):
            read_pose_file(path)


def test_joints_of_a_frame_that_are_missing(tmp_path):
    path = tmp_path / 'a.bvh'
    values = write(path, [cmu_hierarchy(np.random.default_rng(0))])
    text = path.read_text()
    # The rotation of the left hip, of which all of the leg follows.
    row = text.splitlines()[-1].split()
    row[9] = 'nan'
    path.write_text('\n'.join([*text.splitlines()[:-1], ' '.join(row)]))
    found = np.isfinite(read_pose_file(path).keypoint[0]).all(-1)
    assert found[:-1].all()
    lost = [CMU_38['joints'][i] for i in np.flatnonzero(~found[-1])]
    assert lost == CMU_38['joints'][3:7]
    assert len(values) == 4
