"""A valid annotation file with joints and features, for tests to break."""

import numpy as np

LENGTHS = dict(a=1, b=2, c=5, d=8)
PIPELINE = [
    dict(type='LoadFrameFeatures'),
    dict(type='NormalizeSkeleton'),
    dict(
        type='DualAugmentation',
        trim=True,
        spatial=[
            dict(type='JointAngleNoise', prob=1),
            dict(type='FlipSkeleton', prob=1),
        ],
    ),
    dict(type='PackSequenceInputs', modalities=('keypoint', 'feature')),
]


def make_valid(**changes):
    """Two activities of two sequences each, the shortest of one frame."""
    rng = np.random.default_rng(0)
    records = [
        dict(
            frame_dir=name,
            total_frames=frames,
            label=number % 2,
            img_shape=[48, 64],
            keypoint=rng.normal(size=(1, frames, 4, 2)).astype(np.float32),
            keypoint_score=np.ones((1, frames, 4), dtype=np.float32),
            phase=np.arange(frames) * 2 // frames,
            canonical_time=np.linspace(0, 1, frames, dtype=np.float32),
            feature_path=f'{name}.npy',
            timestamps=np.arange(frames) / 30,
            frame_rate=30.0,
        )
        for number, (name, frames) in enumerate(LENGTHS.items())
    ]
    annotations = dict(
        split=dict(train=['a', 'b'], val=['c', 'd']),
        annotations=records,
        activities=['jump', 'run'],
        phases=dict(jump=['start', 'up'], run=['start', 'go']),
        skeleton=dict(
            joints=['hip', 'neck', 'left', 'right'],
            bones=[[0, 1], [1, 2], [1, 3]],
            flip_pairs=[[2, 3]],
            root=0,
            torso=[1, 0],
        ),
    )
    annotations.update(changes)
    return annotations


def write_features(folder):
    """Write the feature files of the valid annotations."""
    for name, frames in LENGTHS.items():
        np.save(folder / f'{name}.npy', np.ones((frames, 3), np.float16))
