"""Files in the official layout of IKEA ASM, made up.

https://github.com/IkeaASM/IKEA_ASM_Dataset: ``gt_segments.json`` and, by
scan, ``dev3/pose3d/000000.json`` and ``dev3/predictions/pose2d/METHOD/
scan_video_000000000000_keypoints.json``.
"""

import json

import numpy as np

DRAWER = 'Kallax_Shelf_Drawer'
STEPS = ('pick up side panel', 'attach drawer side panel', 'NA', 'other')
TRAIN = [
    f'{DRAWER}/{i:04d}_oak_floor_01_01_2019_08_14_17_17' for i in range(8)
]
TEST = [f'{DRAWER}/{i:04d}_black_table_02_01_2019_08_16_14_00' for i in (1, 2)]
# COCO's order: face, shoulders, elbows, wrists, hips, knees, ankles.
BODY_17 = np.array(
    [
        *([x, 160, 5] for x in (0, 3, -3, 6, -6)),
        *([x, y, 0] for y in (140, 115, 90, 90, 45, 5) for x in (20, -20)),
    ]
)


def length(number):
    return 20 + number


def segments(frames):
    """Four segments, last frames included, as the official file has them."""
    ends = np.linspace(0, frames, len(STEPS) + 1).astype(int)
    return [
        dict(label=label, segment=[int(start), int(stop) - 1])
        for label, start, stop in zip(STEPS, ends, ends[1:], strict=False)
    ]


def write_segments(path):
    database = {
        'Lack_Side_Table/0007_oak_floor_01_01_2019_08_14_17_17': dict(
            subset='training',
            annotation=[dict(label='spin leg', segment=[0, 9])],
        )
    }
    for subset, names in (('training', TRAIN), ('testing', TEST)):
        for number, name in enumerate(names):
            database[name] = dict(
                subset=subset, annotation=segments(length(number))
            )
    path.write_text(json.dumps(dict(version='VERSION 1.3', database=database)))


def write_pose3d(folder, frame, body, confidence=1.0):
    folder.mkdir(parents=True, exist_ok=True)
    values = np.concatenate([body, np.full((len(body), 1), confidence)], 1) * (
        confidence > 0
    )
    content = dict(
        format='ikea' if len(body) == 17 else 'body25',
        pose_keypoints_3d=values.ravel().tolist(),
    )
    (folder / f'{frame:06d}.json').write_text(json.dumps(content))


def write_pose2d(folder, frame, people):
    folder.mkdir(parents=True, exist_ok=True)
    content = dict(
        version=1.3,
        people=[dict(pose_keypoints_2d=p.ravel().tolist()) for p in people],
    )
    name = f'scan_video_{frame:012d}_keypoints.json'
    (folder / name).write_text(json.dumps(content))


def write_ikea(root):
    """Write segments and both kinds of poses."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    write_segments(root / 'gt_segments.json')
    for names in (TRAIN, TEST):
        for number, name in enumerate(names):
            device = root / name / 'dev3'
            for frame in range(length(number)):
                body = BODY_17 + rng.normal(scale=2, size=(17, 3))
                # Some frames have no triangulated pose.
                if frame % 3 == 0:
                    write_pose3d(device / 'pose3d', frame, body)
                score = np.full((17, 1), 0.9)
                write_pose2d(
                    device / 'predictions/pose2d/keypoint_rcnn_ft',
                    frame,
                    [
                        np.concatenate([body[:, :2] + 500, score / 3], 1),
                        np.concatenate([body[:, :2], score], 1),
                    ],
                )


def write_bodies(folder):
    """Write the joints of a body model, 25 of them."""
    rng = np.random.default_rng(0)
    body = np.concatenate([BODY_17, BODY_17[:8] + 3]) / 100.0
    for names in (TRAIN, TEST):
        for number, name in enumerate(names):
            path = folder / f'{name}.npy'
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = rng.normal(scale=0.02, size=(length(number), 25, 3))
            np.save(path, (body + noise).astype(np.float32))


def write_features(folder, channels=8, more=0):
    rng = np.random.default_rng(0)
    for names in (TRAIN, TEST):
        for number, name in enumerate(names):
            path = folder / f'{name}.npy'
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = length(number) + more, channels
            np.save(path, rng.normal(size=shape).astype(np.float16))
