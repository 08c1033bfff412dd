import numpy as np
import pytest
from squats import squat
from table_writers import JOINTS, joint_columns, only_format, write_table

from masa.datasets import AnnotationError
from masa.datasets.skeletons import BLAZEPOSE_33, COCO_17, PENN_ACTION
from masa.pose_files import read_pose_file, read_pose_sequences
from masa.pose_files.conversion import make_annotations
from masa.pose_files.joint_columns import find_joint_columns


def in_picture(frames=8):
    """Joints of a squat in pixels, (T, 13, 2)."""
    return 300 - 100 * squat(frames)[..., :2]


@pytest.mark.parametrize(
    ('style', 'parts'),
    [
        ('{}_{}', 'xy'),
        ('{} {}', 'XY'),
        ('{}.{}', 'xy'),
        ('{} ({})', 'xy'),
        ('{}{}', 'XY'),
        ('{1}_{0}', 'xy'),
        ('{1} {0}', 'XY'),
    ],
)
def test_names_of_columns(style, parts, tmp_path):
    joints = in_picture()
    columns = joint_columns(joints, style=style, parts=parts)
    columns['frame'] = range(len(joints))
    # In any order.
    order = np.random.default_rng(0).permutation(len(columns))
    columns = {list(columns)[i]: list(columns.values())[i] for i in order}
    path = write_table(tmp_path / 'a.csv', columns)
    assert only_format(path).suffixes == ('.csv', '.tsv')
    sequence = read_pose_file(path)
    assert sequence.skeleton == PENN_ACTION
    assert not sequence.normalized
    np.testing.assert_allclose(sequence.keypoint, joints[None])


def test_coordinates_that_are_no_joints():
    header = ['bbox_x', 'bbox_y', 'left_knee_x', 'left_knee_y', 'gaze_x']
    assert find_joint_columns(header, 'a').names == ['left_knee']


def test_rows_in_any_order_and_missing_joints(tmp_path):
    joints = in_picture(6)
    score = np.random.default_rng(0).uniform(0.1, 1, joints.shape[:2])
    columns = {'frame': [10, 12, 14, 16, 18, 20]}
    columns |= joint_columns(joints)
    for v, name in enumerate(JOINTS):
        columns[f'{name}_visibility'] = score[:, v].tolist()
    columns['head_x'][1], columns['head_y'][1] = '', 'NaN'
    columns['left_knee_visibility'][2] = 0
    columns['right_knee_visibility'][3] = ''
    # Frame 16 is missing.
    kept = [5, 0, 2, 1, 4]
    columns = {name: [v[i] for i in kept] for name, v in columns.items()}
    sequence = read_pose_file(write_table(tmp_path / 'a.csv', columns))
    found = np.full(joints.shape[:2], True)
    found[3] = False
    found[1, 0] = False
    found[2, JOINTS.index('left_knee')] = False
    keypoint, scores = sequence.person(1, 0.5, 'a')
    np.testing.assert_array_equal(np.isfinite(keypoint).all(-1), found)
    np.testing.assert_allclose(keypoint[found], joints[found])
    np.testing.assert_allclose(scores, np.where(found, score, 0))


def test_score_that_is_empty_is_not_known(tmp_path):
    columns = joint_columns(in_picture(2))
    columns['head_score'] = ['', 0.5]
    sequence = read_pose_file(write_table(tmp_path / 'a.csv', columns))
    np.testing.assert_allclose(sequence.score[0, :, 0], [1, 0.5])
    np.testing.assert_allclose(sequence.score[0, :, 1:], 1)


@pytest.mark.parametrize(
    ('delimiter', 'encoding'), [(';', 'utf-8-sig'), ('\t', 'utf-16')]
)
def test_files_of_spreadsheets(delimiter, encoding, tmp_path):
    joints = in_picture(4)
    rows = [[*joint_columns(joints), '']]
    rows += [
        [*(f'{x:.9f}'.replace('.', ',') for x in row.ravel()), '']
        for row in joints
    ]
    text = '\r\n'.join(delimiter.join(row) for row in rows)
    path = tmp_path / 'a.csv'
    path.write_bytes(text.encode(encoding))
    sequence = read_pose_file(path)
    np.testing.assert_allclose(sequence.keypoint[0], joints, atol=1e-6)


@pytest.mark.parametrize('name', ['time', 'timestamp', 'Time [ms]'])
@pytest.mark.parametrize('with_frames', [True, False])
def test_times(name, with_frames, tmp_path):
    times = np.array([0.5, 0.54, 0.6, 0.62, 0.7])
    unit = 1000 if 'ms' in name else 1
    columns = {name: (times * unit).tolist()} | joint_columns(in_picture(5))
    if with_frames:
        columns['frame'] = [0, 1, 3, 4, 5]
        times = np.insert(times, 2, 0.57)
    columns = {key: values[::-1] for key, values in columns.items()}
    sequence = read_pose_file(write_table(tmp_path / 'a.csv', columns))
    np.testing.assert_allclose(sequence.timestamps, times)
    assert len(sequence) == len(times)


