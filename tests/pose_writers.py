"""Pose files as other programs write them, made on the spot."""

import json

import numpy as np


def make_person(joints, frames, seed=0, size=100.0, coordinates=2):
    """Joints (T, V, C) that move a little, and scores (T, V)."""
    rng = np.random.default_rng(seed)
    pose = rng.uniform(0, size, (joints, coordinates))
    drift = np.linspace(0, size / 10, frames)[:, None, None]
    return pose + drift + 500 * seed, rng.uniform(0.5, 1, (frames, joints))


def flat(keypoint, score):
    """One frame as x, y, score of every joint in turn."""
    return np.column_stack([keypoint, score]).ravel().tolist()


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_openpose(folder, prefix, people, numbers=None, empty=()):
    """A file a frame; nobody is in the frames ``empty``."""
    frames = len(people[0][0])
    for t, number in enumerate(numbers or range(frames)):
        found = [] if t in empty else people
        content = dict(
            version=1.3,
            people=[
                dict(
                    person_id=[-1],
                    pose_keypoints_2d=flat(keypoint[t], score[t]),
                    face_keypoints_2d=[],
                )
                for keypoint, score in found
            ],
        )
        name = f'{prefix}_{number:012d}_keypoints.json'
        write_json(folder / name, content)


def alphapose_entries(people, name='{}.jpg', empty=(), identities=None):
    """The list of all people in all frames but those ``empty``."""
    return [
        dict(
            image_id=name.format(t),
            category_id=1,
            keypoints=flat(keypoint[t], score[t]),
            score=2.5,
            box=[
                *keypoint[t].min(0).tolist(),
                *(keypoint[t].max(0) - keypoint[t].min(0)).tolist(),
            ],
            **(dict(idx=identities[t][i]) if identities else {}),
        )
        for t in range(len(people[0][0]))
        for i, (keypoint, score) in enumerate(people)
        if t not in empty
    ]


def mmpose_instances(people, t):
    """The people of one frame."""
    return [
        dict(
            keypoints=keypoint[t].tolist(),
            keypoint_scores=score[t].tolist(),
            # As the inferencers write it.
            bbox=[
                [
                    *keypoint[t, :, :2].min(0).tolist(),
                    *keypoint[t, :, :2].max(0).tolist(),
                ]
            ],
            bbox_score=0.9,
        )
        for keypoint, score in people
    ]


def mmpose_frames(people, empty=(), first=0):
    """The frames of a video."""
    return [
        dict(
            frame_id=first + t,
            instances=[] if t in empty else mmpose_instances(people, t),
        )
        for t in range(len(people[0][0]))
    ]
