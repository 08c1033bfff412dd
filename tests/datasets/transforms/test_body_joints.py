import warnings

import numpy as np
import pytest

from masa.datasets.skeletons import LAYOUTS, PENN_ACTION, PLUG_IN_GAIT_39
from masa.datasets.synthetic.body import SKELETON
from masa.datasets.transforms import ProjectSkeleton, SelectBodyJoints

BODIES = {
    name: layout
    for name, layout in LAYOUTS.items()
    if 'left_hip' in layout['joints'] or name == 'PLUG_IN_GAIT_39'
} | {'synthetic': SKELETON}


def sample(layout, frames=4, axes=2, **extra):
    rng = np.random.default_rng(0)
    shape = 1, frames, len(layout['joints']), axes
    keypoint = rng.normal(size=shape).astype(np.float32)
    return dict(keypoint=keypoint, skeleton=layout, **extra)


@pytest.mark.parametrize('name', BODIES)
def test_joints_of_every_layout_are_found_by_name(name):
    layout = BODIES[name]
    before = sample(layout)
    joints = before['keypoint'].copy()
    found = SelectBodyJoints()(dict(before))
    assert found['skeleton'] == PENN_ACTION | {
        'up_axis': layout.get('up_axis')
    }
    assert found['keypoint'].shape == (1, 4, 13, 2)
    names = layout['joints']
    for i, joint in enumerate(PENN_ACTION['joints']):
        if joint in names:
            np.testing.assert_array_equal(
                found['keypoint'][:, :, i], joints[:, :, names.index(joint)]
            )
    # All of them have a head, or what stands for it.
    assert (found['keypoint_score'] == 1).all()


def test_the_head_is_between_the_ears_and_as_sure_as_the_less_sure_one():
    layout = LAYOUTS['COCO_17']
    score = np.ones((1, 4, 17), np.float32)
    left, right = (
        layout['joints'].index(f'{s}_ear') for s in ('left', 'right')
    )
    score[0, 2, left] = 0
    before = sample(layout, keypoint_score=score)
    joints = before['keypoint']
    found = SelectBodyJoints()(dict(before))
    np.testing.assert_allclose(
        found['keypoint'][:, :, 0], joints[:, :, [left, right]].mean(2)
    )
    assert found['keypoint_score'][0, :, 0].tolist() == [1, 1, 0, 1]


def test_markers_stand_for_the_joints_that_they_are_around():
    weights = {
        'head': dict(LFHD=1, RFHD=1, LBHD=1, RBHD=1),
        'shoulder': dict(xSHO=1),
        'elbow': dict(xELB=1),
        'wrist': dict(xWRA=1, xWRB=1),
        'hip': dict(xASI=3, xPSI=3, xKNE=1),
        'knee': dict(xKNE=1),
        'ankle': dict(xANK=1),
    }
    before = sample(PLUG_IN_GAIT_39, axes=3)
    markers = before['keypoint'].astype(np.float64)
    found = SelectBodyJoints()(before)['keypoint']
    for i, joint in enumerate(PENN_ACTION['joints']):
        side, _, part = joint.rpartition('_')
        expected, total = 0, 0
        for name, weight in weights[part].items():
            name = name.replace('x', side[:1].upper())
            place = PLUG_IN_GAIT_39['joints'].index(name)
            expected = expected + weight * markers[:, :, place]
            total += weight
        np.testing.assert_allclose(
            found[:, :, i], expected / total, rtol=1e-5, atol=1e-6
        )


def test_joints_at_zero_are_missing_where_there_are_no_scores():
    before = sample(LAYOUTS['COCO_17'])
    before['keypoint'][0, 2, 5] = 0
    # One that is there throughout was centered on.
    before['keypoint'][0, :, 9] = 0
    score = SelectBodyJoints()(before)['keypoint_score'][0]
    missing = np.argwhere(score == 0)
    shoulder = PENN_ACTION['joints'].index('left_shoulder')
    assert missing.tolist() == [[2, shoulder]]


def test_what_a_layout_lacks_is_missing():
    names = [
        n for n in PENN_ACTION['joints'] if n not in ('head', 'left_knee')
    ]
    before = sample(dict(joints=names))
    found = SelectBodyJoints()(dict(before))
    seen = found['keypoint_score'][0, 0]
    assert seen[0] == 0
    assert seen[PENN_ACTION['joints'].index('left_knee')] == 0
    assert seen.sum() == 11
    assert np.isfinite(found['keypoint']).all()


@pytest.mark.parametrize(
    ('layout', 'culprit'),
    [
        (LAYOUTS['HANDS_42'], 'left_hip'),
        (dict(joints=['left_hip', 'right_hip']), 'left_shoulder'),
    ],
)
def test_what_is_no_body(layout, culprit):
    with pytest.raises(ValueError, match=culprit):
        SelectBodyJoints()(sample(layout, frame_dir='x'))


