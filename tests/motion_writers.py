"""Files of motion capture and sensors as other programs write them.

Each writer follows the description of the format, independently of the reader.
"""

import numpy as np

from masa.datasets.skeletons import PENN_ACTION

# A body as rigs have it: bone, parent, joint that it begins with.
RIG = [
    ('Hips', None, 'pelvis'),
    ('Spine', 'Hips', 'spine'),
    ('Head', 'Spine', 'head'),
    *(
        (side + bone, parent and (side * is_sided + parent), side + joint)
        for side in ('Left', 'Right')
        for bone, parent, is_sided, joint in (
            ('Shoulder', 'Spine', False, '_collar'),
            ('Arm', 'Shoulder', True, '_shoulder'),
            ('ForeArm', 'Arm', True, '_elbow'),
            ('Hand', 'ForeArm', True, '_wrist'),
            ('UpLeg', 'Hips', False, '_hip'),
            ('Leg', 'UpLeg', True, '_knee'),
            ('Foot', 'Leg', True, '_ankle'),
        )
    ),
]


class Bone:
    """A joint of a BVH file."""

    def __init__(self, name, offset, channels='', children=(), end=None):
        self.name = name
        self.offset = offset
        self.channels = channels.split()
        self.children = list(children)
        self.end = end

    def walk(self):
        """This and all below, in the order of the file."""
        yield self
        for child in self.children:
            yield from child.walk()


def bvh_text(roots, values, frame_time=1 / 30):
    """A file by https://research.cs.wisc.edu/graphics/Courses/cs-838-1999/.

    Args:
        roots: Bones.
        values: Of all channels, (T, N).
    """

    def write(bone, keyword, indent):
        channels = ' '.join(bone.channels)
        lines = [
            f'{keyword} {bone.name}',
            '{',
            '\tOFFSET ' + ' '.join(f'{one:.6f}' for one in bone.offset),
        ]
        if bone.channels:
            lines.append(f'\tCHANNELS {len(bone.channels)} {channels}')
        for child in bone.children:
            lines += write(child, 'JOINT', '\t')
        if bone.end is not None:
            end = ' '.join(f'{one:.6f}' for one in bone.end)
            lines += ['\tEnd Site', '\t{', f'\t\tOFFSET {end}', '\t}']
        return [indent + line for line in (*lines, '}')]

    lines = ['HIERARCHY']
    for root in roots:
        lines += write(root, 'ROOT', '')
    lines += ['MOTION', f'Frames: {len(values)}']
    lines.append(f'Frame Time: {frame_time:.7f}')
    lines += [' '.join(f'{one:.6f}' for one in row) for row in values]
    return '\n'.join(lines) + '\n'


def rig_positions(body):
    """Joints of RIG, {name: (T, 3)}, of the 13 of Penn Action, y up."""
    places = dict(
        zip(PENN_ACTION['joints'], np.moveaxis(body, 1, 0), strict=True)
    )
    hips, shoulders = (
        (places[f'left_{part}'] + places[f'right_{part}']) / 2
        for part in ('hip', 'shoulder')
    )
    places['pelvis'], places['spine'] = hips, (hips + shoulders) / 2
    for side in ('left', 'right'):
        places[f'{side}_collar'] = (shoulders + places[f'{side}_shoulder']) / 2
    return {bone: places[joint.lower()] for bone, _, joint in RIG}


def write_rig(path, body, prefix='', frame_time=1 / 30):
    """A BVH file of the 13 joints (T, 13, 3), as positions of RIG's joints."""
    places = rig_positions(body)
    channels = 'Xposition Yposition Zposition Zrotation Xrotation Yrotation'
    bones, columns = {}, {}
    for name, parent, _ in RIG:
        local = places[name] - (places[parent] if parent else 0)
        columns[name] = np.hstack([local, np.zeros_like(local)])
        # At rest as in the first frame.
        bones[name] = Bone(prefix + name, local[0], channels)
        if parent:
            bones[parent].children.append(bones[name])
    order = [bone.name.removeprefix(prefix) for bone in bones['Hips'].walk()]
    values = np.hstack([columns[name] for name in order])
    path.write_text(bvh_text([bones['Hips']], values, frame_time))
    return path


