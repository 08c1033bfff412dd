"""Skeleton layouts of datasets, in the format of annotation files.

A layout has ``joints`` (names), ``bones`` (pairs of joints), ``flip_pairs``
(pairs of left and right joints), ``root`` (the origin) and ``torso`` (its
upper and lower end). Root and ends are a joint or the mean of several. Where
the format of a layout says which way is up in 3D, ``up_axis`` is ``'y'``,
``'-y'`` or ``'z'``; 2D joints are in the picture, y down.
"""

from itertools import pairwise

# Which way may be up.
UP_AXES = ('y', '-y', 'z')


def _layout(
    joints: str,
    bones: str,
    root: str,
    torso: tuple[str, str],
    up_axis: str | None = None,
    sides: tuple[str, str] = ('left_', 'right_'),
) -> dict:
    names = joints.split()
    index = {name: i for i, name in enumerate(names)}
    left, right = sides
    pairs = [
        [i, index[right + name.removeprefix(left)]]
        for i, name in enumerate(names)
        if name.startswith(left) and right + name.removeprefix(left) in index
    ]

    def point(text: str) -> int | list[int]:
        found = [index[name] for name in text.split()]
        return found[0] if len(found) == 1 else found

    return dict(
        joints=names,
        bones=[
            [index[first], index[second]]
            for chain in bones.split()
            for first, second in pairwise(chain.split('-'))
        ],
        flip_pairs=pairs,
        root=point(root),
        torso=[point(end) for end in torso],
        **({} if up_axis is None else dict(up_axis=up_axis)),
    )


# The order of Penn Action's label files.
PENN_ACTION = _layout(
    joints='head left_shoulder right_shoulder left_elbow right_elbow '
    'left_wrist right_wrist left_hip right_hip left_knee right_knee '
    'left_ankle right_ankle',
    bones='left_shoulder-head right_shoulder-head '
    'left_shoulder-right_shoulder left_hip-right_hip '
    'left_shoulder-left_hip right_shoulder-right_hip '
    'left_shoulder-left_elbow-left_wrist '
    'right_shoulder-right_elbow-right_wrist '
    'left_hip-left_knee-left_ankle '
    'right_hip-right_knee-right_ankle',
    root='left_hip right_hip',
    torso=('left_shoulder right_shoulder', 'left_hip right_hip'),
)

# COCO's order, which mmpose's body models give.
COCO_17 = _layout(
    joints='nose left_eye right_eye left_ear right_ear left_shoulder '
    'right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip '
    'right_hip left_knee right_knee left_ankle right_ankle',
    bones='left_shoulder-nose right_shoulder-nose-left_eye '
    'nose-right_eye left_eye-left_ear right_eye-right_ear '
    'left_shoulder-right_shoulder left_hip-right_hip '
    'left_shoulder-left_hip right_shoulder-right_hip '
    'left_shoulder-left_elbow-left_wrist '
    'right_shoulder-right_elbow-right_wrist '
    'left_hip-left_knee-left_ankle '
    'right_hip-right_knee-right_ankle',
    root='left_hip right_hip',
    torso=('left_shoulder right_shoulder', 'left_hip right_hip'),
)

# OpenPose's BODY_25 order, that of the 3D bodies in the paper.
OPENPOSE_25 = _layout(
    joints='nose neck right_shoulder right_elbow right_wrist left_shoulder '
    'left_elbow left_wrist mid_hip right_hip right_knee right_ankle left_hip '
    'left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe '
    'left_small_toe left_heel right_big_toe right_small_toe right_heel',
    bones='mid_hip-neck-nose-right_eye nose-left_eye '
    'right_eye-right_ear left_eye-left_ear '
    'neck-right_shoulder-right_elbow-right_wrist '
    'neck-left_shoulder-left_elbow-left_wrist '
    'mid_hip-right_hip-right_knee-right_ankle '
    'mid_hip-left_hip-left_knee-left_ankle '
    'right_ankle-right_heel '
    'right_ankle-right_big_toe-right_small_toe '
    'left_ankle-left_heel '
    'left_ankle-left_big_toe-left_small_toe',
    root='mid_hip',
    torso=('neck', 'mid_hip'),
)

