"""Inputs of several kinds at once."""

import warnings

import numpy as np
import pytest
from motion_writers import write_trc
from squats import squat

import masa
from masa.datasets.skeletons import PENN_ACTION


def test_a_layout_is_for_files_that_do_not_say_theirs(tmp_path):
    """A file that names its joints, and which way is up, keeps both."""
    joints = squat(40)
    np.save(tmp_path / 'array.npy', joints[..., [0, 2, 1]] * [1, -1, 1])
    write_trc(tmp_path / 'markers.trc', PENN_ACTION['joints'], joints)
    model = masa.load(layout=PENN_ACTION | dict(up_axis='z'), frame_rate=30)
    array, markers = model.embed(
        [tmp_path / 'array.npy', tmp_path / 'markers.trc']
    )
    assert markers.skeleton['up_axis'] == 'y'
    assert model.align(array, markers).cost < 0.05


def test_a_folder_of_poses_and_arrays(tmp_path):
    joints = squat(40)
    np.save(tmp_path / 'array.npy', joints)
    write_trc(tmp_path / 'markers.trc', PENN_ACTION['joints'], joints)
    model = masa.load(layout=PENN_ACTION, up_axis='y', frame_rate=30)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        names = {one.name for one in model.embed(tmp_path)}
    assert names == {'array', 'markers'}


def test_a_folder_of_videos_tells_what_else_is_in_it(tmp_path):
    (tmp_path / 'a.mp4').touch()
    np.save(tmp_path / 'array.npy', squat(40))
    model = masa.load(layout=PENN_ACTION, frame_rate=30)
    with pytest.warns(UserWarning, match=r'array\.npy'):
        model.embed_usable([tmp_path])


def test_much_of_a_body_is_not_seen(tmp_path):
    joints = squat(40)
    joints[:20] = np.nan
    model = masa.load(layout=PENN_ACTION, up_axis='y', frame_rate=30)
    with pytest.warns(UserWarning, match='50%'):
        model.embed(joints)
    with pytest.warns(UserWarning, match='and 2 more') as warned:
        model.embed([joints] * 5)
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        model.embed(squat(40))
