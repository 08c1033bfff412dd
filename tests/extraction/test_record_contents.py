import copy

import numpy as np
import pytest

from masa.datasets import check_annotations
from masa.extraction.errors import ExtractionError
from masa.extraction.record_contents import (
    Label,
    add_contents,
    expected_lengths,
    make_annotations,
    read_labels,
)

SKELETON = dict(
    joints=['a', 'b'], bones=[[0, 1]], flip_pairs=[], root=0, torso=[0, 1]
)


def write(tmp_path, text, encoding='utf-8'):
    path = tmp_path / 'labels.csv'
    path.write_bytes(text.encode(encoding))
    return path


def test_labels(tmp_path):
    text = 'sequence,activity,split\r\nb,"hop, skip",val\r\na/1,räkeln,\r\n'
    for encoding in ('utf-8', 'utf-8-sig', 'utf-16'):
        labels = read_labels(write(tmp_path, text, encoding))
        assert list(labels.items()) == [
            ('b', Label('hop, skip', 'val')),
            ('a/1', Label('räkeln', 'train')),
        ]


def test_columns_may_be_missing_and_in_any_order(tmp_path):
    labels = read_labels(write(tmp_path, 'split,sequence\nval,a\n'))
    assert labels == {'a': Label('', 'val')}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'sequence'),
        ('a,jump,train\n', 'a, jump, train'),
        ('sequence,label\na,1\n', 'label'),
        ('sequence,split\na,val,jump\n', 'line 2: .*2'),
        ('sequence,split\na\n', 'line 2: .*2'),
        ('sequence\na\nb\na\n', "line 4: .*'a'"),
        ('sequence,split\n,val\n', "line 2: .*''"),
    ],
)
def test_bad_labels(tmp_path, text, message):
    with pytest.raises(ExtractionError, match=message):
        read_labels(write(tmp_path, text))


def test_labels_that_cannot_be_read(tmp_path):
    with pytest.raises(ExtractionError, match=r'labels\.csv .* UTF-8'):
        read_labels(write(tmp_path, 'sequence\nä\n', 'latin-1'))
    with pytest.raises(ExtractionError, match=r'none\.csv'):
        read_labels(tmp_path / 'none.csv')


def features(lengths):
    return {
        name: dict(total_frames=frames, feature_path=f'{name}.npy')
        for name, frames in lengths.items()
    }


def test_annotations_without_labels():
    annotations = make_annotations(features({'b': 3, 'a/1': 2}))
    assert check_annotations(annotations) == []
    assert annotations == dict(
        split=dict(train=['b', 'a/1']),
        annotations=[
            dict(frame_dir='b', total_frames=3, feature_path='b.npy'),
            dict(frame_dir='a/1', total_frames=2, feature_path='a/1.npy'),
        ],
    )


def test_annotations_with_labels_keep_their_order():
    labels = dict(
        a=Label('squat', 'val'),
        b=Label('bowl', 'train'),
        other=Label('dance', 'test'),
        c=Label('', 'train'),
    )
    annotations = make_annotations(
        features(dict(c=3, b=2, a=1)), labels, dict(skeleton=SKELETON)
    )
    assert annotations.pop('skeleton') == SKELETON
    assert check_annotations(annotations) == []
    assert annotations['split'] == dict(val=['a'], train=['b', 'c'])
    assert annotations['activities'] == ['bowl', 'squat']
    assert [r.get('label') for r in annotations['annotations']] == [1, 0, None]


@pytest.fixture
def penn():
    return dict(
        split=dict(train=['1', '2'], val=['3']),
        annotations=[
            dict(
                frame_dir=name,
                total_frames=frames,
                label=0,
                keypoint=np.ones((1, frames, 2, 2), dtype=np.float32),
                phase=np.zeros(frames, dtype=int),
            )
            for name, frames in (('1', 4), ('2', 5), ('3', 6))
        ],
        activities=['jump'],
    )


def test_features_are_added(penn):
    lengths = expected_lengths(penn)
    assert lengths == {'1': 4, '2': 5, '3': 6}
    before = copy.deepcopy(penn)
    merged = add_contents(penn, features(lengths))
    assert check_annotations(merged) == []
    assert merged['split'] == penn['split']
    for one, other in zip(
        merged['annotations'], before['annotations'], strict=True
    ):
        assert one.pop('feature_path') == f'{other["frame_dir"]}.npy'
        assert one.keys() == other.keys()
        assert one['keypoint'] is not None
    assert 'feature_path' not in penn['annotations'][0]


def test_what_has_no_features_is_left_out(penn):
    merged = add_contents(penn, features({'2': 5}))
    assert [r['frame_dir'] for r in merged['annotations']] == ['2']
    assert merged['split'] == dict(train=['2'])


def test_other_length(penn):
    with pytest.raises(ExtractionError, match=r"'2' .*5.*9"):
        add_contents(penn, features({'1': 4, '2': 9, '3': 6}))


def test_nothing_is_replaced(penn):
    merged = add_contents(penn, features({'2': 5}))
    with pytest.raises(ExtractionError, match=r"'2' .*feature_path"):
        add_contents(merged, features({'2': 5}))
    with_skeleton = add_contents(
        penn, features({'2': 5}), dict(skeleton=SKELETON)
    )
    assert with_skeleton['skeleton'] == SKELETON
    assert 'skeleton' not in penn
    del with_skeleton['annotations'][0]['feature_path']
    # The same again is no loss.
    add_contents(
        with_skeleton, features({'2': 5}), dict(skeleton=dict(SKELETON))
    )
    with pytest.raises(ExtractionError, match='skeleton'):
        add_contents(
            with_skeleton, features({'2': 5}), dict(skeleton=dict(joints=[]))
        )