def test_another_number_of_joints():
    before = sample(PENN_ACTION)
    before['keypoint'] = before['keypoint'][:, :, :5]
    with pytest.raises(ValueError, match='13'):
        SelectBodyJoints()(before)


class TestProjection:
    def person(self, turn=0.0):
        """Left hand to +x, y up, facing +z; turned about y."""
        joints = np.zeros((1, 2, 13, 3))
        for i, name in enumerate(PENN_ACTION['joints']):
            side = dict(left=1, right=-1).get(name.split('_')[0], 0)
            joints[0, :, i] = side * 0.2, -i / 10, 0.5 * (name == 'head')
        angle = np.radians(turn)
        rotation = np.array(
            [
                [np.cos(angle), 0, np.sin(angle)],
                [0, 1, 0],
                [-np.sin(angle), 0, np.cos(angle)],
            ]
        )
        return dict(keypoint=joints @ rotation.T, skeleton=PENN_ACTION)

    @pytest.mark.parametrize('turn', [0, 70, 180, -100])
    def test_it_does_not_matter_where_the_person_faces(self, turn):
        view = ProjectSkeleton(yaw=0, up_axis='y')
        expected = view(self.person())['keypoint']
        found = view(self.person(turn))['keypoint']
        np.testing.assert_allclose(found, expected, atol=1e-12)
        # Seen from the front: the left at the right, up at the top.
        assert found[0, 0, 1, 0] == pytest.approx(0.2)
        assert found[0, 0, 12, 1] == pytest.approx(1.2)
        assert found[0, 0, 0, 0] == pytest.approx(0)

    def test_from_the_side(self):
        found = ProjectSkeleton(yaw=90, up_axis='y')(self.person())['keypoint']
        np.testing.assert_allclose(found[0, 0, 1:, 0], 0, atol=1e-12)
        assert abs(found[0, 0, 0, 0]) == pytest.approx(0.5)

    @pytest.mark.parametrize('up_axis', ['-y', 'z'])
    def test_other_axes_see_the_same(self, up_axis):
        person = self.person(20)
        x, y, z = np.moveaxis(person['keypoint'], -1, 0)
        # A turn of the coordinates, no mirror.
        axes = {'-y': (x, -y, -z), 'z': (x, -z, y)}[up_axis]
        turned = dict(person, keypoint=np.stack(axes, -1))
        expected = ProjectSkeleton(up_axis='y')(person)['keypoint']
        found = ProjectSkeleton(up_axis=up_axis)(turned)['keypoint']
        np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_what_is_flat_stays(self):
        before = sample(PENN_ACTION)
        joints = before['keypoint'].copy()
        found = ProjectSkeleton()(before)['keypoint']
        np.testing.assert_array_equal(found, joints)

    def test_what_the_layout_says_goes_first(self):
        person = self.person(20)
        expected = ProjectSkeleton(up_axis='y')(dict(person))['keypoint']
        person['skeleton'] = PENN_ACTION | {'up_axis': 'y'}
        found = ProjectSkeleton(up_axis='z')(person)['keypoint']
        np.testing.assert_array_equal(found, expected)

    def test_3d_that_does_not_say_which_way_is_up(self):
        with pytest.raises(ValueError, match='--up-axis'):
            ProjectSkeleton()(self.person())

    def test_joints_that_are_missing_do_not_turn_it(self):
        view = ProjectSkeleton(up_axis='y')
        expected = view(self.person(70))['keypoint']
        person = self.person(70)
        person['keypoint_score'] = np.ones((1, 2, 13))
        wrist = PENN_ACTION['joints'].index('left_wrist')
        person['keypoint'][0, :, wrist] = 50, 0, -80
        person['keypoint_score'][0, :, wrist] = 0
        found = view(person)['keypoint']
        others = np.arange(13) != wrist
        np.testing.assert_allclose(
            found[:, :, others], expected[:, :, others], atol=1e-12
        )

    def test_a_body_that_is_upside_down(self):
        upright = ProjectSkeleton(up_axis='y')(self.person())
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            ProjectSkeleton()(dict(upright))
            lying = upright['keypoint'][..., ::-1]
            ProjectSkeleton()(dict(upright, keypoint=lying))
            # Part of a sequence that is not.
            ProjectSkeleton()(
                dict(upright, keypoint=-upright['keypoint'], is_part=True)
            )
        for sample, up_axis in (
            (self.person(), '-y'),
            (dict(upright, keypoint=-upright['keypoint']), None),
        ):
            with pytest.warns(UserWarning, match='--up-axis'):
                ProjectSkeleton(up_axis=up_axis)(dict(sample))
        # Nobody can change the axes of a video.
        with pytest.warns(UserWarning, match='ffmpeg'):
            ProjectSkeleton()(dict(sample, video='a.mp4'))

    def test_axis_is_checked(self):
        with pytest.raises(ValueError, match='up_axis'):
            ProjectSkeleton(up_axis='x')
