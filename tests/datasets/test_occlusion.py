"""Joints that the body hides from the camera."""

import numpy as np
import pytest

from masa.datasets.random_activities.body import (
    BONES,
    JOINTS,
    place_joints,
    pose,
)
from masa.datasets.random_activities.occlusion import (
    MARGIN,
    PARTS,
    WIDTHS,
    find_hidden,
    hide_joints,
)
from masa.datasets.random_activities.performance import project


def hidden_by_loops(flat, nearness):
    """The definition, joint by joint and part by part."""
    hidden = np.zeros(nearness.shape, bool)
    for t, joints in enumerate(flat.tolist()):
        for j, (x, y) in enumerate(joints):
            for (a, b), width in zip(PARTS.tolist(), WIDTHS, strict=True):
                if j in (a, b):
                    continue
                (ax, ay), (bx, by) = joints[a], joints[b]
                squared = (bx - ax) ** 2 + (by - ay) ** 2
                place = 0.0
                if squared > 0:
                    dot = (x - ax) * (bx - ax) + (y - ay) * (by - ay)
                    place = min(max(dot / squared, 0.0), 1.0)
                dx = x - ax - place * (bx - ax)
                dy = y - ay - place * (by - ay)
                near = (1 - place) * nearness[t, a] + place * nearness[t, b]
                is_close = dx * dx + dy * dy < width * width
                if is_close and near > nearness[t, j] + MARGIN:
                    hidden[t, j] = True
    return hidden


@pytest.mark.parametrize('frames', [1, 30])
def test_hidden_joints_are_those_of_the_definition(frames):
    rng = np.random.default_rng(frames)
    flat = rng.normal(scale=0.5, size=(frames, 13, 2))
    # Two joints at one place make a part without length.
    flat[0, PARTS[0][1]] = flat[0, PARTS[0][0]]
    nearness = rng.normal(scale=0.2, size=(frames, 13))
    hidden = find_hidden(flat, nearness)
    np.testing.assert_array_equal(hidden, hidden_by_loops(flat, nearness))
    assert 0 < hidden.mean() < 1


def test_the_far_side_is_hidden_in_a_view_from_the_side():
    bones = np.array(list(BONES.values()))
    standing = place_joints(pose()[None], bones)
    rng = np.random.default_rng(0)
    names = list(JOINTS)
    seen = []
    for yaw in (0, 90):
        flat, nearness = project(standing, yaw, 0, rng)
        (hidden,) = find_hidden(flat / BONES['spine'], nearness)
        seen.append(
            {name for name, is_in in zip(names, hidden, strict=True) if is_in}
        )
    front, side = seen
    assert not front
    sides = {name.split('_')[0] for name in side}
    assert len(sides) == 1
    assert {name.split('_')[1] for name in side} >= {'shoulder', 'hip'}


def test_hidden_joints_get_a_place_and_no_score():
    rng = np.random.default_rng(0)
    flat = rng.normal(scale=0.5, size=(20, 13, 2))
    nearness = rng.normal(scale=0.2, size=(20, 13))
    score = np.ones((20, 13))
    flat[:, 3], score[:, 3] = 100, 0
    found, kept = hide_joints(flat, nearness, score, rng)
    assert not kept[:, 3].any()
    assert np.abs(found).max() < 10
    assert 0 < kept[:, :3].mean() < 1
    np.testing.assert_array_equal(found[kept == 1], flat[kept == 1])
    # Without a joint that is seen nothing is hidden.
    nothing = np.zeros((20, 13))
    found, kept = hide_joints(flat, nearness, nothing, rng)
    assert found is flat
    assert kept is nothing
