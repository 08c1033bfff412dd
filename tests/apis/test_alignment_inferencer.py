import itertools
import json
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config

from masa.apis import AlignmentInferencer, EmbeddedSequence
from masa.datasets.transforms import PackSequenceInputs, SelectPerson
from masa.extraction.errors import ExtractionError

ACTIVITIES = ('squat', 'throw')


def of(sequences, activity):
    return [one for one in sequences if one.activity == activity]


@pytest.fixture(scope='module')
def sequences(inferencer, annotations):
    return inferencer.embed(annotations[1])


@pytest.fixture(scope='module')
def times(annotations):
    return {
        record['frame_dir']: record['canonical_time']
        for record in annotations[0]['annotations']
    }


def clock(first, second):
    """The frame of the second at the same share of its length."""
    share = np.arange(len(first)) / max(len(first) - 1, 1)
    return np.round(share * (len(second) - 1)).astype(int)


class TestInputs:
    def test_annotation_file(self, sequences, annotations):
        records = annotations[0]['annotations']
        assert [one.name for one in sequences] == [
            record['frame_dir'] for record in records
        ]
        for one, record in zip(sequences, records, strict=True):
            assert one.embedding.shape == (record['total_frames'], 64)
            assert one.embedding.dtype == np.float32
            np.testing.assert_array_equal(one.phase, record['phase'])
            np.testing.assert_array_equal(one.keypoint, record['keypoint'][0])
            assert one.label == record['label']
            assert one.activity == annotations[0]['activities'][one.label]

    def test_person_that_the_pipeline_selects_is_shown(
        self, inferencer, sequences, annotations
    ):
        """And no other is: neither in the embedding nor in pictures."""
        record = annotations[0]['annotations'][0]
        joints = record['keypoint']
        other = annotations[0]['annotations'][1]['keypoint']
        other = np.resize(other, joints.shape) + 1
        score = np.full((2, *joints.shape[1:3]), 0.5, np.float32)
        score[1] = 0.9
        both = dict(
            record,
            keypoint=np.concatenate([other, joints]),
            keypoint_score=score,
        )
        (found,) = inferencer.embed(both)
        np.testing.assert_array_equal(found.keypoint, joints[0])
        np.testing.assert_array_equal(found.keypoint_score, score[1])
        np.testing.assert_allclose(
            found.embedding, sequences[0].embedding, atol=1e-4
        )

    @pytest.mark.parametrize('present', [1, 2])
    def test_all_people_that_the_pipeline_selects_are_shown(
        self, inferencer, annotations, present, monkeypatch
    ):
        record = annotations[0]['annotations'][0]
        joints = record['keypoint']
        joints = np.concatenate([joints, joints + 1, joints + 2])[:present]
        many = dict(record, keypoint=joints)
        del many['keypoint_score']
        # What the model is given does not matter here.
        model = inferencer.model
        packed = model.prepare(dict(record, skeleton=model.skeleton))
        monkeypatch.setattr(model, 'prepare', lambda record: packed)
        select = SelectPerson(by=0, people=2)
        monkeypatch.setattr(model, 'transforms', [select])
        (found,) = inferencer.embed(many)
        # Who is absent is not drawn at the origin.
        np.testing.assert_array_equal(
            found.keypoint, np.concatenate(joints, axis=1)
        )

    def test_every_other_way_gives_the_same(
        self, inferencer, sequences, annotations, tmp_path
    ):
        record = annotations[0]['annotations'][0]
        expected = sequences[0].embedding
        np.save(tmp_path / 'a.npy', record['keypoint'][0])
        ways = {
            'a': str(tmp_path / 'a.npy'),
            '0': record['keypoint'][0],
            record['frame_dir']: record,
        }
        for name, way in ways.items():
            (found,) = inferencer.embed(way)
            assert found.name == name
            # Alone or in a batch.
            np.testing.assert_allclose(found.embedding, expected, atol=2e-4)
        assert inferencer.embed(sequences[:2]) == sequences[:2]

    def test_what_is_given_is_left_as_it_is(self, inferencer, annotations):
        record = annotations[0]['annotations'][0]
        before = pickle.dumps(record)
        inferencer.embed(record)
        assert pickle.dumps(record) == before

    def test_what_is_no_input(self, inferencer, annotations, tmp_path):
        frames = annotations[0]['annotations'][0]['keypoint'][0]
        (tmp_path / 'a.txt').touch()
        (tmp_path / 'cut.npy').write_bytes(b'NUMPY')
        (tmp_path / 'cut.pkl').write_bytes(b'pickle')
        for one in (
            *(tmp_path / name for name in ('a.txt', 'cut.npy', 'cut.pkl')),
            *('none.npy', 'none.mp4', 'none', np.zeros((5, 75))),
            *(np.full_like(frames, np.nan), np.zeros((5, 25, 2))),
            *(frames[:0], dict(keypoint=3), dict(total_frames=3)),
        ):
            with pytest.raises(ExtractionError) as caught:
                inferencer.embed(one)
            (reason,) = caught.value.problems.values()
            assert reason
        with pytest.raises(TypeError, match='is a int'):
            inferencer.embed(3)
        (known,) = inferencer.embed(frames)
        with pytest.raises(TypeError, match='apart'):
            inferencer.embed([known, frames])
        twice = annotations[0]['annotations'][0]
        with pytest.raises(ValueError, match='more than once'):
            inferencer.embed([twice, twice])
        with pytest.raises(ValueError, match='one sequence is expected'):
            inferencer.align(annotations[1], frames)
        more = np.concatenate([frames, frames[:, :1]], axis=1)
        other = dict(twice, frame_dir='other', keypoint=more[None])
        other.pop('keypoint_score')
        with pytest.raises(ValueError, match=r'other.*in_channels=75 .* 78'):
            inferencer.embed(other)

    def test_a_bad_one_among_many_hides_no_other(
        self, inferencer, annotations, sequences, tmp_path
    ):
        made, _ = annotations
        record = made['annotations'][0]
        name = record['frame_dir']
        other = dict(made['annotations'][1])
        flat = other['keypoint'][..., :2]
        other.update(frame_dir='flat', keypoint=flat)
        missing = tmp_path / 'none.npy'
        inputs = [missing, record, other, tmp_path / 'gone.mp4']
        with pytest.raises(ExtractionError) as caught:
            inferencer.embed(inputs)
        broken = {str(missing), 'flat', str(tmp_path / 'gone.mp4')}
        assert caught.value.problems.keys() == broken
        assert pickle.loads(pickle.dumps(caught.value)).problems == (
            caught.value.problems
        )
        with pytest.warns(UserWarning, match='3 sequences'):
            (found,) = inferencer.embed(inputs, skip_broken=True)
        assert found.name == name
        np.testing.assert_allclose(
            found.embedding, sequences[0].embedding, atol=2e-4
        )
        found, problems = inferencer.embed_usable(inputs)
        assert [one.name for one in found] == [name]
        assert problems == caught.value.problems
        # What is left must be something.
        with pytest.raises(ExtractionError):
            inferencer.embed([missing], skip_broken=True)

    def test_poses_of_extract_skeletons_are_pointed_elsewhere(
        self, inferencer, tmp_path
    ):
        """They miss the joints that the annotation file has filled in."""
        settings = dict(backend='mediapipe', target='body3d', min_found=0.5)
        (tmp_path / 'settings.json').write_text(json.dumps(settings))
        (tmp_path / 'squat').mkdir()
        path = tmp_path / 'squat' / '1.npy'
        np.save(path, np.zeros((5, 25 * 4), dtype=np.float32))
        with pytest.raises(ExtractionError, match='--ann-file'):
            inferencer.embed(path)

    def test_joints_suffice_for_bones(
        self, inferencer, annotations, monkeypatch
    ):
        frames = annotations[0]['annotations'][0]['keypoint'][0]
        modalities = ('bone', 'keypoint')
        reader = inferencer.reader
        monkeypatch.setattr(reader, 'modalities', modalities)
        (record,), problems = reader.read([frames])
        assert not problems
        (view,) = PackSequenceInputs(modalities)(record)['inputs']
        bones = len(inferencer.skeleton['bones'])
        assert view['values'].shape == (len(frames), 3 * bones + 75)
        monkeypatch.setattr(
            inferencer.reader, 'modalities', ('keypoint', 'feature')
        )
        with pytest.raises(ValueError, match='feature'):
            inferencer.embed(frames)

    def test_videos_need_a_way_to_read_them(self, inferencer, tmp_path):
        (tmp_path / 'a.mp4').touch()
        with pytest.raises(ValueError, match='from_video=dict'):
            inferencer.embed(tmp_path / 'a.mp4')


