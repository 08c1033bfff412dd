import dataclasses
import os
import zipfile

import numpy as np
import pytest

from masa.apis import EmbeddedSequence
from masa.evaluation import SequenceCollection


def small(**changes):
    fields = dict(
        names=['a/b/1', 'ü 2', 'c'],
        splits=['train', 'val', 'val'],
        labels=[0, 1, -1],
        activities=['jump', '', ''],
        embeddings=[np.ones((3, 2)), np.zeros((1, 2)), np.ones((2, 2))],
        phases=[np.array([0, 1, 1]), None, np.array([-1, 0])],
        canonical_times=[None, np.array([0.5]), None],
        timestamps=[None, np.array([1.25]), None],
    )
    return SequenceCollection(**{**fields, **changes})


def test_selection_keeps_the_fields_together(collection):
    part = collection.select([3, 0])
    assert part.names == [collection.names[3], collection.names[0]]
    for field in ('embeddings', 'phases', 'canonical_times', 'inputs'):
        assert getattr(part, field)[0] is not None
        np.testing.assert_array_equal(
            getattr(part, field)[0], getattr(collection, field)[3]
        )
    assert len(collection.select([])) == 0


def test_sequences_make_a_collection_and_come_out_of_it(collection):
    again = SequenceCollection.from_sequences(collection)
    for field in dataclasses.fields(SequenceCollection):
        np.testing.assert_equal(
            getattr(again, field.name), getattr(collection, field.name)
        )
    one = collection[3]
    assert isinstance(one, EmbeddedSequence)
    assert (one.name, one.split) == (collection.names[3], 'train')
    assert one.embedding is collection.embeddings[3]
    assert one.seconds(3) == 0.1
    assert small()[0].inputs is None
    assert len(SequenceCollection.from_sequences([])) == 0


def test_inputs_are_kept_if_all_sequences_have_them(collection):
    without = dataclasses.replace(collection[1], inputs=None)
    some = SequenceCollection.from_sequences([collection[0], without])
    assert some.inputs is None
    some = SequenceCollection.from_sequences([collection[0]])
    np.testing.assert_array_equal(some.inputs[0], collection.inputs[0])


def test_subset_by_one_split_or_several(collection):
    assert set(collection.subset('val').splits) == {'val'}
    assert len(collection.subset(['train', 'val'])) == len(collection)
    assert len(collection.subset('test')) == 0


def test_by_activity(collection):
    parts = collection.by_activity()
    assert list(parts) == ['jump', 'throw']
    assert sum(map(len, parts.values())) == len(collection)
    # Known by its index alone, or not at all.
    assert list(small().by_activity()) == ['jump', 'label 1']
    unknown = small(labels=[-1, -1, -1], activities=['', '', ''])
    assert list(unknown.by_activity()) == ['all']
    assert len(unknown.by_activity()['all']) == 3
    assert unknown.select([]).by_activity() == {}


def test_with_embeddings_shares_the_rest(collection):
    wider = [np.ones((len(e), 40)) for e in collection.embeddings]
    other = collection.with_embeddings(wider)
    assert other.embeddings[0].shape[1] == 40
    assert other.names == collection.names
    assert other.embeddings[0].dtype == np.float32


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(names=['a', 'b']), 'splits.*2 sequences.*3'),
        (dict(names=['a', 'b', 'a']), r"more than once: \['a'\]"),
        (
            dict(
                embeddings=[np.ones((3, 2)), np.ones((1, 3)), np.ones((2, 2))]
            ),
            "'ü 2'.*'a/b/1', 2, but got 3",
        ),
        (
            dict(
                embeddings=[np.ones((3, 2)), np.ones((0, 2)), np.ones((2, 2))]
            ),
            r"'ü 2'.*\(0, 2\)",
        ),
        (
            dict(
                embeddings=[
                    np.ones((3, 2)),
                    np.ones((1, 2)),
                    np.array([[0, 0], [0, np.nan]]),
                ]
            ),
            "embedding.*'c'.*frame 1",
        ),
        (dict(inputs=[np.ones((3, 2))] * 2), 'inputs.*2'),
        (
            dict(phases=[np.array([0, 1]), None, None]),
            r"phase of 'a/b/1'.*\(3,\).*\(2,\)",
        ),
        (
            dict(phases=[np.array([0, 0.5, 1]), None, None]),
            "phase.*'a/b/1'.*float64",
        ),
        (
            dict(canonical_times=[None, np.array([np.inf]), None]),
            "canonical_time of 'ü 2'.*finite",
        ),
    ],
)
def test_errors_name_the_sequence(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_save_and_load(tmp_path):
    path = tmp_path / 'new folder' / 'dump é.npz'
    saved = small()
    saved.save(path)
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive.files) == {
            'a/b/1/embedding',
            'a/b/1/label',
            'a/b/1/split',
            'a/b/1/phase',
            'a/b/1/activity',
            'ü 2/embedding',
            'ü 2/label',
            'ü 2/split',
            'ü 2/canonical_time',
            'ü 2/timestamps',
            'c/embedding',
            'c/label',
            'c/split',
            'c/phase',
        }
        assert archive['a/b/1/embedding'].dtype == np.float32
        assert archive['ü 2/label'] == 1
        assert archive['ü 2/split'] == 'val'
    loaded = SequenceCollection.load(path)
    for field in ('names', 'splits', 'labels', 'activities'):
        assert getattr(loaded, field) == getattr(saved, field)
    for field in ('embeddings', 'phases', 'canonical_times', 'timestamps'):
        for ours, theirs in zip(
            getattr(saved, field), getattr(loaded, field), strict=True
        ):
            np.testing.assert_equal(ours, theirs)
    assert loaded.inputs is None


def test_members_stay_inside_when_they_are_unpacked(tmp_path):
    names = ['../../a', '/a\0b', '50%2E \udcff']
    small(names=names).save(tmp_path / 'a.npz')
    assert SequenceCollection.load(tmp_path / 'a.npz').names == names
    with zipfile.ZipFile(tmp_path / 'a.npz') as archive:
        for member in archive.namelist():
            assert '..' not in member.split('/')
            assert not member.startswith('/')


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'dump.npz'
    small().save(path)
    before = path.read_bytes()

    def interrupted(file, **entries):
        file.write(b'half')
        raise KeyboardInterrupt

    monkeypatch.setattr(np, 'savez', interrupted)
    with pytest.raises(KeyboardInterrupt):
        small(labels=[5, 5, 5]).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['dump.npz']


def test_unreadable_files_say_so(tmp_path):
    path = tmp_path / 'dump.npz'
    small().save(path)
    whole = path.read_bytes()
    for content in (b'', whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r'dump\.npz'):
            SequenceCollection.load(path)
    # Neither text nor objects are arrays.
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/embedding', 'text')
    with pytest.raises(ValueError, match=r'dump\.npz'):
        SequenceCollection.load(path)
    np.savez(path, **{'a/embedding': np.array([{}])})
    with pytest.raises(ValueError, match=r'dump\.npz'):
        SequenceCollection.load(path)
    np.savez(path, **{'a/embedding': np.ones((2, 2)), 'a/label': 1})
    with pytest.raises(ValueError, match=r"'a'.*'split'"):
        SequenceCollection.load(path)
    with pytest.raises(ValueError, match=r'\.npz'):
        small().save(tmp_path / 'dump')
