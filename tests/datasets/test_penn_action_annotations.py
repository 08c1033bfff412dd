import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from penn_files import write_label_file

from masa.datasets.conversion import LabeledSequence, hold_out
from masa.datasets.errors import AnnotationError
from masa.datasets.key_events import phases_from_key_events
from masa.datasets.penn_action import (
    THIRTEEN_ACTIVITIES,
    activity_name,
    make_annotations,
    phases_from_pickles,
    read_label_file,
)
from masa.datasets.schema import check_annotations


def sequence(name, activity='squat', frames=6, is_train=True):
    return LabeledSequence(
        name=name,
        activity=activity,
        split='train' if is_train else 'test',
        keypoint=np.ones((frames, 13, 2)),
        visible=np.ones((frames, 13), dtype=bool),
    )


class TestLabelFile:
    def test_official_layout(self, tmp_path):
        visible = np.ones((12, 13), dtype=bool)
        visible[3:, 4] = False
        path, points = write_label_file(
            tmp_path, '0007', 'tennis_serve', train=-1, visible=visible
        )
        found = read_label_file(path)
        assert found.name == '0007'
        assert found.activity == 'tennis_serve'
        assert found.split == 'test'
        assert found.fields['img_shape'] == (360, 480)
        np.testing.assert_array_equal(found.keypoint, points)
        np.testing.assert_array_equal(found.visible, visible)

    def test_whole_numbers(self, tmp_path):
        # Some official files hold unsigned bytes.
        x = np.full((12, 13), 250, dtype=np.uint8)
        path, _ = write_label_file(
            tmp_path, '0001', 'situp', changes=dict(x=x)
        )
        found = read_label_file(path)
        assert found.keypoint.dtype == np.float64
        assert (found.keypoint[..., 0] == 250).all()

    @pytest.mark.parametrize(
        ('changes', 'message'),
        [
            (dict(x=None), "'x'"),
            (dict(action=None), "'action'"),
            (dict(train=None), "'train'"),
            (dict(y=np.ones((12, 14))), r'y .* \(12, 14\)'),
            (dict(y=np.ones((11, 13))), r'y .* \(11, 13\)'),
            (dict(visibility=np.ones((12, 12))), r'visibility .* \(12, 12\)'),
            (dict(x=np.ones((0, 13))), r'x .* \(0, '),
            (dict(dimensions=np.array([[3]])), 'ValueError'),
            (dict(x=np.full((12, 13), np.nan)), 'finite'),
        ],
    )
    def test_other_layout_is_named(self, changes, message, tmp_path):
        path, _ = write_label_file(tmp_path, '0001', 'squat', changes=changes)
        with pytest.raises(AnnotationError, match=message) as error:
            read_label_file(path)
        assert str(path) in str(error.value)

    def test_damaged_file_is_named(self, tmp_path):
        path, _ = write_label_file(tmp_path, '0001', 'squat')
        content = path.read_bytes()
        for length in (0, 50, 127, 500, len(content) - 9):
            path.write_bytes(content[:length])
            with pytest.raises(AnnotationError, match=r'0001\.mat'):
                read_label_file(path)

    @pytest.mark.parametrize(
        ('spelling', 'name'),
        [
            ('bowling', 'bowl'),
            ('pushups', 'pushup'),
            ('pullups', 'pullup'),
            ('squats', 'squat'),
            ('golf_swing', 'golf_swing'),
        ],
    )
    def test_spellings(self, spelling, name):
        assert activity_name(spelling) == name
        assert name in THIRTEEN_ACTIVITIES