def write_c3d(path, labels, points, rate=50.0, unit='mm', up='+Z', **more):
    """A C3D file by ezc3d; points (T, N, 3) in its unit, NaN not found.

    Args:
        more: Further parameters of POINT, lists of texts.
    """
    import ezc3d

    content = ezc3d.c3d()
    point = content['parameters']['POINT']
    point['RATE']['value'] = [rate]
    point['LABELS']['value'] = tuple(labels)
    point['UNITS']['value'] = (unit,)
    for name, values in dict(Y_SCREEN=[up], **more).items():
        content.add_parameter('POINT', name, values)
    # (4, N, T): x, y, z and 1.
    content['data']['points'] = np.concatenate(
        [points, np.ones_like(points[..., :1])], axis=-1
    ).transpose(2, 1, 0)
    content.write(str(path))
    return path


def write_trc(path, labels, points, rate=50.0, unit='mm', times=None):
    """A TRC file by OpenSim's description; points (T, N, 3), NaN blank."""
    keys = 'DataRate CameraRate NumFrames NumMarkers Units OrigDataRate'
    keys = f'{keys} OrigDataStartFrame OrigNumFrames'.replace(' ', '\t')
    frames = len(points)
    header = [rate, rate, frames, len(labels), unit, rate, 1, frames]
    numbers = range(1, len(labels) + 1)
    lines = [
        ['PathFileType', '4', '(X/Y/Z)', path.name],
        [keys],
        header,
        ['Frame#', 'Time', *(f'{label}\t\t' for label in labels)],
        ['', '', *(f'{axis}{i}' for i in numbers for axis in 'XYZ')],
        [],
    ]
    for t, frame in enumerate(points):
        time = t / rate if times is None else times[t]
        cells = ['' if np.isnan(x) else f'{x:.5f}' for x in frame.ravel()]
        lines.append([t + 1, f'{time:.5f}', *cells])
    path.write_text('\n'.join('\t'.join(map(str, one)) for one in lines))
    return path


def write_ntu(path, frames):
    """A skeleton file; of every frame {body's number: (25, 4)}.

    The last of the four is the tracking state. As in ``read_skeleton_file.m``
    of https://github.com/shahroudy/NTURGB-D.
    """
    lines = [len(frames)]
    for bodies in frames:
        lines.append(len(bodies))
        for number, joints in bodies.items():
            lines += [f'{number} 0 1 1 1 1 0 0.01 -0.02 2', len(joints)]
            lines += [
                f'{x:.6f} {y:.6f} {z:.6f} 250.1 200.2 900.3 500.4 '
                f'-0.1 0.2 0.3 0.4 {state:.0f}'
                for x, y, z, state in joints
            ]
    path.write_text(''.join(f'{line}\n' for line in lines))
    return path


def write_body_model(path, seed=0):
    """A body model of 40 vertices, as SMPL-X's files have it."""
    rng = np.random.default_rng(seed)
    regressor = rng.random((25, 40))
    np.savez(
        path,
        v_template=rng.normal(size=(40, 3)),
        shapedirs=rng.normal(size=(40, 3, 10)) * 0.1,
        J_regressor=regressor / regressor.sum(1, keepdims=True),
        kintree_table=np.array([[2**32 - 1, *[0] * 24], range(25)], np.uint32),
    )
    return path


def smpl_squat(frames):
    """Rotations of SMPL, (T, 72), and places (T, 3) of a squat, z up."""
    depth = np.sin(np.linspace(0, np.pi, frames)) ** 2
    pose = np.zeros((frames, 24, 3))
    # From y up to z up.
    pose[:, 0, 0] = np.pi / 2
    for hip, knee in ((1, 4), (2, 5)):
        pose[:, hip, 0], pose[:, knee, 0] = -1.4 * depth, 1.9 * depth
    # The arms hang, and the right one is raised to the side.
    pose[:, 16, 2], pose[:, 17, 2] = -1.4, 1.4 - 2.4 * depth
    trans = np.zeros((frames, 3))
    trans[:, 2] = 0.9 - 0.35 * depth
    return pose.reshape(frames, 72), trans


def write_amass(path, pose, trans, rate=120.0, **more):
    """As AMASS's SMPL-H: hands at rest; and what else its files hold."""
    content = dict(
        poses=np.pad(pose[:, :66], ((0, 0), (0, 156 - 66))),
        trans=trans,
        betas=np.zeros(16),
        gender='female',
        mocap_framerate=rate,
        dmpls=np.zeros((len(pose), 8)),
    )
    content.update(more)
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    return path


def write_casa(path, sequences):
    """A file of CASA: a dict of dicts, pickled into an array."""
    np.save(path, np.array(sequences, dtype=object), allow_pickle=True)
    return path
