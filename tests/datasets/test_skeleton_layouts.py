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
    SMPL_24=24,
    CMU_38=38,
    PLUG_IN_GAIT_39=39,
)
SIDES = ('left_', 'right_')


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
        sides = ('L', 'R') if name == 'PLUG_IN_GAIT_39' else SIDES
        for left, right in layout['flip_pairs']:
            assert names[left].startswith(sides[0])
            assert names[right] == sides[1] + names[left].removeprefix(
                sides[0]
            )
        paired = {joint for pair in layout['flip_pairs'] for joint in pair}
        assert paired == {
            i
            for i, joint in enumerate(names)
            # On the right shoulder blade alone.
            if joint.startswith(sides) and joint != 'RBAK'
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


def test_orders_of_public_motion_capture():
    """Joints as their makers number them, from 0."""
    for layout, numbers in (
        (
            skeletons.CMU_38,
            dict(head=18, left_shoulder=21, right_shoulder=30, left_elbow=22)
            | dict(right_elbow=31, left_wrist=23, right_wrist=32, left_hip=2)
            | dict(right_hip=8, left_knee=3, right_knee=9, left_ankle=4)
            | dict(right_ankle=10),
        ),
        (
            skeletons.SMPL_24,
            dict(pelvis=0, left_hip=1, right_hip=2, spine1=3, left_knee=4)
            | dict(left_ankle=7, left_foot=10, neck=12, head=15)
            | dict(left_shoulder=16, right_elbow=19, right_hand=23),
        ),
    ):
        names = layout['joints']
        assert {name: names.index(name) for name in numbers} == numbers


def test_up_axis_is_checked():
    layout = skeletons.KINECT_20
    assert layout['up_axis'] == 'y'
    problems = list(check_skeleton(layout | {'up_axis': 'up'}))
    assert [one.field for one in problems] == ['skeleton.up_axis']


def test_number_of_joints_does_not_tell_the_layout():
    assert skeletons.layouts_of(25) == ['OPENPOSE_25', 'KINECT_25']
    assert skeletons.layouts_of(17) == ['COCO_17', 'H36M_17']
    assert skeletons.layouts_of(4) == []
    for name, layout in skeletons.LAYOUTS.items():
        assert list(check_skeleton(layout)) == []
        assert name in skeletons.layouts_of(num_joints(layout))
