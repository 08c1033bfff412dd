"""Annotations in the layouts that PYSKL and MMAction2 publish, made up.

https://github.com/kennymckormick/pyskl/blob/main/tools/data/README.md and the
scripts in https://github.com/open-mmlab/mmaction2, ``tools/data/skeleton``.
"""

import pickle

import numpy as np

# COCO's 17 joints of a standing person, in shares of the height, y down.
BODY = np.array(
    [
        *([x, y] for x, y in ((0, 5), (2, 3), (-2, 3), (4, 5), (-4, 5))),
        *([x, y] for y in (18, 33, 46, 50, 73, 95) for x in (11, -11)),
    ]
)


def walk(frames, start=300.0, height=400.0, speed=3.0, top=100.0):
    """Joints (T, 17, 2) of a person who walks to the right, in pixels."""
    places = start + speed * np.arange(frames)
    body = np.tile(BODY * height / 100, (frames, 1, 1))
    body[..., 0] += places[:, None]
    body[..., 1] += top
    # The arms swing.
    body[:, 9:11, 0] += 20 * np.sin(np.arange(frames))[:, None]
    return body


def record(name, people, label=0, scores=(0.9, 0.7, 0.5)):
    """A record of HRNet's poses; who is None is absent, all zeros."""
    frames = len(next(one for one in people if one is not None))
    keypoint = np.zeros((len(people), frames, 17, 2), np.float16)
    score = np.zeros((len(people), frames, 17), np.float16)
    for m, one in enumerate(people):
        if one is not None:
            keypoint[m], score[m] = one, scores[m]
    return dict(
        frame_dir=name,
        label=label,
        img_shape=(1080, 1920),
        original_shape=(1080, 1920),
        total_frames=frames,
        keypoint=keypoint,
        keypoint_score=score,
    )


def ntu60_hrnet():
    """As ntu60_hrnet.pkl: one person or two, the second perhaps absent."""
    people = {
        'S001C001P001R001A001': [walk(12)],
        'S001C001P001R001A050': [walk(14), walk(14, 900, speed=-3)],
        'S001C002P001R001A050': [walk(16), None],
        'S001C001P003R001A001': [walk(10)],
        'S001C001P003R001A050': [walk(11), walk(11, 900, speed=-3)],
        'S001C002P003R001A001': [walk(13, 200), walk(13, 800, 200), None],
    }
    names = list(people)
    return dict(
        split=dict(
            xsub_train=names[:3],
            xsub_val=names[3:],
            xview_train=names[2:3] + names[5:],
            xview_val=names[:2] + names[3:5],
        ),
        annotations=[
            record(name, one, label=int(name[-3:]) - 1)
            for name, one in people.items()
        ],
    )


def gym_hrnet():
    """As gym_hrnet.pkl: one gymnast."""
    names = [f'0LtLS9wROrk_E_00240{i}_A_0003_0005' for i in range(4)]
    return dict(
        split=dict(train=names[:2], val=names[2:]),
        annotations=[
            record(name, [walk(8 + i)], label=i)
            for i, name in enumerate(names)
        ],
    )


def ntu60_3danno():
    """As ntu60_3danno.pkl: 25 joints in meters, and no scores."""
    rng = np.random.default_rng(0)
    people = {'S001C001P001R001A001': 1, 'S001C001P001R001A050': 2}
    return dict(
        split=dict(xsub_train=[*people][:1], xsub_val=[*people][1:]),
        annotations=[
            dict(
                frame_dir=name,
                label=int(name[-3:]) - 1,
                keypoint=rng.normal(size=(count, 9, 25, 3)).astype('f2'),
                total_frames=9,
            )
            for name, count in people.items()
        ],
    )


def detections(people):
    """Poses by detection: (N, 17, 3), the frame and box score of each.

    Args:
        people: By person, dicts of (17, 2) by frame.
    """
    rows = [
        (frame, m, pose)
        for m, one in enumerate(people)
        for frame, pose in one.items()
    ]
    rows.sort(key=lambda row: row[:2])
    keypoint = [np.c_[pose, np.full(17, 0.8)] for _, _, pose in rows]
    return (
        np.array(keypoint, np.float16),
        np.array([frame for frame, _, _ in rows], np.int16),
        np.array([0.95 - 0.3 * m for _, m, _ in rows], np.float16),
    )


def k400_hrnet(folder):
    """As k400_hrnet.pkl and its kpfiles, one file for two videos each."""
    folder.mkdir(parents=True, exist_ok=True)
    annotations, files = [], {}
    for i, name in enumerate(('jf7RDuUTrsQ', 'JTlatknwOrY', '8DLIxLxqPyc')):
        body = walk(10 + i)
        first = {t: pose for t, pose in enumerate(body) if t != 3}
        second = {t: pose + 500 for t, pose in enumerate(body) if t in (0, 3)}
        keypoint, frames, boxes = detections([first, second])
        file = f'kpfiles/k400_{i // 2}.pkl'
        files.setdefault(file, {})[name] = dict(keypoint=keypoint)
        annotations.append(
            dict(
                frame_dir=name,
                label=i,
                img_shape=(240, 320),
                original_shape=(240, 320),
                total_frames=len(body),
                raw_file=file,
                frame_inds=frames,
                box_score=boxes,
                valid={0.5: len(body), 0.6: 10, 0.7: 9, 0.8: 5, 0.9: 2},
            )
        )
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(content))
    names = [one['frame_dir'] for one in annotations]
    return dict(
        split=dict(train=names[:2], val=names[2:]), annotations=annotations
    )


def write(contents, path):
    """Write a file as mmcv.dump does."""
    path.write_bytes(pickle.dumps(contents))
    return path