class TestKeyEvents:
    events = dict(squats=['down', 'up'], bowl=['back'])

    def write(self, tmp_path, **sequences):
        path = tmp_path / 'events.json'
        path.write_text(
            json.dumps(dict(events=self.events, sequences=sequences))
        )
        return path

    def test_phase_is_the_number_of_events_so_far(self, tmp_path):
        path = self.write(
            tmp_path,
            **{'0001': dict(action='squat', frames=[2, 4])},
            **{'0009': dict(action='bowl', frames=[2])},
        )
        found = phases_from_key_events(
            path, [sequence('0001'), sequence('2')], activity_name
        )
        assert found.labels['0001'].tolist() == [0, 0, 1, 1, 2, 2]
        assert found.labels['0001'].dtype == np.int64
        assert list(found.labels) == ['0001']
        assert found.names['squat'] == ['start', 'down', 'up']
        assert found.resampled == []
        assert found.unmatched == ['0009']

    @pytest.mark.parametrize(
        ('entry', 'message'),
        [
            (dict(action='bowl', frames=[2]), 'bowl.*squat'),
            (dict(action='squat', frames=[2]), r'2 .*\[2\]'),
            (dict(action='squat', frames=[4, 2]), r'\[4, 2\]'),
            (dict(action='squat', frames=[-1, 2]), r'\[-1, 2\]'),
            (dict(action='squat', frames=[2, 6]), r'\[0, 6\)'),
            (dict(action='squat', frames=[2, 4.5]), r'\[2.0, 4.5\]'),
            (dict(action='squat'), 'frames'),
            ([2, 4], 'sequences'),
        ],
    )
    def test_wrong_entry_is_named(self, entry, message, tmp_path):
        path = self.write(tmp_path, **{'0001': entry})
        with pytest.raises(AnnotationError, match=message) as error:
            phases_from_key_events(path, [sequence('0001')], activity_name)
        assert str(path) in str(error.value)

    def test_activity_without_events_is_named(self, tmp_path):
        path = self.write(
            tmp_path, **{'0001': dict(action='situp', frames=[2])}
        )
        with pytest.raises(AnnotationError, match=r"situp.*'events'"):
            phases_from_key_events(path, [sequence('0001', 'situp')])

    @pytest.mark.parametrize('text', ['', '[]', '{}', '{"events": 3}'])
    def test_other_layout_is_named(self, text, tmp_path):
        path = tmp_path / 'events.json'
        path.write_text(text)
        with pytest.raises(AnnotationError, match=r'events\.json'):
            phases_from_key_events(path, [])