# The order of the first Kinect, which UTD-MHAD's skeletons have.
KINECT_20 = _layout(
    joints='head shoulder_center spine hip_center left_shoulder left_elbow '
    'left_wrist left_hand right_shoulder right_elbow right_wrist right_hand '
    'left_hip left_knee left_ankle left_foot right_hip right_knee '
    'right_ankle right_foot',
    bones='hip_center-spine-shoulder_center-head '
    'shoulder_center-left_shoulder-left_elbow-left_wrist-left_hand '
    'shoulder_center-right_shoulder-right_elbow-right_wrist-right_hand '
    'hip_center-left_hip-left_knee-left_ankle-left_foot '
    'hip_center-right_hip-right_knee-right_ankle-right_foot',
    root='hip_center',
    torso=('shoulder_center', 'hip_center'),
    up_axis='y',
)

# The order of the second Kinect (JointType of its SDK), which NTU RGB+D's
# skeletons have.
KINECT_25 = _layout(
    joints='spine_base spine_mid neck head left_shoulder left_elbow '
    'left_wrist left_hand right_shoulder right_elbow right_wrist right_hand '
    'left_hip left_knee left_ankle left_foot right_hip right_knee '
    'right_ankle right_foot spine_shoulder left_hand_tip left_thumb '
    'right_hand_tip right_thumb',
    bones='spine_base-spine_mid-spine_shoulder-neck-head '
    'spine_shoulder-left_shoulder-left_elbow-left_wrist-left_hand-'
    'left_hand_tip left_wrist-left_thumb '
    'spine_shoulder-right_shoulder-right_elbow-right_wrist-right_hand-'
    'right_hand_tip right_wrist-right_thumb '
    'spine_base-left_hip-left_knee-left_ankle-left_foot '
    'spine_base-right_hip-right_knee-right_ankle-right_foot',
    root='spine_base',
    torso=('spine_shoulder', 'spine_base'),
    up_axis='y',
)

# Human3.6M's 17 joints in the order of mmpose, which its lifters give.
H36M_17 = _layout(
    joints='pelvis right_hip right_knee right_ankle left_hip left_knee '
    'left_ankle spine thorax neck head left_shoulder left_elbow left_wrist '
    'right_shoulder right_elbow right_wrist',
    bones='pelvis-spine-thorax-neck-head '
    'thorax-left_shoulder-left_elbow-left_wrist '
    'thorax-right_shoulder-right_elbow-right_wrist '
    'pelvis-left_hip-left_knee-left_ankle '
    'pelvis-right_hip-right_knee-right_ankle',
    root='pelvis',
    torso=('thorax', 'pelvis'),
)

# The order of BlazePose, which MediaPipe gives.
BLAZEPOSE_33 = _layout(
    joints='nose left_eye_inner left_eye left_eye_outer right_eye_inner '
    'right_eye right_eye_outer left_ear right_ear left_mouth right_mouth '
    'left_shoulder right_shoulder left_elbow right_elbow left_wrist '
    'right_wrist left_pinky right_pinky left_index right_index left_thumb '
    'right_thumb left_hip right_hip left_knee right_knee left_ankle '
    'right_ankle left_heel right_heel left_foot_index right_foot_index',
    bones='left_shoulder-nose '
    'right_shoulder-nose-left_eye_inner-left_eye-left_eye_outer-left_ear '
    'nose-right_eye_inner-right_eye-right_eye_outer-right_ear '
    'nose-left_mouth nose-right_mouth '
    'left_shoulder-right_shoulder left_hip-right_hip '
    'left_shoulder-left_hip right_shoulder-right_hip '
    'left_shoulder-left_elbow-left_wrist-left_pinky '
    'left_wrist-left_index left_wrist-left_thumb '
    'right_shoulder-right_elbow-right_wrist-right_pinky '
    'right_wrist-right_index right_wrist-right_thumb '
    'left_hip-left_knee-left_ankle-left_heel '
    'left_ankle-left_foot_index '
    'right_hip-right_knee-right_ankle-right_heel '
    'right_ankle-right_foot_index',
    root='left_hip right_hip',
    torso=('left_shoulder right_shoulder', 'left_hip right_hip'),
    up_axis='-y',
)


