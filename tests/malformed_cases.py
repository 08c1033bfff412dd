"""Ways to break a valid annotation file, and what is to be said of each."""

import copy
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np


def top(key, value):
    """Set an entry of the file."""
    return lambda annotations, folder: annotations.update({key: value})


def part(key, inner, value):
    """Set a part of an entry of the file."""
    return lambda annotations, folder: annotations[key].update({inner: value})


def record(**changes):
    """Set fields of the record c."""
    return lambda annotations, folder: annotations['annotations'][2].update(
        changes
    )


def without(key):
    """Remove a field of the record c."""
    return lambda annotations, folder: annotations['annotations'][2].pop(key)


def one_value(key, value):
    """Set one number of an array of the record c."""

    def change(annotations, folder):
        array = annotations['annotations'][2][key].astype(np.float64)
        array.flat[array.size // 2] = value
        annotations['annotations'][2][key] = array

    return change


def feature(array):
    """Set the feature file of the record c."""
    return lambda annotations, folder: np.save(folder / 'c.npy', array)


def feature_bytes(make):
    """Change the bytes of the feature file of the record c."""

    def change(annotations, folder):
        path = folder / 'c.npy'
        path.write_bytes(make(path.read_bytes()))

    return change


def feature_folder(annotations, folder):
    (folder / 'c.npy').unlink()
    (folder / 'c.npy').mkdir()


def append(value):
    return lambda annotations, folder: annotations['annotations'].append(value)


def claims(shape):
    """Change the shape in a header, and nothing else."""

    def make(content):
        header = content[10:128].decode()
        start, end = header.index('(5, 3)'), header.index('(5, 3)') + 6
        changed = header[:start] + shape + header[end:]
        return content[:10] + changed[:118].encode() + content[128:]

    return make


def packed(**changes):
    """Store the poses of the record c by detection."""

    def change(annotations, folder):
        made = annotations['annotations'][2]
        del made['keypoint_score']
        made.update(
            keypoint=np.ones((7, 4, 3), np.float16),
            frame_inds=np.array([0, 0, 1, 2, 3, 4, 4], np.int16),
            box_score=np.ones(7),
        )
        made.update(changes)

    return change


ONE_FRAME_MORE = dict(
    keypoint=np.ones((1, 6, 4, 2)), keypoint_score=np.ones((1, 6, 4))
)
# A torso of next to no length.
FAR = np.tile(
    np.array([[0, 0], [1e-18, 0], [1e22, 0], [1, 1.0]]), (1, 5, 1, 1)
)
# By name: a field of the record c, a wrong value, and what of the message
# tells what is expected and found.
FIELDS = {
    'label too high': ('label', 2, '[0, 2)', '2'),
    'label negative': ('label', -2, '', '-2'),
    'label float': ('label', 0.0, '[0,', '0.0'),
    'label bool': ('label', True, '[0,', 'True'),
    'label text': ('label', 'run', '[0,', "'run'"),
    'label NaN': ('label', np.float64('nan'), '[0,', 'nan'),
    'label beyond int32': ('label', 2**31, '[0, 2147483647]', '2147483648'),
    'phase without name': ('phase', np.arange(5), '[0, 2)', '4'),
    'phase below -1': ('phase', np.array([0, 0, -2, 0, 0]), '', '-2'),
    'phase beyond int32': (
        'phase',
        np.full(5, 2**40),
        '[0, 2147483647]',
        '1099511627776',
    ),
    'phases of another length': ('phase', np.zeros(4, int), '(5,)', '(4,)'),
    'phases float': ('phase', np.zeros(5), '(5,)', 'float64'),
    'phases bool': ('phase', np.zeros(5, bool), '(5,)', 'bool'),
    'phases text': ('phase', list('abcde'), '(5,)', '<U1'),
    'zero frames': ('total_frames', 0, '', '0'),
    'total_frames float': ('total_frames', 5.0, '', '5.0'),
    'no people': ('keypoint', np.zeros((0, 5, 4, 2)), '', '(0, 5, 4, 2)'),
    'another number of joints': (
        'keypoint',
        np.ones((1, 5, 17, 2)),
        '5, 4, 2)',
        '(1, 5, 17, 2)',
    ),
    'another number of coordinates': (
        'keypoint',
        np.ones((1, 5, 4, 3)),
        '5, 4, 2)',
        '(1, 5, 4, 3)',
    ),
    'joints without people': ('keypoint', np.ones((5, 4, 2)), '', '(5, 4, 2)'),
    'joints of objects': (
        'keypoint',
        np.full((1, 5, 4, 2), None),
        '',
        'object',
    ),
    'joints of text': ('keypoint', np.full((1, 5, 4, 2), '1'), '', '<U1'),
    'joints complex': (
        'keypoint',
        np.ones((1, 5, 4, 2), complex),
        '',
        'complex128',
    ),
    'ragged joints': ('keypoint', [[1], [2, 3]], '', 'object'),
    'no joint found': ('keypoint', np.zeros((1, 5, 4, 2)), '', '0'),
    'scores of another length': (
        'keypoint_score',
        np.ones((1, 6, 4)),
        '(1, 5, 4)',
        '(1, 6, 4)',
    ),
    'scores of text': ('keypoint_score', np.full((1, 5, 4), 'x'), '', '<U1'),
    'scores all 0': ('keypoint_score', np.zeros((1, 5, 4)), '', '0'),
    'time of another length': ('canonical_time', np.zeros(4), '(5,)', '(4,)'),
    'subject as a list': ('subject', ['s1'], '', "['s1']"),
    'frame rate 0': ('frame_rate', 0, '', '0'),
    'frame rate as text': ('frame_rate', '30', '', "'30'"),
    'time stamps of another length': (
        'timestamps',
        np.arange(4.0),
        '(5,)',
        '(4,)',
    ),
    'time stamps that stand still': (
        'timestamps',
        np.array([0, 1, 2, 2, 3.0]),
        '',
        'frame 2',
    ),
    'time stamps as text': (
        'timestamps',
        ['0', '1', '2', '3', '4'],
        '(5,)',
        '<U1',
    ),
    'image of three sides': ('img_shape', (48, 64, 3), '', '(48, 64, 3)'),
    'image without height': ('img_shape', (0, 64), '', '(0, 64)'),
    'image of floats': ('original_shape', (48.0, 64.0), '', '48.0'),
    'image of text': ('img_shape', '48x64', '', "'48x64'"),
    'path of a number': ('feature_path', 3, '', '3'),
    'path empty': ('feature_path', '', '', "''"),
    'path to nothing': ('feature_path', 'e.npy', '.npy', 'e.npy'),
    'path with a zero byte': ('feature_path', '\0', '.npy', 'null'),
}
# The same of its poses, stored by detection, and of the skeleton.
DETECTIONS = {
    'detections of another number': (
        'keypoint',
        np.ones((6, 4, 3)),
        '(7, 4, 3)',
        '(6, 4, 3)',
    ),
    'detections without scores': (
        'keypoint',
        np.ones((7, 4, 2)),
        '',
        '(7, 4, 2)',
    ),
    'detections NaN': ('keypoint', np.full((7, 4, 3), np.nan), '', '84'),
    'detections after the end': (
        'frame_inds',
        np.arange(7),
        '[0, 5)',
        '0 to 6',
    ),
    'frames of detections float': (
        'frame_inds',
        np.zeros(7),
        '(N,)',
        'float64',
    ),
    'box scores of another length': ('box_score', np.ones(5), '(7,)', '(5,)'),
    'detections all 0': ('keypoint', np.zeros((7, 4, 3)), '', '0'),
    'file of poses of a number': ('raw_file', 3, '', '3'),
}
SKELETONS = {
    'joint name twice': ('joints', ['a', 'a', 'b', 'c'], '', "['a']"),
    'bone out of range': ('bones', [[0, 4]], '[0, 4)', '[[0, 4]]'),
    'flip pair with itself': ('flip_pairs', [[2, 2]], '', '[[2, 2]]'),
    'flip pair of three': ('flip_pairs', [[1, 2, 3]], '', '[[1, 2, 3]]'),
    'joint in two flip pairs': ('flip_pairs', [[1, 2], [2, 3]], '', '[2]'),
    'root out of range': ('root', -1, '[0, 4)', '-1'),
    'torso of one end': ('torso', [1], '', '[1]'),
}
# Ids of the split 'val'.
SPLITS = {
    'empty split': ([], '', '[]'),
    'split of text': ('c', '', "'c'"),
    'split of two axes': (np.array([['c', 'd']]), '', 'shape (1, 2)'),
    'id without record': (['c', 'd', 'e'], '', "['e']"),
    'id of another type': (['c', 'd', 7], '', '[7]'),
    'id twice in a split': (['c', 'd', 'd'], '', "['d']"),
    'id in two splits': (['a', 'c', 'd'], "split 'train'", "['a']"),
}
# Arrays and bytes of its feature file.
FEATURES = {
    'features of another length': (np.ones((6, 3), 'f2'), '(5, 3)', '(6, 3)'),
    'features of another width': (np.ones((5, 4), 'f2'), '(5, 3)', '(5, 4)'),
    'features of one axis': (np.ones(5, 'f2'), '(5, 3)', '(5,)'),
    'features float64': (np.ones((5, 3)), 'float16', 'float64'),
    'features integer': (np.ones((5, 3), int), 'float16', 'int64'),
    'features of objects': (np.full((5, 3), None), '.npy', 'objects'),
}
FEATURE_BYTES = {
    'features empty': (lambda whole: b'', 'c.npy'),
    'features truncated': (lambda whole: whole[:-1], '157'),
    'features with a cut header': (lambda whole: whole[:60], 'c.npy'),
    'features of text': (lambda whole: b'1 2 3', 'c.npy'),
    'features claiming terabytes': (claims('(5, 9000000000000)'), 'c.npy'),
    'features of negative length': (claims('(-5, 3)'), '(-5, 3)'),
}
# By name: how to break the file; record, field, expected and found.
CASES = {
    'no records': (top('annotations', None), '|annotations||None'),
    'empty records': (top('annotations', []), '|annotations||[]'),
    'records by id': (
        top('annotations', {'c': {}}),
        "|annotations||{'c': {}}",
    ),
    'record of text': (append('e'), "number 4|record||'e'"),
    'splits in a list': (top('split', ['a']), "|split||['a']"),
    'no splits': (top('split', {}), '|split||{}'),
    'split without a name': (part('split', 3, ['c']), '|split 3||3'),
    'record in no split': (part('split', 'val', ['d']), 'c|split||none'),
    'no id': (without('frame_dir'), 'number 2|frame_dir||None'),
    'id of a number': (record(frame_dir=7), 'number 2|frame_dir||7'),
    'duplicate id': (record(frame_dir='d'), 'd|frame_dir||2'),
    'activities of text': (top('activities', 'jump'), "|activities||'jump'"),
    'activity twice': (
        top('activities', ['run', 'run']),
        "|activities||['run', 'run']",
    ),
    'phases in a list': (top('phases', ['up']), "|phases||['up']"),
    'phase names of text': (
        part('phases', 'run', 'go'),
        "|phases 'run'||'go'",
    ),
    'phase names missing': (
        top('phases', dict(jump=['start', 'up'])),
        "|phases 'run'||none",
    ),
    'phases of no activity': (
        part('phases', 'sit', ['a']),
        "|phases 'sit'||'sit'",
    ),
    'no total_frames': (without('total_frames'), 'c|total_frames||None'),
    'total_frames of another length': (
        record(total_frames=6),
        'c|keypoint|6, 4, 2)|(1, 5, 4, 2)',
    ),
    'joints of another length': (
        record(**ONE_FRAME_MORE),
        'c|keypoint|5, 4, 2)|(1, 6, 4, 2)',
    ),
    'joint NaN': (one_value('keypoint', np.nan), 'c|keypoint||[0, 2, 2, 0]'),
    'joint infinite': (
        one_value('keypoint', -np.inf),
        'c|keypoint||[0, 2, 2, 0]',
    ),
    'joint beyond float32': (
        one_value('keypoint', 1e39),
        'c|keypoint||[0, 2, 2, 0]',
    ),
    'score NaN': (
        one_value('keypoint_score', np.nan),
        'c|keypoint_score||[0, 2, 2]',
    ),
    'time NaN': (one_value('canonical_time', np.nan), 'c|canonical_time||[2]'),
    'skeleton without joints': (
        top('skeleton', dict(root=0)),
        "|skeleton||{'root': 0}",
    ),
    'features in a folder': (feature_folder, 'c|feature_path|.npy|c.npy'),
    **{
        name: (record(**{field: value}), f'c|{field}|{expected}|{found}')
        for name, (field, value, expected, found) in FIELDS.items()
    },
    **{
        name: (packed(**{field: value}), f'c|{field}|{expected}|{found}')
        for name, (field, value, expected, found) in DETECTIONS.items()
    },
    **{
        name: (
            part('skeleton', key, value),
            f'|skeleton.{key}|{expected}|{found}',
        )
        for name, (key, value, expected, found) in SKELETONS.items()
    },
    **{
        name: (part('split', 'val', ids), f"|split 'val'|{expected}|{found}")
        for name, (ids, expected, found) in SPLITS.items()
    },
    **{
        name: (feature(array), f'c|feature_path|{expected}|{found}')
        for name, (array, expected, found) in FEATURES.items()
    },
    **{
        name: (feature_bytes(make), f'c|feature_path|.npy|{found}')
        for name, (make, found) in FEATURE_BYTES.items()
    },
}
# Found by masa check only, which reads all values of features.
SLOW_CASES = {
    'feature NaN': (
        feature(np.full((5, 3), np.nan, 'f2')),
        'c|feature_path||15',
    ),
}
# What the pipeline needs, which the file alone does not tell.
PIPELINE_CASES = {
    'another number of people': (
        record(
            keypoint=np.ones((2, 5, 4, 2)) * np.arange(1, 5)[:, None],
            keypoint_score=np.ones((2, 5, 4)),
        ),
        "|keypoint|SelectPerson|1 in 3 ('a', ...), 2 in 1 ('c')",
    ),
    'joints missing': (
        without('keypoint'),
        "c|keypoint|NormalizeSkeleton|'keypoint'",
    ),
    'features missing': (without('feature_path'), 'c|feature_path||none'),
    'torso without length': (
        record(keypoint=np.ones((1, 5, 4, 2))),
        'c|keypoint|NormalizeSkeleton|torso',
    ),
    'joints that overflow': (record(keypoint=FAR), 'c|keypoint||['),
    'skeleton missing': (
        top('skeleton', None),
        "a|keypoint|NormalizeSkeleton|'root', 'torso'",
    ),
    'bones missing': (
        part('skeleton', 'bones', None),
        "a|skeleton|JointAngleNoise|['bones']",
    ),
    'flip pairs missing': (
        part('skeleton', 'flip_pairs', None),
        "a|skeleton|FlipSkeleton|['flip_pairs']",
    ),
}


def as_npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def bomb():
    """An archive whose array is said to take 8 TB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, dict(descr='<f8', fortran_order=False, shape=(10**12,))
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('header.npy', header.getvalue() + bytes(10**6))
    return buffer.getvalue()


def overlapping():
    """An archive many of whose parts are the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('header.npy', bytes(10**6))
        whole = archive.infolist()[0]
        for number in range(9):
            copied = copy.copy(whole)
            copied.filename = f'{number}.npy'
            archive.filelist.append(copied)
    return buffer.getvalue()


class Code:
    def __reduce__(self):
        return os.mkdir, ('code-was-run',)


class Zeros:
    def __reduce__(self):
        return bytearray, (10**13,)


CUT = object()
# By suffix: what the file contains, CUT for the valid file without its end,
# and a part of the message.
UNREADABLE = [
    ('.pkl', b'', 'pickle'),
    ('.pkl', CUT, 'pickle'),
    ('.pkl', b'no pickle', 'pickle'),
    ('.pkl', pickle.dumps(Code()), 'mkdir'),
    ('.pkl', pickle.dumps(Path()), 'pathlib'),
    ('.pkl', pickle.dumps([1]), 'masa convert join'),
    ('.pkl', pickle.dumps(dict(frame_dir='a', keypoint=[1])), 'single record'),
    ('.pkl', pickle.dumps(1), 'dict'),
    ('.pkl', pickle.dumps(Zeros()), '10000000000000'),
    # An array of negative length.
    (
        '.pkl',
        pickle.dumps(np.ones(4), 2).replace(
            b'K\x04\x85', b'J\xfc\xff\xff\xff\x85'
        ),
        'ndarray',
    ),
    # The state of float64 ends with its flags, which are 0.
    (
        '.pkl',
        pickle.dumps(np.ones(4), 2).replace(
            b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00',
            b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3f',
        ),
        'state',
    ),
    # It gives a function a state.
    ('.pkl', b'\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00xNsb.', 'state'),
    ('.json', b'', 'JSON'),
    ('.json', CUT, 'JSON'),
    ('.json', b'\xff\xfe\x00', 'JSON'),
    ('.json', b'[' * 100000, 'JSON'),
    ('.json', b'{"split": ' + b'1' * 5000 + b'}', 'JSON'),
    ('.json', b'[]', 'dict'),
    ('.npz', b'', '.npz'),
    ('.npz', CUT, '.npz'),
    ('.npz', as_npz(x=np.ones(3)), '.npz'),
    ('.npz', as_npz(header=np.ones(3)), '.npz'),
    ('.npz', as_npz(header=np.frombuffer(b'[' * 100000, np.uint8)), '.npz'),
    ('.npz', as_npz(header=np.array([Code()])), 'objects'),
    ('.npz', bomb(), '8000000000128'),
    ('.npz', overlapping(), '.npz'),
    ('.csv', b'a,b', '.json'),
]
