"""Skeleton files in the layout of UTD-MHAD's, made up."""

import zlib

import numpy as np
from scipy.io import savemat


def write_skeleton_file(folder, name, shape=(20, 3, 9), **content):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    joints = rng.normal(size=shape)
    savemat(folder / f'{name}.mat', content or dict(d_skel=joints))
    return joints