def hand_layout(
    sides: tuple[str, ...] = ('left', 'right'), skip: tuple[int, ...] = ()
) -> dict:
    """Describe hands: the wrist, then four joints of every finger.

    The joints of a finger are counted from the palm, so that 4 is its tip.
    The root is the wrist, or the point between both, which mirroring keeps at
    the origin; the torso, whose length is the unit, is the palm of the first
    hand.

    Args:
        sides (tuple[str, ...]): ``'left'``, ``'right'`` or both, in their
            order.
        skip (tuple[int, ...]): Joints to leave out of the index, middle,
            ring and little finger, in [2, 4].

    Returns:
        dict: The layout.

    Example:
        >>> len(hand_layout(('left',))['joints'])
        21
    """
    joints, bones = [], []
    for side in sides:
        wrist = f'{side}_wrist'
        joints.append(wrist)
        for finger in ('thumb', 'index', 'middle', 'ring', 'little'):
            left_out = () if finger == 'thumb' else skip
            chain = [
                f'{side}_{finger}_{i}'
                for i in range(1, 5)
                if i not in left_out
            ]
            joints += chain
            bones += [
                f'{a}-{b}'
                for a, b in zip([wrist, *chain], chain, strict=False)
            ]
    return _layout(
        joints=' '.join(joints),
        bones=' '.join(bones),
        root=' '.join(f'{side}_wrist' for side in sides),
        torso=(f'{sides[0]}_middle_1', f'{sides[0]}_wrist'),
    )


# 21 joints of each hand in the order of MANO's code, which H2O has.
HANDS_42 = hand_layout()
# Choices for H2O. Without the joint next to the tip of four fingers, which
# moves with the one before it, a hand has 17 joints: 17 x 2 x 3 and 17 x 3 are
# the widths that the MASA paper prints without saying which joints they are.
H2O_JOINTS = {
    '42': HANDS_42,
    '34': hand_layout(skip=(3,)),
    '17': hand_layout(('right',), skip=(3,)),
}

# The order of OpenPose's COCO model, which is not that of COCO.
OPENPOSE_18 = _layout(
    joints='nose neck right_shoulder right_elbow right_wrist left_shoulder '
    'left_elbow left_wrist right_hip right_knee right_ankle left_hip '
    'left_knee left_ankle right_eye left_eye right_ear left_ear',
    bones='neck-nose-right_eye nose-left_eye right_eye-right_ear '
    'left_eye-left_ear '
    'neck-right_shoulder-right_elbow-right_wrist '
    'neck-left_shoulder-left_elbow-left_wrist '
    'neck-right_hip-right_knee-right_ankle '
    'neck-left_hip-left_knee-left_ankle',
    root='left_hip right_hip',
    torso=('neck', 'left_hip right_hip'),
)

# The body of Halpe-FullBody, which AlphaPose and RTMPose give.
HALPE_26 = _layout(
    joints='nose left_eye right_eye left_ear right_ear left_shoulder '
    'right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip '
    'right_hip left_knee right_knee left_ankle right_ankle head neck hip '
    'left_big_toe right_big_toe left_small_toe right_small_toe left_heel '
    'right_heel',
    bones='hip-neck-head neck-nose-left_eye nose-right_eye '
    'left_eye-left_ear right_eye-right_ear '
    'neck-left_shoulder-left_elbow-left_wrist '
    'neck-right_shoulder-right_elbow-right_wrist '
    'hip-left_hip-left_knee-left_ankle '
    'hip-right_hip-right_knee-right_ankle left_ankle-left_heel '
    'left_ankle-left_big_toe-left_small_toe '
    'right_ankle-right_heel '
    'right_ankle-right_big_toe-right_small_toe',
    root='hip',
    torso=('neck', 'hip'),
)

# The joints of the SMPL body.
SMPL_24 = _layout(
    joints='pelvis left_hip right_hip spine1 left_knee right_knee spine2 '
    'left_ankle right_ankle spine3 left_foot right_foot neck left_collar '
    'right_collar head left_shoulder right_shoulder left_elbow right_elbow '
    'left_wrist right_wrist left_hand right_hand',
    bones='pelvis-spine1-spine2-spine3-neck-head '
    'spine3-left_collar-left_shoulder-left_elbow-left_wrist-left_hand '
    'spine3-right_collar-right_shoulder-right_elbow-right_wrist-right_hand '
    'pelvis-left_hip-left_knee-left_ankle-left_foot '
    'pelvis-right_hip-right_knee-right_ankle-right_foot',
    root='pelvis',
    torso=('neck', 'pelvis'),
)