class TestModel:
    def test_config_and_checkpoint(self, trained, sequences, annotations):
        other = AlignmentInferencer(
            trained / 'config.py'
            if (trained / 'config.py').exists()
            else next(trained.glob('*.py')),
            trained / 'epoch_40.pth',
            device='cpu',
        )
        found = other.embed(annotations[1])
        np.testing.assert_array_equal(
            found[0].embedding, sequences[0].embedding
        )

    def test_missing_and_unfit_files(self, trained, tmp_path):
        config = next(trained.glob('*.py'))
        with pytest.raises(FileNotFoundError, match='checkpoint'):
            AlignmentInferencer(config)
        with pytest.raises(FileNotFoundError, match=r'none\.pth'):
            AlignmentInferencer(config, tmp_path / 'none.pth')
        with pytest.raises(FileNotFoundError, match='none'):
            AlignmentInferencer(tmp_path / 'none')
        with pytest.raises(ValueError, match=tmp_path.name):
            AlignmentInferencer(tmp_path)
        (tmp_path / 'notes.txt').touch()
        with pytest.raises(ValueError, match=r'notes\.txt'):
            AlignmentInferencer(tmp_path / 'notes.txt')
        (tmp_path / 'a.py').write_text(config.read_text())
        with pytest.raises(FileNotFoundError, match='last_checkpoint'):
            AlignmentInferencer(tmp_path)
        state = torch.load(trained / 'epoch_40.pth', weights_only=True)
        del state['state_dict'][
            'backbone.input_projection.weight'
            if ('backbone.input_projection.weight' in state['state_dict'])
            else next(iter(state['state_dict']))
        ]
        torch.save(state, tmp_path / 'part.pth')
        with pytest.raises(ValueError, match=r'part\.pth'):
            AlignmentInferencer(config, tmp_path / 'part.pth')

    def test_unknown_source_of_videos(self, trained, tmp_path):
        config = Config.fromfile(next(trained.glob('*.py')))
        (tmp_path / 'a.mp4').touch()
        weights = trained / 'epoch_40.pth'
        for source, message in (
            (dict(type='sounds'), "'sounds'"),
            (dict(type='skeletons', color=1), "'color'"),
        ):
            config.from_video = source
            inferencer = AlignmentInferencer(config, weights, device='cpu')
            with pytest.raises(ValueError, match=message):
                inferencer.embed(tmp_path / 'a.mp4')


