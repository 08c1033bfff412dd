import numpy as np
import pytest
from squats import squat

from masa.visualization.views import VIEWS, best_view, view_from


@pytest.mark.parametrize(
    ('axis', 'degrees'), [(0, 0), (2, 90)], ids=['across', 'ahead']
)
def test_a_movement_is_seen_from_beside(axis, degrees):
    joints = np.zeros((10, 3, 3))
    joints[:, 1, axis] = np.linspace(0, 1, 10)
    assert best_view(joints, joints[:1]) == degrees


def test_a_squat_is_not_seen_from_the_front():
    joints = squat(30)
    assert best_view(joints, joints[:1]) != 0


def test_missing_joints_count_for_nothing():
    first, second = np.zeros((2, 4, 3))
    second[0, 2] = 1
    second[1] = 9, 9, np.nan
    assert best_view(first, second) == 90


@pytest.mark.parametrize('degrees', VIEWS)
def test_the_camera_is_turned_to_the_left(degrees):
    """By a camera: its right, and up."""
    angle = np.radians(degrees)
    # It stands to the person's left, x, and front, z, and looks back.
    forward = -np.array([np.sin(angle), 0, np.cos(angle)])
    right = np.cross(forward, [0, 1, 0])
    joints = np.random.default_rng(0).normal(size=(5, 13, 3))
    expected = np.stack([joints @ right, joints[..., 1]], -1)
    np.testing.assert_allclose(
        view_from(joints, degrees), expected, atol=1e-12
    )