def test_times_that_are_left_empty(tmp_path):
    columns = {'time': [''] * 3} | joint_columns(in_picture(3))
    sequence = read_pose_file(write_table(tmp_path / 'a.csv', columns))
    assert sequence.timestamps is None
    assert len(sequence) == 3


def test_sequences_and_people(tmp_path):
    joints = squat(5)
    columns = {
        'sequence': ['b'] * 5 + ['a'] * 10,
        'person': ['x'] * 5 + ['y'] * 5 + ['x'] * 5,
        'frame': [*range(5)] * 3,
    } | joint_columns(np.concatenate([joints, joints + 1, joints + 2]))
    # Of y one frame is missing.
    columns = {name: v[:7] + v[8:] for name, v in columns.items()}
    path = write_table(tmp_path / 'c.csv', columns)
    first, second = read_pose_sequences(path)
    assert (first.name, second.name) == ('b', 'a')
    np.testing.assert_allclose(first.keypoint, joints[None])
    # Whoever is there more often comes first.
    np.testing.assert_allclose(second.keypoint[0], joints + 2)
    np.testing.assert_allclose(second.keypoint[1, 3:], joints[3:] + 1)
    assert np.isnan(second.keypoint[1, 2]).all()
    annotations, _ = make_annotations([path])
    names = [one['frame_dir'] for one in annotations['annotations']]
    assert names == ['b', 'a']


def test_people_without_identities_are_tracked(tmp_path):
    joints = in_picture(4)
    columns = {
        'frame': [0, 0, 1, 1, 2, 2, 3, 3],
        'track': [''] * 8,
    } | joint_columns(np.stack([joints, joints + 500], 1).reshape(8, 13, 2))
    sequence = read_pose_file(write_table(tmp_path / 'a.csv', columns))
    people = [sequence.person(rank, 1, 'a')[0] for rank in (1, 2)]
    people.sort(key=lambda one: one[0, 0, 0])
    np.testing.assert_allclose(people, [joints, joints + 500])


@pytest.mark.parametrize('named', [True, False])
def test_long_tables(named, tmp_path):
    joints = in_picture(4)
    rows = [
        (t, JOINTS[v] if named else v, *joints[t, v], 0.5)
        for t in range(4)
        for v in reversed(range(13))
        if (t, v) != (2, 5)
    ]
    columns = dict(
        zip(
            ['frame', 'landmark', 'x', 'y', 'confidence'],
            zip(*rows, strict=True),
            strict=True,
        )
    )
    path = write_table(tmp_path / 'a.csv', columns)
    only_format(path)
    sequence = read_pose_file(path, None if named else PENN_ACTION)
    assert sequence.skeleton == PENN_ACTION
    expected = joints.copy()
    expected[2, 5] = np.nan
    np.testing.assert_allclose(sequence.keypoint[0], expected)
    assert sequence.score[0, 0, 0] == 0.5


OTHER_14 = dict(joints=[f'{i}' for i in range(14)], flip_pairs=[])


def test_layout_that_is_given(tmp_path):
    joints = in_picture(3)
    extra = np.concatenate([joints[:, ::-1], joints[:, :1]], 1)
    names = [*JOINTS[::-1], 'racket']
    path = tmp_path / 'a.csv'
    write_table(path, joint_columns(extra, names))
    sequence = read_pose_file(path, PENN_ACTION)
    np.testing.assert_allclose(sequence.keypoint[0], joints)
    assert read_pose_file(path).skeleton['joints'] == names
    # Names of another body are no joints of the layout in its order.
    for other in (COCO_17, OTHER_14):
        with pytest.raises(AnnotationError, match=r'1[47] joints.*14.*racket'):
            read_pose_file(path, other)
    numbers = [f'p{i}' for i in range(13)]
    write_table(path, joint_columns(joints, numbers))
    sequence = read_pose_file(path, PENN_ACTION)
    np.testing.assert_allclose(sequence.keypoint[0], joints)
    with pytest.raises(AnnotationError, match=r'13 numbers.*--layout'):
        read_pose_file(path)


def test_columns_that_are_left_out(tmp_path):
    columns = joint_columns(in_picture(2)) | {
        'mood': ['good', 'bad'],
        'Unnamed: 0': [0, 1],
        'head_ncams': [2, 2],
    }
    path = write_table(tmp_path / 'a.csv', columns)
    with pytest.warns(UserWarning, match='left out: mood$'):
        sequence = read_pose_file(path)
    assert sequence.skeleton == PENN_ACTION