class TestKnownAnswers:
    """On performances whose true time is known, against a clock."""

    def test_alignment(self, inferencer, sequences, times):
        own, by_clock = [], []
        for activity in ACTIVITIES:
            group = of(sequences, activity)
            for first, other in itertools.permutations(group, 2):
                found = inferencer.align(first, other)
                nearest = inferencer.align(first, other, 'nearest')
                # It is free to go back.
                assert nearest.cost < found.cost
                match = found.match_first()
                true, reached = times[first.name], times[other.name]
                own.append(np.abs(reached[match] - true).mean())
                by_clock.append(
                    np.abs(reached[clock(first, other)] - true).mean()
                )
                assert found.cost == pytest.approx(found.distances.mean())
        assert np.mean(own) < 0.9 * np.mean(by_clock)

    def test_timeline(self, inferencer, sequences, times):
        for activity in ACTIVITIES:
            group = of(sequences, activity)
            timeline = inferencer.align_all(group)
            at_once = [
                times[one.name][frames]
                for one, frames in zip(group, timeline.frames, strict=True)
            ]
            together = np.std(at_once, axis=0).mean()
            reference = group[timeline.reference]
            apart = np.std(
                [times[one.name][clock(reference, one)] for one in group],
                axis=0,
            ).mean()
            assert together < apart

    def test_retrieval(self, inferencer, sequences, times):
        known = [one for one in sequences if one.activity in ACTIVITIES]
        right, errors = [], []
        for query in known:
            others = [one for one in known if one is not query]
            frame = int(np.abs(times[query.name] - 50).argmin())
            found = inferencer.retrieve(query, frame, others, k=3)
            assert len(found) == 3
            for match in found:
                other = others[match.sequence]
                right.append(other.activity == query.activity)
                if right[-1]:
                    errors.append(abs(times[other.name][match.frame] - 50))
        assert np.mean(right) > 0.6
        assert np.median(errors) < 12
        with pytest.raises(IndexError, match='9999'):
            inferencer.retrieve(known[0], 9999, known[1:])

    def test_labels(self, inferencer, sequences):
        own, by_clock = [], []
        for activity in ACTIVITIES:
            first, *others = of(sequences, activity)
            carried = inferencer.transfer_labels(first, others)
            for found, other in zip(carried, others, strict=True):
                own.append((found == other.phase).mean())
                by_clock.append(
                    (first.phase[clock(other, first)] == other.phase).mean()
                )
        assert np.mean(own) > np.mean(by_clock)
        names = np.array(['a'] * len(first))
        (named,) = inferencer.transfer_labels(first, others[:1], names)
        assert set(named) == {'a'}
        bare = EmbeddedSequence('bare', first.embedding)
        with pytest.raises(ValueError, match='bare'):
            inferencer.transfer_labels(bare, others)

    def test_anomalies(self, inferencer, annotations, sequences):
        """A part done backwards, and a part left out."""
        _, *references = of(sequences, 'squat')
        record = next(
            one
            for one in annotations[0]['annotations']
            if one['frame_dir'] == of(sequences, 'squat')[0].name
        )
        keypoint = record['keypoint'][0]
        third = len(keypoint) // 3
        usual = inferencer.anomaly_score(keypoint, references)
        assert usual.shape == (len(keypoint),)
        backwards = keypoint.copy()
        backwards[third : 2 * third] = keypoint[third : 2 * third][::-1]
        left_out = np.concatenate([keypoint[:third], keypoint[2 * third :]])
        for changed in (backwards, left_out):
            score = inferencer.anomaly_score(changed, references)
            assert score.max() > 1.2 * usual.max()
