"""Skeleton layouts of data sets, as annotation files describe them.

Each has ``joints`` (names), ``bones`` (pairs of joints), ``flip_pairs`` (left
and right), ``root`` (the point at the origin) and ``torso`` (its upper and
its lower end). A point is a joint, or several whose mean it is.
"""


def _layout(
    joints: str, bones: str, root: str, torso: tuple[str, str]
) -> dict:
    names = joints.split()
    index = {name: i for i, name in enumerate(names)}
    pairs = [
        [i, index[name.replace('left_', 'right_')]]
        for i, name in enumerate(names)
        if name.startswith('left_')
    ]

    def point(text: str) -> int | list[int]:
        found = [index[name] for name in text.split()]
        return found[0] if len(found) == 1 else found

    return dict(
        joints=names,
        bones=[
            [index[name] for name in bone.split('-')] for bone in bones.split()
        ],
        flip_pairs=pairs,
        root=point(root),
        torso=[point(end) for end in torso],
    )


# The order of Penn Action's label files.
PENN_ACTION = _layout(
    joints='head left_shoulder right_shoulder left_elbow right_elbow '
    'left_wrist right_wrist left_hip right_hip left_knee right_knee '
    'left_ankle right_ankle',
    bones='left_shoulder-head right_shoulder-head '
    'left_shoulder-right_shoulder left_hip-right_hip '
    'left_shoulder-left_hip right_shoulder-right_hip '
    'left_shoulder-left_elbow left_elbow-left_wrist '
    'right_shoulder-right_elbow right_elbow-right_wrist '
    'left_hip-left_knee left_knee-left_ankle '
    'right_hip-right_knee right_knee-right_ankle',
    root='left_hip right_hip',
    torso=('left_shoulder right_shoulder', 'left_hip right_hip'),
)

# COCO's order, which mmpose's body models give.
COCO_17 = _layout(
    joints='nose left_eye right_eye left_ear right_ear left_shoulder '
    'right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip '
    'right_hip left_knee right_knee left_ankle right_ankle',
    bones='left_shoulder-nose right_shoulder-nose nose-left_eye '
    'nose-right_eye left_eye-left_ear right_eye-right_ear '
    'left_shoulder-right_shoulder left_hip-right_hip '
    'left_shoulder-left_hip right_shoulder-right_hip '
    'left_shoulder-left_elbow left_elbow-left_wrist '
    'right_shoulder-right_elbow right_elbow-right_wrist '
    'left_hip-left_knee left_knee-left_ankle '
    'right_hip-right_knee right_knee-right_ankle',
    root='left_hip right_hip',
    torso=('left_shoulder right_shoulder', 'left_hip right_hip'),
)
