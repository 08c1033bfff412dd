import json
import sys

import numpy as np
import pytest
import zero_shot

from masa.datasets import save_annotations
from masa.datasets.skeletons import PENN_ACTION
from masa.embeddings import EmbeddedSequence


class JointModel:
    """Embeds sequences as their normalized joints."""

    def embed(self, records):
        normalize = zero_shot.NormalizeSkeleton(
            rotation='sequence', up_axis='y'
        )
        return [
            EmbeddedSequence(
                record['frame_dir'],
                normalize(dict(record))['keypoint'][0].reshape(
                    record['total_frames'], -1
                ),
            )
            for record in records
        ]


@pytest.fixture
def record():
    rng = np.random.default_rng(0)
    score = np.ones((1, 10, 3), dtype=np.float32)
    score[0, 4, 1] = 0
    return dict(
        total_frames=10,
        keypoint=rng.normal(size=(1, 10, 3, 2)).astype(np.float32),
        keypoint_score=score,
        frame_rate=30,
        timestamps=np.arange(10) / 30,
    )


def test_four_times_the_frame_rate(record):
    changed, places = zero_shot.at_rate(4, 1)(record, 7)
    joints, before = changed['keypoint'][0], record['keypoint'][0]
    assert changed['total_frames'] == len(joints) == len(places) == 37
    for frame in range(9):
        for part in range(4):
            share = part / 4
            expected = (1 - share) * before[frame] + share * before[frame + 1]
            np.testing.assert_allclose(
                joints[4 * frame + part], expected, atol=1e-6
            )
    assert changed['frame_rate'] == 120
    np.testing.assert_allclose(changed['timestamps'], np.arange(37) / 120)
    # Joint 1 is missing in frame 4, and in all between it and the next ones.
    known = changed['keypoint_score'][0] > 0
    assert known[:, [0, 2]].all()
    assert np.flatnonzero(~known[:, 1]).tolist() == list(range(13, 20))
    # Judged are the embeddings of the frames that were there.
    restored = zero_shot.interpolate(joints, places, np.arange(10))
    np.testing.assert_array_equal(restored, before)


def test_a_quarter_of_the_frame_rate(record):
    changed, places = zero_shot.at_rate(1 / 4, 1)(record, 0)
    np.testing.assert_array_equal(
        changed['keypoint'], record['keypoint'][:, [0, 4, 8]]
    )
    values = np.array([[0.0, 1.0], [8.0, 5.0], [4.0, 5.0]])
    restored = zero_shot.interpolate(values, places, np.arange(10))
    expected = [[2 * t, 1 + t] for t in range(5)]
    expected += [[8 - t, 5] for t in range(1, 5)] + [[4, 5]]
    np.testing.assert_allclose(restored, expected)


def test_half_of_the_sequences(record):
    change = zero_shot.at_rate(4, 2)
    assert change(record, 2)[0]['total_frames'] == 37
    same, places = change(record, 3)
    assert same is record
    assert places.tolist() == list(range(10))


def test_noise_is_in_torso_lengths():
    data = zero_shot.synthetic(1)
    for number, record in enumerate(data.records[:3]):
        normal = data.normalize(dict(record))['keypoint']
        noisy, _ = zero_shot.add_noise(record, number, data.normalize)
        assert (noisy['keypoint'] - normal).std() == pytest.approx(
            0.06, rel=0.05
        )


def test_every_subject_is_held_out_once(monkeypatch):
    records = [dict(subject=subject) for subject in (1, 3, 5, 1, 5, 3)]
    monkeypatch.setattr(zero_shot, 'read_records', lambda path: records)
    train, val = 'train', 'val'
    assert zero_shot.utd_mhad('utd.pkl').folds == [
        [val, train, train, val, train, train],
        [train, val, train, train, train, val],
        [train, train, val, train, val, train],
    ]


def test_sequences_of_penn_action(tmp_path):
    phase = np.repeat([0, 1], 3)
    shared = dict(total_frames=6, keypoint=np.ones((1, 6, 13, 2), 'f4'))
    records = [
        dict(shared, frame_dir='0001', label=0, phase=phase),
        dict(shared, frame_dir='0002', label=0, phase=phase),
        dict(shared, frame_dir='0003', label=0),
        dict(shared, frame_dir='0004', label=1, phase=phase),
    ]
    save_annotations(
        dict(
            split=dict(train=['0001', '0004'], val=['0002', '0003']),
            annotations=records,
            activities=['situp', 'pushup'],
            skeleton=PENN_ACTION,
        ),
        tmp_path / 'penn.pkl',
    )

    def names(split):
        data = zero_shot.penn_action(
            tmp_path / 'penn.pkl', zero_shot.REPORT, split
        )
        return [record['frame_dir'] for record in data.records]

    assert names(None) == ['0001', '0002']
    assert names('val') == ['0002']
    with pytest.raises(ValueError, match=r"'test'.*'train', 'val'"):
        names('test')
    assert not set(zero_shot.CHOICE) & set(zero_shot.REPORT)


def test_models_and_baselines_are_judged_alike():
    data = zero_shot.synthetic(2)
    models = {'joints': JointModel()}
    plain = zero_shot.evaluate(data, zero_shot.keep, ['raw', 'clock'], models)
    assert list(plain) == ['raw', 'clock', 'joints']
    assert plain['joints'] == plain['raw']
    assert plain['clock']['kendalls_tau/tau'] > 0.98
    # The frames that are judged stay as they are.
    slow = zero_shot.evaluate(data, zero_shot.at_rate(4, 2), ['raw'], models)
    assert slow['joints'] == slow['raw']
    for key, value in plain['raw'].items():
        found = slow['raw'][key]
        assert found == pytest.approx(value, rel=0.02, abs=0.02), key


def test_tables(tmp_path, monkeypatch, capsys):
    output = tmp_path / 'found.json'
    command = f'zero_shot.py --synthetic 1 -o {output}'
    monkeypatch.setattr(sys, 'argv', command.split())
    zero_shot.main()
    ((title, rows),) = json.loads(output.read_text()).items()
    assert list(rows) == list(zero_shot.BASELINES)
    printed = capsys.readouterr().out
    for text in (title, 'raw input in a window'):
        assert text in printed
        assert text in output.with_suffix('.md').read_text()
