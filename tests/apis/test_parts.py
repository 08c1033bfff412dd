"""Parts of a recording are embedded as if each were all there is."""

import numpy as np
import pytest
from squats import RATE, record, squat, training

import masa
from masa.alignment.joint_angles import (
    body_joints,
    joints_of_parts,
    select_body,
)
from masa.embeddings import EmbeddedSequence

PARTS = [(0, 60), (17, 77), (60, 61), (0, 190), (30, 90), (100, 131)]


@pytest.fixture(scope='module')
def model():
    return masa.load(frame_rate=RATE)


def make(kind):
    """Make a recording of 190 frames."""
    joints, _ = training(50, 60)
    joints = joints + np.random.default_rng(0).normal(0, 0.01, joints.shape)
    if kind == '3D':
        return record(joints, kind)
    if kind == '3D, facing another way in the end':
        joints[120:, :, [0, 2]] *= -1
        return record(joints, kind)
    made = record(100 * joints[..., :2] * [1, -1], kind)
    keypoint = made['keypoint']
    if kind == '2D, joints missing':
        score = np.ones(keypoint.shape[:3], np.float32)
        score[:, 20:50, 5] = 0
        # Without hips: their middle is interpolated.
        score[:, 35:45, 7] = 0
        keypoint[:, 35:45, 7] = 0
        made['keypoint_score'] = score
    if kind == '2D, joints at zero':
        keypoint[:, 25:100, 11] = 0
    if kind == '2D, nobody for a while':
        keypoint[:, 70:110] = 0
    if kind == '2D, two people':
        other = keypoint + np.float32([300, 0])
        other[:, 50:] = 0
        made['keypoint'] = np.concatenate([other, keypoint])
    return made


KINDS = (
    *('3D', '3D, facing another way in the end', '2D', '2D, joints missing'),
    *('2D, joints at zero', '2D, nobody for a while', '2D, two people'),
)


@pytest.mark.parametrize('kind', KINDS)
def test_embedding_equals_that_of_each_part_alone(model, kind):
    made = make(kind)
    (sequence,) = model.embed(made)
    found = model.embed_parts(sequence, PARTS)
    for (start, end), embedding in zip(PARTS, found, strict=True):
        part = made | dict(
            total_frames=end - start, keypoint=made['keypoint'][:, start:end]
        )
        if 'keypoint_score' in made:
            part['keypoint_score'] = made['keypoint_score'][:, start:end]
        (alone,) = model.embed(part)
        assert embedding.shape == (end - start, 128)
        np.testing.assert_allclose(embedding, alone.embedding, atol=2e-5)


@pytest.mark.parametrize('kind', KINDS[:4])
def test_joints_equal_those_of_each_part_alone(model, kind):
    (sequence,) = model.embed(make(kind))
    found = joints_of_parts(select_body(sequence), PARTS)
    for part, joints in zip(
        model.cut_parts(sequence, PARTS), found, strict=True
    ):
        np.testing.assert_allclose(joints, body_joints(part), atol=1e-9)


def test_parts_that_cannot_be(model):
    made = make('2D, joints missing')
    made['keypoint'][:, :20, 7:9] = 0
    made['keypoint_score'][:, :20, 7:9] = 0
    (sequence,) = model.embed(made)
    for part in ((0, 191), (-1, 5), (8, 8)):
        with pytest.raises(ValueError, match='190'):
            model.embed_parts(sequence, [part])
    # A part without hips, and one that also has others.
    with pytest.raises(ValueError, match='left_hip and right_hip'):
        model.embed_parts(sequence, [(2, 18)])
    assert len(model.embed_parts(sequence, [(2, 30)])) == 1
    with pytest.raises(ValueError, match='features'):
        model.embed_parts(EmbeddedSequence('features', np.eye(3)), [(0, 1)])


def test_many_parts_show_their_progress(monkeypatch, capsys):
    model = masa.load(frame_rate=RATE, show_progress=True)
    (sequence,) = model.embed(record(squat(20), 'one'))
    monkeypatch.setattr('masa.apis.part_embedding.MANY_PARTS', 3)
    parts = [(0, 2), (1, 3), (2, 4)]
    model.embed_parts(sequence, parts)
    assert capsys.readouterr().err == ''
    monkeypatch.setattr('rich.console.Console.is_terminal', True)
    model.embed_parts(sequence, parts[:2])
    assert capsys.readouterr().err == ''
    model.embed_parts(sequence, parts)
    assert 'Embedding parts' in capsys.readouterr().err


def test_fewer_moments(model):
    (sequence,) = model.embed(make('2D'))
    parts = [(0, 30), (40, 95), (60, 61)]
    found = model.part_embedder(sequence, 24)(parts)
    for one, other in zip(
        found, model.embed_parts(sequence, parts), strict=True
    ):
        assert one.shape == other.shape
        assert not np.array_equal(one, other)
        # Both of the norm 1. At other places they are below 0.99.
        assert (one * other).sum(1).mean() > 0.995
    # More than the model has are as many as it has.
    for one, other in zip(
        model.part_embedder(sequence, 96)(parts),
        model.embed_parts(sequence, parts),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_duration():
    frames = np.eye(3)
    assert EmbeddedSequence('a', frames).duration is None
    times = np.array([0.5, 0.7, 1.25])
    assert EmbeddedSequence('a', frames, times).duration == 0.75
    assert EmbeddedSequence('a', frames[:1], times[:1]).duration == 0