class TestPickles:
    def entry(self, name='0001_squat', label=(0, 0, 1, 1, 2, 2), **changes):
        entry = dict(
            id=0,
            video_file=f'videos/{name}.mp4',
            frame_label=torch.tensor(label),
            seq_len=len(label),
            name=name,
            action_label=10,
        )
        entry.update(changes)
        return entry

    def read(self, tmp_path, content, sequences=None):
        path = tmp_path / 'train.pkl'
        path.write_bytes(pickle.dumps(content))
        return phases_from_pickles([path], sequences or [sequence('0001')])

    @pytest.mark.parametrize('kind', [torch.tensor, np.array, list])
    @pytest.mark.parametrize('wrap', [list, lambda x: (x, [[], [0]])])
    def test_layouts_in_use(self, kind, wrap, tmp_path):
        entry = self.entry(frame_label=kind([0, 0, 1, 1, 2, 2]))
        found = self.read(tmp_path, wrap([entry]))
        assert found.labels['0001'].tolist() == [0, 0, 1, 1, 2, 2]
        assert found.labels['0001'].dtype == np.int64
        assert found.resampled == found.unmatched == []

    def test_several_files(self, tmp_path):
        paths = [tmp_path / 'train.pkl', tmp_path / 'val.pkl']
        for path, name in zip(
            paths, ('0001_squat', '0002_squat'), strict=True
        ):
            path.write_bytes(pickle.dumps(([self.entry(name)], [[0]])))
        found = phases_from_pickles(
            paths, [sequence('0001'), sequence('0002'), sequence('0003')]
        )
        assert list(found.labels) == ['0001', '0002']

    def test_number_alone_and_other_spelling(self, tmp_path):
        content = [self.entry('1'), self.entry('0002_squats')]
        found = self.read(
            tmp_path, content, [sequence('0001'), sequence('0002')]
        )
        assert list(found.labels) == ['0001', '0002']

    @pytest.mark.parametrize('length', [1, 4, 6, 11])
    def test_other_length_is_resampled_by_floor_index(self, length, tmp_path):
        label = list(range(length))
        found = self.read(tmp_path, [self.entry(label=label)])
        assert found.labels['0001'].tolist() == [
            label[int(np.floor(t * length / 6))] for t in range(6)
        ]
        assert found.resampled == (['0001'] if length != 6 else [])

    def test_padding_after_seq_len_is_left_out(self, tmp_path):
        entry = self.entry(label=[0, 0, 1, 1, 2, 2, 9, 9], seq_len=6)
        found = self.read(tmp_path, [entry])
        assert found.labels['0001'].tolist() == [0, 0, 1, 1, 2, 2]
        assert found.resampled == []

    def test_unmatched_are_counted(self, tmp_path):
        found = self.read(tmp_path, [self.entry(), self.entry('0044_bowl')])
        assert found.unmatched == ['0044']

    @pytest.mark.parametrize(
        ('content', 'message'),
        [
            ({}, 'dict'),
            (['x'], 'entry 0'),
            ([dict(frame_label=[0])], "'name'"),
            ([dict(name='squat_1', frame_label=[0])], "'squat_1'"),
            ([dict(name='0001_bowl', frame_label=[0])], 'bowl.*squat'),
            ([dict(name='0001')], 'frame_label'),
            ([dict(name='0001', frame_label=[])], 'frame_label'),
            ([dict(name='0001', frame_label=[0.5])], 'frame_label'),
            ([dict(name='0001', frame_label=['a'])], 'frame_label'),
            ([dict(name='1', frame_label=[0])] * 2, '0001'),
        ],
    )
    def test_other_layout_is_named(self, content, message, tmp_path):
        with pytest.raises(AnnotationError, match=message) as error:
            self.read(tmp_path, content)
        assert 'train.pkl' in str(error.value)

    def test_activity_index_must_agree(self, tmp_path):
        content = [self.entry('0001'), self.entry('0002')]
        with pytest.raises(AnnotationError, match='action_label 10'):
            self.read(
                tmp_path, content, [sequence('0001'), sequence('0002', 'bowl')]
            )

    def test_malicious_tensor_is_not_run(self, tmp_path):
        class Payload:
            def __reduce__(self):
                return (tmp_path / 'mark').touch, ()

        # A file of torch.save inside of the pickle, with a payload in it.
        inside = tmp_path / 'inside.pt'
        torch.save(Payload(), inside)
        assert zipfile.is_zipfile(inside)
        stored = inside.read_bytes()
        (tmp_path / 'mark').unlink(missing_ok=True)

        class Storage:
            def __reduce__(self):
                return torch.storage._load_from_bytes, (stored,)

        with pytest.raises(AnnotationError, match=r'train\.pkl'):
            self.read(tmp_path, [self.entry(frame_label=Storage())])
        assert not (tmp_path / 'mark').exists()


class TestHoldOut:
    sequences = [
        sequence(f'{i:04d}', activity, is_train=i % 10 > 0)
        for i in range(100)
        for activity in [('squat', 'bowl', 'situp')[i % 3]]
    ]

    @pytest.mark.parametrize('share', [0.01, 0.2, 0.5, 0.99])
    def test_share_of_every_activity(self, share):
        held_out = hold_out(self.sequences, share, 0)
        for activity in ('squat', 'bowl', 'situp'):
            train = [
                s.name
                for s in self.sequences
                if s.activity == activity and s.split == 'train'
            ]
            count = len(held_out.intersection(train))
            assert 1 <= count <= len(train) - 1
            assert abs(count - share * len(train)) <= 1
        assert not held_out & {
            s.name for s in self.sequences if s.split != 'train'
        }

    def test_depends_on_the_seed_alone(self):
        one = hold_out(self.sequences, 0.3, 0)
        assert hold_out(self.sequences[::-1], 0.3, 0) == one
        assert hold_out(self.sequences, 0.3, 1) != one

    def test_single_sequence_stays_in_training(self):
        assert hold_out([sequence('0001')], 0.5, 0) == set()


