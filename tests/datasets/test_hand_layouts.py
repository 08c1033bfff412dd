import numpy as np
import pytest
from h2o_files import hand_pose

from masa.datasets.skeleton_checks import check_skeleton
from masa.datasets.skeletons import H2O_JOINTS
from masa.datasets.transforms import (
    FlipSkeleton,
    JointAngleNoise,
    NormalizeSkeleton,
    TranslateSkeleton,
)


def sample(joints):
    names = H2O_JOINTS['42']['joints']
    chosen = [names.index(name) for name in H2O_JOINTS[joints]['joints']]
    rng = np.random.default_rng(0)
    hands = np.stack([hand_pose(rng).reshape(42, 3) for _ in range(6)])
    return dict(
        keypoint=hands[None, :, chosen].astype(np.float32),
        skeleton=H2O_JOINTS[joints],
        rng=rng,
    )


def lengths(keypoint, layout):
    bones = np.array(layout['bones'])
    return np.linalg.norm(
        keypoint[:, :, bones[:, 0]] - keypoint[:, :, bones[:, 1]], axis=-1
    )


@pytest.mark.parametrize('joints', H2O_JOINTS)
class TestHands:
    def test_has_no_problems(self, joints):
        layout = H2O_JOINTS[joints]
        assert list(check_skeleton(layout)) == []
        assert len(layout['joints']) == int(joints)
        # A tree for each hand.
        hands = 1 if joints == '17' else 2
        assert len(layout['bones']) == int(joints) - hands
        assert len(layout['flip_pairs']) == (int(joints) // 2) * (hands - 1)

    def test_order_is_wrist_then_fingers_to_their_tips(self, joints):
        names = H2O_JOINTS[joints]['joints']
        side = 'right' if joints == '17' else 'left'
        assert names[:6] == [
            f'{side}_{name}'
            for name in (
                'wrist',
                *(f'thumb_{i}' for i in range(1, 5)),
                'index_1',
            )
        ]
        assert names[-1] == 'right_little_4'
        assert any(name.endswith('index_3') for name in names) == (
            joints == '42'
        )

    def test_noise_keeps_bones_and_reaches_all_joints(self, joints):
        one = NormalizeSkeleton()(sample(joints))
        before = one['keypoint'].copy()
        after = JointAngleNoise(prob=1.0)(one)['keypoint']
        np.testing.assert_allclose(
            lengths(after, H2O_JOINTS[joints]),
            lengths(before, H2O_JOINTS[joints]),
            rtol=1e-4,
        )
        TranslateSkeleton(prob=1.0)(one)

    def test_mirror_keeps_the_root_at_the_origin(self, joints):
        one = FlipSkeleton(prob=1.0)(NormalizeSkeleton()(sample(joints)))
        root = np.atleast_1d(H2O_JOINTS[joints]['root'])
        np.testing.assert_allclose(
            one['keypoint'][0][:, root].mean(1), 0, atol=1e-5
        )

    def test_unit_is_the_palm(self, joints):
        one = NormalizeSkeleton()(sample(joints))
        upper, lower = H2O_JOINTS[joints]['torso']
        palm = one['keypoint'][0, :, upper] - one['keypoint'][0, :, lower]
        assert np.median(np.linalg.norm(palm, axis=-1)) == pytest.approx(1)