# The joints of the CMU motion capture database as BVH, ends of chains
# included.
CMU_38 = _layout(
    joints='hips left_hip_joint left_hip left_knee left_ankle left_toes '
    'left_toes_end right_hip_joint right_hip right_knee right_ankle '
    'right_toes right_toes_end lower_back spine upper_spine neck upper_neck '
    'head head_end left_collar left_shoulder left_elbow left_wrist '
    'left_fingers left_index left_index_end left_thumb left_thumb_end '
    'right_collar right_shoulder right_elbow right_wrist right_fingers '
    'right_index right_index_end right_thumb right_thumb_end',
    bones='hips-lower_back-spine-upper_spine-neck-upper_neck-head-head_end '
    'hips-left_hip_joint-left_hip-left_knee-left_ankle-left_toes-'
    'left_toes_end '
    'hips-right_hip_joint-right_hip-right_knee-right_ankle-right_toes-'
    'right_toes_end '
    'upper_spine-left_collar-left_shoulder-left_elbow-left_wrist-'
    'left_fingers-left_index-left_index_end '
    'left_wrist-left_thumb-left_thumb_end '
    'upper_spine-right_collar-right_shoulder-right_elbow-right_wrist-'
    'right_fingers-right_index-right_index_end '
    'right_wrist-right_thumb-right_thumb_end',
    root='hips',
    torso=('left_shoulder right_shoulder', 'hips'),
    up_axis='y',
)

# The markers of Vicon's Plug-in Gait for the whole body, by their own names.
PLUG_IN_GAIT_39 = _layout(
    joints='LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK LSHO LUPA LELB LFRM '
    'LWRA LWRB LFIN RSHO RUPA RELB RFRM RWRA RWRB RFIN LASI RASI LPSI RPSI '
    'LTHI LKNE LTIB LANK LHEE LTOE RTHI RKNE RTIB RANK RHEE RTOE',
    bones='LFHD-RFHD LBHD-RBHD LFHD-LBHD-C7 RFHD-RBHD-C7 C7-T10-RBAK '
    'C7-CLAV-STRN C7-LSHO-LUPA-LELB-LFRM-LWRA-LFIN LFRM-LWRB-LFIN '
    'C7-RSHO-RUPA-RELB-RFRM-RWRA-RFIN RFRM-RWRB-RFIN '
    'T10-LPSI-LASI-LTHI-LKNE-LTIB-LANK-LHEE LANK-LTOE '
    'T10-RPSI-RASI-RTHI-RKNE-RTIB-RANK-RHEE RANK-RTOE LASI-RASI',
    root='LASI RASI LPSI RPSI',
    torso=('LSHO RSHO', 'LASI RASI LPSI RPSI'),
    up_axis='z',
    sides=('L', 'R'),
)

# By name, for command lines and messages.
LAYOUTS = dict(
    PENN_ACTION=PENN_ACTION,
    COCO_17=COCO_17,
    H36M_17=H36M_17,
    OPENPOSE_18=OPENPOSE_18,
    KINECT_20=KINECT_20,
    SMPL_24=SMPL_24,
    OPENPOSE_25=OPENPOSE_25,
    KINECT_25=KINECT_25,
    HALPE_26=HALPE_26,
    BLAZEPOSE_33=BLAZEPOSE_33,
    CMU_38=CMU_38,
    PLUG_IN_GAIT_39=PLUG_IN_GAIT_39,
    LEFT_HAND_21=hand_layout(('left',)),
    RIGHT_HAND_21=hand_layout(('right',)),
    HANDS_42=HANDS_42,
)


def layouts_of(num_joints: int) -> list[str]:
    """Name the layouts that have so many joints.

    Several may: the number of joints does not tell their order.

    Args:
        num_joints (int): Number of joints, V.

    Returns:
        list[str]: Keys of ``LAYOUTS``; empty if none has as many.

    Example:
        >>> layouts_of(25)
        ['OPENPOSE_25', 'KINECT_25']
    """
    return [
        name
        for name, layout in LAYOUTS.items()
        if len(layout['joints']) == num_joints
    ]
