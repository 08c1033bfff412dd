"""Commands and the pretrained model take pose files and folders of them."""

import csv
import json
import pickle

import numpy as np
import pytest
from pose_writers import alphapose_entries, flat, write_json
from squats import squat, turned
from table_writers import (
    as_dicts,
    coco_file,
    joint_columns,
    write_deeplabcut,
    write_table,
)

import masa
from masa.cli import main
from masa.datasets.skeletons import BLAZEPOSE_33, COCO_17, PENN_ACTION
from masa.extraction.errors import ExtractionError

RATE = 25


@pytest.fixture(scope='module')
def model():
    return masa.load()


def body(frames, layout=PENN_ACTION):
    """A squat, (T, V, 3), y down; joints that it lacks are at the head."""
    joints = turned(squat(frames), 30) * [1, -1, 1]
    index = {name: i for i, name in enumerate(PENN_ACTION['joints'])}
    return joints[:, [index.get(name, 0) for name in layout['joints']]]


def in_pixels(frames, layout=PENN_ACTION):
    return 500 + 200 * body(frames, layout)[..., :2]


def times(frames):
    return {'time': (np.arange(frames) / RATE).tolist()}


def write_wide(path, frames):
    path = path.with_suffix('.csv')
    return write_table(path, times(frames) | joint_columns(in_pixels(frames)))


def write_long(path, frames):
    joints = in_pixels(frames, COCO_17)
    rows = [
        (t, COCO_17['joints'][v], *joints[t, v])
        for t in range(frames)
        for v in range(17)
    ]
    path = path.with_suffix('.csv')
    names = ('frame', 'landmark', 'x', 'y')
    columns = zip(*rows, strict=True)
    return write_table(path, dict(zip(names, columns, strict=True)))


def write_results(path, frames):
    joints = in_pixels(frames, COCO_17)
    people = [(joints, np.ones(joints.shape[:2]))]
    return write_json(path.with_suffix('.json'), alphapose_entries(people))


def write_coco(path, frames):
    rows = [flat(row, np.full(17, 2)) for row in in_pixels(frames, COCO_17)]
    content = coco_file(rows, [f'{t:06d}.jpg' for t in range(frames)])
    return write_json(path.with_suffix('.json'), content)


def write_landmarks(path, frames):
    world = body(frames, BLAZEPOSE_33)
    world -= world[:, [23, 24]].mean(1, keepdims=True)
    values = np.concatenate([world, np.ones((frames, 33, 1))], -1)
    path = path.with_suffix('.npy')
    np.save(path, values)
    return path


def write_landmarks_as_json(path, frames):
    joints = body(frames, BLAZEPOSE_33) / 5 + 0.5
    values = np.concatenate([joints, np.ones((frames, 33, 1))], -1)
    people = [as_dicts(person) for person in values]
    return write_json(path.with_suffix('.json'), people)


def write_bodyparts(path, frames):
    joints = in_pixels(frames)
    values = np.concatenate([joints, np.ones((frames, 13, 1))], -1)
    names = PENN_ACTION['joints']
    path = path.with_suffix('.csv')
    return write_deeplabcut(path, values[None], names)


def write_nodes(path, frames):
    h5py = pytest.importorskip('h5py')
    path = path.with_suffix('.h5')
    with h5py.File(path, 'w') as file:
        file['tracks'] = in_pixels(frames)[None].transpose(0, 3, 2, 1)
        file['node_names'] = np.array(PENN_ACTION['joints'], 'S')
    return path


WRITERS = [
    *(write_wide, write_long, write_results, write_coco),
    *(write_landmarks, write_landmarks_as_json, write_bodyparts, write_nodes),
]


@pytest.mark.parametrize('write', WRITERS)
@pytest.mark.filterwarnings('ignore:.*image-size')
def test_every_format_aligns(write, model, tmp_path):
    slow = write(tmp_path / 'slow', 60)
    fast = write(tmp_path / 'fast', 40)
    first, second = model.embed([slow, fast])
    assert (first.name, second.name) == ('slow', 'fast')
    alignment = model.align(first, second)
    first_of, second_of = np.asarray(alignment.path).T
    error = np.abs(first_of / 59 - second_of / 39)
    assert error.mean() < 0.05


@pytest.mark.parametrize('kind', ['list', 'single', 'json'])
def test_records_that_are_in_no_annotation_file(kind, model, tmp_path):
    records = [
        dict(
            frame_dir=name,
            total_frames=frames,
            keypoint=in_pixels(frames, COCO_17)[None],
            keypoint_score=np.ones((1, frames, 17)),
        )
        for name, frames in (('a', 60), ('b', 40))
    ]
    path = tmp_path / 'list.pkl'
    if kind == 'json':
        path = tmp_path / 'list.json'
        path.write_text(json.dumps(records, default=np.ndarray.tolist))
    else:
        path.write_bytes(
            pickle.dumps(records if kind == 'list' else records[0])
        )
    with pytest.raises(ExtractionError, match='--layout'):
        model.embed(path)
    named = masa.load(layout='COCO_17').embed(path)
    assert [one.name for one in named] == ['a', 'b'][: len(named)]
    assert len(named) == (1 if kind == 'single' else 2)
    records[0]['keypoint'] = records[0]['keypoint'][0]
    path.with_suffix('.pkl').write_bytes(pickle.dumps(records))
    with pytest.raises(ExtractionError, match='keypoint'):
        masa.load(layout='COCO_17').embed(path.with_suffix('.pkl'))


