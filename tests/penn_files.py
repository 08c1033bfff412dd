"""Label files in the layout of the official ones, made up."""

import numpy as np
from scipy.io import savemat


def write_label_file(
    folder, name, action, frames=12, train=1, visible=None, changes=None
):
    rng = np.random.default_rng(int(name))
    body = np.array(
        [
            [0, -130],
            *([x, y] for y in (-90, -60, -30, 0, 70, 130) for x in (-20, 20)),
        ]
    )
    points = 200 + body + rng.normal(scale=2, size=(frames, 13, 2))
    if visible is None:
        visible = np.ones((frames, 13), dtype=bool)
    points[~visible] = 0.73
    label = dict(
        action=np.array([action]),
        pose=np.array(['front']),
        x=points[..., 0],
        y=points[..., 1],
        visibility=visible.astype(np.uint8),
        train=np.array([[train]], dtype=np.int32),
        bbox=np.tile([150.0, 60.0, 250.0, 340.0], (frames, 1)),
        dimensions=np.array([[360, 480, frames]], dtype=np.uint16),
        nframes=np.array([[frames]], dtype=np.uint8),
    )
    label.update(changes or {})
    label = {key: value for key, value in label.items() if value is not None}
    path = folder / f'{name}.mat'
    savemat(path, label)
    return path, points