class TestAnnotations:
    def read(self, tmp_path):
        hidden = np.ones((12, 13), dtype=bool)
        hidden[:, 3] = False
        hidden[4:6, 0] = False
        for name, action, train, visible in (
            ('0001', 'squat', 1, None),
            ('0002', 'bowl', 1, hidden),
            ('0003', 'bowl', -1, None),
            ('0004', 'squat', 1, np.zeros((12, 13), dtype=bool)),
            ('0005', 'squat', 1, None),
            ('0006', 'bowl', 1, None),
        ):
            write_label_file(
                tmp_path, name, action, train=train, visible=visible
            )
        return [
            read_label_file(path) for path in sorted(tmp_path.glob('*.mat'))
        ]

    def test_records(self, tmp_path):
        sequences = self.read(tmp_path)
        annotations, _ = make_annotations(sequences)
        assert check_annotations(annotations) == []
        assert annotations['split'] == dict(
            train=['0001', '0002', '0005', '0006'], test=['0003']
        )
        assert annotations['activities'] == ['bowl', 'squat']
        assert 'phases' not in annotations
        records = {r['frame_dir']: r for r in annotations['annotations']}
        assert '0004' not in records
        record, source = records['0002'], sequences[1]
        assert record['label'] == 0
        assert record['img_shape'] == (360, 480)
        np.testing.assert_array_equal(
            record['keypoint_score'][0], source.visible
        )
        np.testing.assert_array_equal(
            record['keypoint'][0][source.visible],
            source.keypoint[source.visible].astype(np.float32),
        )
        # The corner is nowhere left.
        assert record['keypoint'].min() > 40

    def test_validation_split(self, tmp_path):
        annotations, _ = make_annotations(self.read(tmp_path), val_share=0.4)
        splits = annotations['split']
        assert list(splits) == ['train', 'val', 'test']
        assert len(splits['val']) == 2
        assert sorted(splits['train'] + splits['val']) == [
            '0001',
            '0002',
            '0005',
            '0006',
        ]

    def test_test_split_of_ones_own(self):
        pose = np.arange(26.0).reshape(1, 13, 2).repeat(6, 0)
        sequences = [
            sequence(f'{i:04d}')._replace(keypoint=pose) for i in range(10)
        ]
        alone = make_annotations(sequences, val_share=0.3)[0]['split']
        splits = make_annotations(sequences, val_share=0.3, test_share=0.3)
        splits = splits[0]['split']
        # Drawn as 'val' is where nothing is drawn before it.
        assert splits['test'] == alone['val']
        assert {k: len(v) for k, v in splits.items()} == dict(
            train=5, val=2, test=3
        )
        assert len({name for names in splits.values() for name in names}) == 10

    def test_official_test_split_is_not_replaced(self, tmp_path):
        with pytest.raises(AnnotationError, match='test split'):
            make_annotations(self.read(tmp_path), test_share=0.4)

    def test_test_sequences_do_not_shape_the_others(self, tmp_path):
        sequences = self.read(tmp_path)
        one = make_annotations(sequences)[0]['annotations']
        moved = sequences[2].keypoint * np.linspace(1, 3, 13)[:, None]
        sequences[2] = sequences[2]._replace(keypoint=moved)
        other = make_annotations(sequences)[0]['annotations']
        for record, same in zip(one, other, strict=True):
            equal = np.array_equal(record['keypoint'], same['keypoint'])
            assert equal == (record['frame_dir'] != '0003')

    def test_too_little_for_a_mean_pose(self, tmp_path):
        visible = np.ones((12, 13), dtype=bool)
        visible[:, 1] = False
        path, _ = write_label_file(tmp_path, '0001', 'squat', visible=visible)
        with pytest.raises(AnnotationError, match='left_shoulder'):
            make_annotations([read_label_file(path)])

    def test_nothing_left(self):
        with pytest.raises(AnnotationError, match='visible'):
            make_annotations([])