def test_folders_of_arrays(tmp_path):
    (tmp_path / 'more').mkdir()
    np.save(tmp_path / 'more' / 'a.npy', in_pixels(40, COCO_17))
    np.save(tmp_path / 'b.npy', in_pixels(50, COCO_17))
    model = masa.load(layout='COCO_17')
    sequences = model.embed(tmp_path)
    assert [one.name for one in sequences] == ['b', 'more/a']
    np.save(tmp_path / 'c.npy', np.ones((5, 13, 2)))
    with pytest.raises(ExtractionError) as error:
        model.embed(tmp_path)
    assert list(error.value.problems) == [str(tmp_path / 'c.npy')]


def test_files_that_say_their_layout_keep_it(tmp_path):
    (tmp_path / 'files').mkdir()
    write_wide(tmp_path / 'files' / 'b', 50)
    write_results(tmp_path / 'files' / 'a', 40)
    np.save(tmp_path / 'c.npy', in_pixels(40, COCO_17))
    model = masa.load(layout='COCO_17')
    sequences = model.embed([tmp_path / 'files', tmp_path / 'c.npy'])
    assert [(one.name, one.keypoint.shape[1]) for one in sequences] == [
        ('a', 17),
        ('b', 13),
        ('c', 17),
    ]


def test_animals(model, tmp_path):
    joints = np.random.default_rng(0).uniform(0, 100, (1, 9, 3, 3))
    path = tmp_path / 'mouse.csv'
    write_deeplabcut(path, joints, ['snout', 'left_ear', 'tail'])
    with pytest.raises(ExtractionError, match='left_hip'):
        model.embed(path)
    output = tmp_path / 'mouse.pkl'
    assert main(['convert', 'poses', str(path), str(output)]) == 0
    assert main(['check', str(output)]) == 0


def read_table(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_frame_rates(tmp_path):
    """--frame-rate is of what does not say its own, of any layout."""
    write_wide(tmp_path / 'says', 60)
    write_results(tmp_path / 'silent', 40)
    output = tmp_path / 'times.csv'
    inputs = [str(tmp_path / 'says.csv'), str(tmp_path / 'silent.json')]
    command = ['align', *inputs, '-o', str(output), '--frame-rate', '10']
    assert main([*command, '--reference', 'says']) == 0
    rows = read_table(output)
    for row in rows:
        assert float(row['says [s]']) == pytest.approx(
            int(row['says']) / RATE, abs=1e-3
        )
        if row['silent']:
            assert float(row['silent [s]']) == pytest.approx(
                int(row['silent']) / 10, abs=1e-3
            )
    joined = tmp_path / 'poses.pkl'
    for path, rate in zip(inputs, (None, 10), strict=True):
        command = ['convert', 'poses', path, str(joined), '--overwrite']
        assert main([*command, '--frame-rate', '10']) == 0
        (record,) = masa.datasets.load_annotations(joined)['annotations']
        assert record.get('frame_rate') == rate
        assert ('timestamps' in record) == (rate is None)


@pytest.mark.parametrize(
    'command',
    [
        ['align', '{first}', '{second}', '-o', '{out}.csv'],
        ['find', '{first}', '{second}', '-o', '{out}.csv'],
        ['compare', '{first}', '{second}', '-o', '{out}.json'],
        ['live', '{first}', '--source', '{second}', '-o', '{out}.csv'],
        [
            *('label', '{first}', '{second}', '--labels', '{labels}'),
            *('-o', '{out}.csv'),
        ],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize('folder', [False, True])
def test_commands(command, folder, tmp_path):
    first = write_wide(tmp_path / 'first', 60)
    second = tmp_path / 'second'
    second.mkdir()
    path = write_bodyparts(second / 'attempt', 50)
    labels = tmp_path / 'labels.csv'
    labels.write_text('sequence,start,end,phase\nfirst,0,1.1,down\n')
    output = tmp_path / 'out'
    arguments = [
        one.format(
            first=first,
            second=second if folder else path,
            labels=labels,
            out=output,
        )
        for one in command
    ]
    assert main([*arguments, '--frame-rate', '25']) == 0
    (written,) = tmp_path.glob('out.*')
    assert written.stat().st_size


def test_table_that_holds_no_poses(model, tmp_path, capsys):
    path = tmp_path / 'labels.csv'
    path.write_text('sequence,activity,split\na,squat,train\n')
    for command in (
        ['align', str(write_wide(tmp_path / 'a', 9)), str(path)],
        ['convert', 'poses', str(path)],
    ):
        end = ['-o'] * (command[0] == 'align')
        output = str(tmp_path / ('b.csv' if end else 'b.pkl'))
        assert main([*command, *end, output]) == 2
        error = capsys.readouterr().err
        assert 'labels.csv' in error
        assert 'sequence, activity, split' in error
        assert 'nose_x' in error