def test_anipose(tmp_path, recwarn):
    joints = squat(4)
    columns = joint_columns(joints)
    for v, name in enumerate(JOINTS):
        columns[f'{name}_error'] = [0.3 * v] * 4
        columns[f'{name}_score'] = [0.9] * 4
        columns[f'{name}_ncams'] = [3] * 4
    columns |= {'M_00': [1] * 4, 'center_0': [0] * 4, 'fnum': range(4)}
    # What is seen by less than two cameras.
    for part in ('x', 'y', 'z', 'error', 'score', 'ncams'):
        columns[f'head_{part}'][1] = 'nan'
    sequence = read_pose_file(write_table(tmp_path / 'a.csv', columns))
    joints[1, 0] = np.nan
    np.testing.assert_allclose(sequence.keypoint[0], joints)
    assert not recwarn.list


XY = 'a_x,a_y,b_x,b_y'


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('sequence,activity\na,b\n', ['sequence, activity', 'nose_x']),
        ('', ['none']),
        (f'{XY}\n', ['row']),
        (f'{XY}\n1,2,3\n', ['line 2', '4 values', '3']),
        (f'{XY}\n1,2,3,4,5\n', ['line 2', '4 values', '5']),
        (f'{XY}\n1,2,3,4\n1,2,x,4\n', ['line 3', "'x'"]),
        (f'{XY}\n,,,\n1,2\n', ['line 3']),
        (f'{XY}\nnan,nan,NA,\n', ['no joint']),
        (f'{XY},b_z\n1,2,3,4,5\n', ['z', 'a']),
        (f'{XY},a_x\n1,2,3,4,5\n', ['a_x']),
        (f'frame,{XY},frame\n1,2,3,4,5,1\n', ["'frame'"]),
        (f'frame,{XY}\n0,1,2,3,4\n0,1,2,3,4\n', ['line 3', 'line 2']),
        (f'frame,{XY}\n0.5,1,2,3,4\n', ['line 2', '0.5']),
        (f'frame,{XY}\n,1,2,3,4\n', ['line 2', 'none']),
        (f'frame,{XY}\n0,1,2,3,4\n1000000000,1,2,3,4\n1,1,2,3,4\n', ['span']),
        (
            f'frame,time,{XY}\n0,0,1,2,3,4\n1,0,1,2,3,4\n',
            ['line 3', 'later'],
        ),
        (f'time,{XY}\n0,1,2,3,4\n,1,2,3,4\n', ['line 3', 'time']),
        (f'time,{XY}\n0,1,2,3,4\n33,1,2,3,4\n', ['seconds', "'time_ms'"]),
        (f'person,{XY}\na,1,2,3,4\nb,1,2,3,4\n', ["'frame'"]),
        (
            f'frame,person,{XY}\n0,p,1,2,3,4\n0,p,1,2,3,4\n',
            ['line 3', 'of p'],
        ),
        (
            'frame,joint,x,y\n0,a,1,2\n0,b,1,2\n0,a,1,2\n',
            ['line 4', 'line 2'],
        ),
        ('a_b_x,a_b_y,a.b_x,a.b_y\n1,2,3,4\n', ['a_b', 'a.b']),
        ('"a_x,a_y\n1,2\n', ['known format']),
    ],
)
def test_what_is_wrong_is_named(text, words, tmp_path):
    path = tmp_path / 'table.csv'
    path.write_text(text)
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert '\n' not in str(error.value)


def test_text_in_another_encoding(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes(f'{XY},ü\n1,2,3,4,5\n'.encode('latin-1'))
    with pytest.raises(AnnotationError, match='UTF-8'):
        read_pose_file(path)


def test_33_numbers_are_those_of_mediapipe(tmp_path):
    joints = np.random.default_rng(0).uniform(-1, 1, (3, 33, 3))
    joints[:, [23, 24]] = [[0.1, 0, 0], [-0.1, 0, 0]]
    names = [name.upper() for name in BLAZEPOSE_33['joints']]
    # What MediaPipe's PoseLandmark calls them.
    names[9:11] = ['MOUTH_LEFT', 'MOUTH_RIGHT']
    path = tmp_path / 'a.csv'
    for columns in (
        joint_columns(joints, range(33), '{1}{0}'),
        joint_columns(joints, range(1, 34), '{1}{0}'),
        joint_columns(joints, range(33), 'landmark_{}_{}'),
        joint_columns(joints, names),
    ):
        write_table(path, columns)
        sequence = read_pose_file(path)
        assert sequence.skeleton == BLAZEPOSE_33
        np.testing.assert_allclose(sequence.keypoint[0], joints)
