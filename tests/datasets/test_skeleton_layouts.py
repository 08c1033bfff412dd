import pytest

from masa.datasets import skeletons
from masa.datasets.skeleton_checks import check_skeleton, num_joints

LAYOUTS = dict(
    PENN_ACTION=13,
    COCO_17=17,
    OPENPOSE_25=25,
    KINECT_20=20,
    KINECT_25=25,
    H36M_17=17,
    BLAZEPOSE_33=33,
    OPENPOSE_18=18,
    HALPE_26=26,
)


@pytest.mark.parametrize(('name', 'joints'), LAYOUTS.items())
class TestLayout:
    def test_has_no_problems(self, name, joints):
        layout = getattr(skeletons, name)
        assert list(check_skeleton(layout)) == []
        assert num_joints(layout) == joints

    def test_bones_reach_every_joint(self, name, joints):
        layout = getattr(skeletons, name)
        reached = {0}
        for _ in range(joints):
            for bone in layout['bones']:
                if reached & set(bone):
                    reached |= set(bone)
        assert reached == set(range(joints))

    def test_left_is_paired_with_right(self, name, joints):
        layout = getattr(skeletons, name)
        names = layout['joints']
        for left, right in layout['flip_pairs']:
            assert names[left].removeprefix('left_') == names[
                right
            ].removeprefix('right_')
        paired = {joint for pair in layout['flip_pairs'] for joint in pair}
        assert paired == {
            i
            for i, joint in enumerate(names)
            if joint.startswith(('left_', 'right_'))
        }

    def test_mirrored_bones_are_bones(self, name, joints):
        layout = getattr(skeletons, name)
        mirror = list(range(joints))
        for left, right in layout['flip_pairs']:
            mirror[left], mirror[right] = right, left
        bones = {frozenset(bone) for bone in layout['bones']}
        assert {
            frozenset(mirror[joint] for joint in bone) for bone in bones
        } == bones
        assert len(bones) == len(layout['bones'])


def test_kinect_order_is_that_of_its_sdk():
    """Points of the body that NTU RGB+D's description numbers from 1."""
    names = skeletons.KINECT_25['joints']
    numbers = dict(
        spine_base=1,
        spine_mid=2,
        neck=3,
        head=4,
        left_shoulder=5,
        left_hand=8,
        right_shoulder=9,
        right_hand=12,
        left_hip=13,
        left_foot=16,
        right_hip=17,
        right_foot=20,
        spine_shoulder=21,
        left_hand_tip=22,
        left_thumb=23,
        right_hand_tip=24,
        right_thumb=25,
    )
    assert {name: names.index(name) + 1 for name in numbers} == numbers


def test_number_of_joints_does_not_tell_the_layout():
    assert skeletons.layouts_of(25) == ['OPENPOSE_25', 'KINECT_25']
    assert skeletons.layouts_of(17) == ['COCO_17', 'H36M_17']
    assert skeletons.layouts_of(4) == []
    for name, layout in skeletons.LAYOUTS.items():
        assert list(check_skeleton(layout)) == []
        assert name in skeletons.layouts_of(num_joints(layout))
