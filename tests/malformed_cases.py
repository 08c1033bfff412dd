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
# Name: how to break the file; the record, the field, what is said to be
# expected, and found.
CASES = {
    'no records': (
        top('annotations', None),
        ' | annotations | a list of records | None',
    ),
    'empty records': (
        top('annotations', []),
        ' | annotations | a list of records | []',
    ),
    'records by id': (
        top('annotations', {'c': {}}),
        " | annotations | a list of records | {'c': {}}",
    ),
    'record of text': (append('e'), "number 4 | record | a dict | 'e'"),
    'splits in a list': (
        top('split', ['a']),
        " | split | a dict of lists of ids | ['a']",
    ),
    'no splits': (top('split', {}), ' | split | a dict of lists of ids | {}'),
    'empty split': (
        part('split', 'val', []),
        " | split 'val' | a list of one id or more | []",
    ),
    'split of text': (
        part('split', 'val', 'c'),
        " | split 'val' | a list of one id or more | 'c'",
    ),
    'split of two axes': (
        part('split', 'val', np.array([['c', 'd']])),
        " | split 'val' | a list of one id or more | shape (1, 2)",
    ),
    'split without a name': (
        part('split', 3, ['c']),
        ' | split 3 | a name, which is a text | 3',
    ),
    'id without record': (
        part('split', 'val', ['c', 'd', 'e']),
        " | split 'val' | ids that have a record | ['e']",
    ),
    'id of another type': (
        part('split', 'val', ['c', 'd', 7]),
        " | split 'val' | ids that have a record | [7]",
    ),
    'record in no split': (
        part('split', 'val', ['d']),
        'c | split | in one split at least | in none',
    ),
    'id twice in a split': (
        part('split', 'val', ['c', 'd', 'd']),
        " | split 'val' | every id once | ['d']",
    ),
    'id in two splits': (
        part('split', 'val', ['a', 'c', 'd']),
        " | split 'val' | not in split 'train' | ['a']",
    ),
    'no id': (
        without('frame_dir'),
        'number 2 | frame_dir | an id, which is a text | None',
    ),
    'id of a number': (
        record(frame_dir=7),
        'number 2 | frame_dir | an id, which is a text | 7',
    ),
    'duplicate id': (
        record(frame_dir='d'),
        'd | frame_dir | an id that no other record has | 2 of',
    ),
    'activities of text': (
        top('activities', 'jump'),
        " | activities | a list of names | 'jump'",
    ),
    'activity twice': (
        top('activities', ['run', 'run']),
        " | activities | every one once | ['run', 'run']",
    ),
    'label too high': (
        record(label=2),
        'c | label | an activity in [0, 2) | 2',
    ),
    'label negative': (record(label=-2), 'c | label | or -1 or no label | -2'),
    'label float': (record(label=0.0), 'c | label | an integer in [0, | 0.0'),
    'label bool': (record(label=True), 'c | label | an integer in [0, | True'),
    'label text': (
        record(label='run'),
        "c | label | an integer in [0, | 'run'",
    ),
    'label NaN': (
        record(label=np.float64('nan')),
        'c | label | an integer in [0, | nan',
    ),
    'label beyond int32': (
        record(label=2**31),
        'c | label | an integer in [0, 2147483647] | 2147483648',
    ),
    'phases in a list': (
        top('phases', ['up']),
        " | phases | a dict of names by activity | ['up']",
    ),
    'phase names of text': (
        part('phases', 'run', 'go'),
        " | phases 'run' | a list of names | 'go'",
    ),
    'phase names missing': (
        top('phases', dict(jump=['start', 'up'])),
        " | phases 'run' | names, for its sequences have phases | none",
    ),
    'phases of no activity': (
        part('phases', 'sit', ['a']),
        " | phases 'sit' | one of the activities | 'sit'",
    ),
    'phase without name': (
        record(phase=np.arange(5)),
        'c | phase | phases of jump in [0, 2) | 4',
    ),
    'phase below -1': (
        record(phase=np.array([0, 0, -2, 0, 0])),
        'c | phase | or -1 for unknown | -2',
    ),
    'phase beyond int32': (
        record(phase=np.full(5, 2**40)),
        'c | phase | phases in [0, 2147483647] | 1099511627776',
    ),
    'phases of another length': (
        record(phase=np.zeros(4, int)),
        'c | phase | integers of shape (5,) | (4,)',
    ),
    'phases float': (
        record(phase=np.zeros(5)),
        'c | phase | integers of shape (5,) | float64',
    ),
    'phases bool': (
        record(phase=np.zeros(5, bool)),
        'c | phase | integers of shape (5,) | bool',
    ),
    'phases text': (
        record(phase=list('abcde')),
        'c | phase | integers of shape (5,) | <U1',
    ),
    'no total_frames': (
        without('total_frames'),
        'c | total_frames | an integer above 0 | None',
    ),
    'zero frames': (
        record(total_frames=0),
        'c | total_frames | an integer above 0 | 0',
    ),
    'total_frames float': (
        record(total_frames=5.0),
        'c | total_frames | an integer above 0 | 5.0',
    ),
    'total_frames of another length': (
        record(total_frames=6),
        'c | keypoint | 6, 4, 2) | (1, 5, 4, 2)',
    ),
    'joints of another length': (
        record(**ONE_FRAME_MORE),
        'c | keypoint | 5, 4, 2) | (1, 6, 4, 2)',
    ),
    'no people': (
        record(keypoint=np.zeros((0, 5, 4, 2))),
        'c | keypoint | shape (people, | (0, 5, 4, 2)',
    ),
    'another number of joints': (
        record(keypoint=np.ones((1, 5, 17, 2))),
        'c | keypoint | 5, 4, 2) | (1, 5, 17, 2)',
    ),
    'another number of coordinates': (
        record(keypoint=np.ones((1, 5, 4, 3))),
        'c | keypoint | 5, 4, 2) | (1, 5, 4, 3)',
    ),
    'joints without people': (
        record(keypoint=np.ones((5, 4, 2))),
        'c | keypoint | shape (people, | (5, 4, 2)',
    ),
    'joints of objects': (
        record(keypoint=np.full((1, 5, 4, 2), None)),
        'c | keypoint | numbers of | object',
    ),
    'joints of text': (
        record(keypoint=np.full((1, 5, 4, 2), '1')),
        'c | keypoint | numbers of | <U1',
    ),
    'joints complex': (
        record(keypoint=np.ones((1, 5, 4, 2), complex)),
        'c | keypoint | numbers of | complex128',
    ),
    'ragged joints': (
        record(keypoint=[[1], [2, 3]]),
        'c | keypoint | numbers of | object',
    ),
    'joint NaN': (
        one_value('keypoint', np.nan),
        'c | keypoint | finite numbers | first at [0, 2, 2, 0]',
    ),
    'joint infinite': (
        one_value('keypoint', -np.inf),
        'c | keypoint | finite numbers | first at [0, 2, 2, 0]',
    ),
    'joint beyond float32': (
        one_value('keypoint', 1e39),
        'c | keypoint | finite numbers | first at [0, 2, 2, 0]',
    ),
    'no joint found': (
        record(keypoint=np.zeros((1, 5, 4, 2))),
        'c | keypoint | positions | all 0',
    ),
    'scores of another length': (
        record(keypoint_score=np.ones((1, 6, 4))),
        'c | keypoint_score | (1, 5, 4) | (1, 6, 4)',
    ),
    'scores of text': (
        record(keypoint_score=np.full((1, 5, 4), 'x')),
        'c | keypoint_score | numbers of | <U1',
    ),
    'score NaN': (
        one_value('keypoint_score', np.nan),
        'c | keypoint_score | finite numbers | [0, 2, 2]',
    ),
    'scores all 0': (
        record(keypoint_score=np.zeros((1, 5, 4))),
        'c | keypoint_score | a joint that is seen | all scores 0',
    ),
    'detections of another number': (
        packed(keypoint=np.ones((6, 4, 3))),
        'c | keypoint | numbers of shape (7, 4, 3) | (6, 4, 3)',
    ),
    'detections without scores': (
        packed(keypoint=np.ones((7, 4, 2))),
        'c | keypoint | x, y and score | (7, 4, 2)',
    ),
    'detections NaN': (
        packed(keypoint=np.full((7, 4, 3), np.nan)),
        'c | keypoint | finite numbers | 84 that are not',
    ),
    'detections after the end': (
        packed(frame_inds=np.arange(7)),
        'c | frame_inds | frames in [0, 5) | 0 to 6',
    ),
    'frames of detections float': (
        packed(frame_inds=np.zeros(7)),
        'c | frame_inds | integers of shape (N,) | float64',
    ),
    'box scores of another length': (
        packed(box_score=np.ones(5)),
        'c | box_score | numbers of shape (7,) | (5,)',
    ),
    'detections all 0': (
        packed(keypoint=np.zeros((7, 4, 3))),
        'c | keypoint | positions | all 0',
    ),
    'file of poses of a number': (
        packed(raw_file=3),
        'c | raw_file | a path | 3',
    ),
    'time NaN': (
        one_value('canonical_time', np.nan),
        'c | canonical_time | finite numbers | [2]',
    ),
    'time of another length': (
        record(canonical_time=np.zeros(4)),
        'c | canonical_time | shape (5,) | (4,)',
    ),
    'frame rate 0': (
        record(frame_rate=0),
        'c | frame_rate | frames per second | 0',
    ),
    'frame rate as text': (
        record(frame_rate='30'),
        "c | frame_rate | frames per second | '30'",
    ),
    'time stamps of another length': (
        record(timestamps=np.arange(4.0)),
        'c | timestamps | shape (5,) | (4,)',
    ),
    'time stamps that stand still': (
        record(timestamps=np.array([0, 1, 2, 2, 3.0])),
        'c | timestamps | seconds that increase | from frame 2',
    ),
    'time stamps as text': (
        record(timestamps=['0', '1', '2', '3', '4']),
        'c | timestamps | numbers of shape (5,) | <U1',
    ),
    'image of three sides': (
        record(img_shape=(48, 64, 3)),
        'c | img_shape | height and width | (48, 64, 3)',
    ),
    'image without height': (
        record(img_shape=(0, 64)),
        'c | img_shape | integers above 0 | (0, 64)',
    ),
    'image of floats': (
        record(original_shape=(48.0, 64.0)),
        'c | original_shape | integers above 0 | 48.0',
    ),
    'image of text': (
        record(img_shape='48x64'),
        "c | img_shape | height and width | '48x64'",
    ),
    'skeleton without joints': (
        top('skeleton', dict(root=0)),
        " | skeleton | a dict with 'joints' | {'root': 0}",
    ),
    'joint name twice': (
        part('skeleton', 'joints', ['a', 'a', 'b', 'c']),
        " | skeleton.joints | every name once | ['a']",
    ),
    'bone out of range': (
        part('skeleton', 'bones', [[0, 4]]),
        ' | skeleton.bones | pairs of joints in [0, 4) | [[0, 4]]',
    ),
    'flip pair with itself': (
        part('skeleton', 'flip_pairs', [[2, 2]]),
        ' | skeleton.flip_pairs | pairs of joints | [[2, 2]]',
    ),
    'flip pair of three': (
        part('skeleton', 'flip_pairs', [[1, 2, 3]]),
        ' | skeleton.flip_pairs | pairs of joints | [[1, 2, 3]]',
    ),
    'joint in two flip pairs': (
        part('skeleton', 'flip_pairs', [[1, 2], [2, 3]]),
        ' | skeleton.flip_pairs | in one pair at most | [2] in several',
    ),
    'root out of range': (
        part('skeleton', 'root', -1),
        ' | skeleton.root | in [0, 4) | -1',
    ),
    'torso of one end': (
        part('skeleton', 'torso', [1]),
        ' | skeleton.torso | two ends | [1]',
    ),
    'path of a number': (
        record(feature_path=3),
        'c | feature_path | a path | 3',
    ),
    'path empty': (record(feature_path=''), "c | feature_path | a path | ''"),
    'path to nothing': (
        record(feature_path='e.npy'),
        'c | feature_path | a .npy file | e.npy',
    ),
    'path with a zero byte': (
        record(feature_path='\0'),
        'c | feature_path | a .npy file | null',
    ),
    'features in a folder': (
        feature_folder,
        'c | feature_path | a .npy file | c.npy',
    ),
    'features of another length': (
        feature(np.ones((6, 3), 'f2')),
        'c | feature_path | shape (5, 3) | (6, 3)',
    ),
    'features of another width': (
        feature(np.ones((5, 4), 'f2')),
        'c | feature_path | shape (5, 3) | (5, 4)',
    ),
    'features of one axis': (
        feature(np.ones(5, 'f2')),
        'c | feature_path | shape (5, 3) | (5,)',
    ),
    'features float64': (
        feature(np.ones((5, 3))),
        'c | feature_path | float16 or float32 | float64',
    ),
    'features integer': (
        feature(np.ones((5, 3), int)),
        'c | feature_path | float16 or float32 | int64',
    ),
    'features of objects': (
        feature(np.full((5, 3), None)),
        'c | feature_path | a .npy file | Python objects',
    ),
    'features empty': (
        feature_bytes(lambda content: b''),
        'c | feature_path | a .npy file | c.npy',
    ),
    'features truncated': (
        feature_bytes(lambda content: content[:-1]),
        'c | feature_path | a .npy file | takes 158 bytes, but there are 157',
    ),
    'features with a cut header': (
        feature_bytes(lambda content: content[:60]),
        'c | feature_path | a .npy file | it is no .npy array',
    ),
    'features of text': (
        feature_bytes(lambda content: b'1 2 3'),
        'c | feature_path | a .npy file | it is no .npy array',
    ),
    'features claiming terabytes': (
        feature_bytes(claims('(5, 9000000000000)')),
        'c | feature_path | a .npy file | bytes, but there are',
    ),
    'features of negative length': (
        feature_bytes(claims('(-5, 3)')),
        'c | feature_path | a .npy file | impossible shape',
    ),
}
# What only some way finds: all values of features are read by masa check.
SLOW_CASES = {
    'feature NaN': (
        feature(np.full((5, 3), np.nan, 'f2')),
        'c | feature_path | finite numbers | 15 that are not',
    ),
}
# What the pipeline needs, which the file alone does not tell.
PIPELINE_CASES = {
    'another number of people': (
        record(
            keypoint=np.ones((2, 5, 4, 2)) * np.arange(1, 5)[:, None],
            keypoint_score=np.ones((2, 5, 4)),
        ),
        " | keypoint | SelectPerson | 1 in 3 ('a', ...), 2 in 1 ('c')",
    ),
    'joints missing': (
        without('keypoint'),
        "c | keypoint | NormalizeSkeleton | requires 'keypoint'",
    ),
    'features missing': (
        without('feature_path'),
        'c | feature_path | features are loaded | none',
    ),
    'torso without length': (
        record(keypoint=np.ones((1, 5, 4, 2))),
        'c | keypoint | NormalizeSkeleton | a torso whose ends lie apart',
    ),
    'joints that overflow': (
        record(keypoint=FAR),
        'c | keypoint | finite normalized joints | the first at',
    ),
    'skeleton missing': (
        top('skeleton', None),
        "a | keypoint | NormalizeSkeleton | 'root', 'torso'",
    ),
    'bones missing': (
        part('skeleton', 'bones', None),
        "a | skeleton | what JointAngleNoise takes | ['bones']",
    ),
    'flip pairs missing': (
        part('skeleton', 'flip_pairs', None),
        "a | skeleton | what FlipSkeleton takes | ['flip_pairs']",
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


# Of the valid file's bytes: what the file holds instead, and what is said.
UNREADABLE = {
    'empty pickle': ('.pkl', lambda content: b'', 'pickle of arrays'),
    'cut pickle': ('.pkl', lambda content: content[:-9], 'pickle of arrays'),
    'text': ('.pkl', lambda content: b'no pickle', 'pickle of arrays'),
    'pickle with code': (
        '.pkl',
        lambda content: pickle.dumps(Code()),
        'mkdir',
    ),
    'pickle of a class': (
        '.pkl',
        lambda content: pickle.dumps(Path()),
        'refers to pathlib',
    ),
    'pickle of a list': (
        '.pkl',
        lambda content: pickle.dumps([1]),
        'masa convert join',
    ),
    'pickle of a single record': (
        '.pkl',
        lambda content: pickle.dumps(dict(frame_dir='a', keypoint=[1])),
        'holds a single record',
    ),
    'pickle of a number': (
        '.pkl',
        lambda content: pickle.dumps(1),
        'hold a dict',
    ),
    'pickle of terabytes': (
        '.pkl',
        lambda content: pickle.dumps(Zeros()),
        'bytearray of 10000000000000 zeros',
    ),
    'pickle of an endless array': (
        '.pkl',
        lambda content: pickle.dumps(np.ones(4), 2).replace(
            b'K\x04\x85', b'J\xfc\xff\xff\xff\x85'
        ),
        'a ndarray an impossible state',
    ),
    'pickle of a type with wrong flags': (
        '.pkl',
        # The state of numpy's float64 ends with its flags, 0.
        lambda content: pickle.dumps(np.ones(4), 2).replace(
            b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00',
            b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3f',
        ),
        'impossible state',
    ),
    'pickle that changes a function': (
        '.pkl',
        lambda content: b'\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00xNsb.',
        'a function an impossible state',
    ),
    'empty JSON': ('.json', lambda content: b'', 'read as JSON'),
    'cut JSON': ('.json', lambda content: content[:-9], 'read as JSON'),
    'JSON that is no text': (
        '.json',
        lambda content: b'\xff\xfe\x00',
        'read as JSON',
    ),
    'deep JSON': ('.json', lambda content: b'[' * 100000, 'read as JSON'),
    'JSON with too long a number': (
        '.json',
        lambda content: b'{"split": ' + b'1' * 5000 + b'}',
        'read as JSON',
    ),
    'JSON of a list': ('.json', lambda content: b'[]', 'hold a dict'),
    'empty archive': ('.npz', lambda content: b'', 'annotations in .npz'),
    'cut archive': (
        '.npz',
        lambda content: content[:-9],
        'annotations in .npz',
    ),
    'archive without header': (
        '.npz',
        lambda content: as_npz(x=np.ones(3)),
        'annotations in .npz',
    ),
    'archive of a wrong header': (
        '.npz',
        lambda content: as_npz(header=np.ones(3)),
        'annotations in .npz',
    ),
    'archive of a deep header': (
        '.npz',
        lambda content: as_npz(header=np.frombuffer(b'[' * 100000, np.uint8)),
        'annotations in .npz',
    ),
    'archive of objects': (
        '.npz',
        lambda content: as_npz(header=np.array([Code()])),
        'Python objects',
    ),
    'archive of terabytes': (
        '.npz',
        lambda content: bomb(),
        'which takes 8000000000128 bytes',
    ),
    'archive of shared parts': (
        '.npz',
        lambda content: overlapping(),
        'more bytes than the file has',
    ),
    'another format': ('.csv', lambda content: b'a,b', 'expected to end in'),
}
