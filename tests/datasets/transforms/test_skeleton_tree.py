import numpy as np
import pytest

from masa.datasets.transforms.skeleton_tree import skeleton_tree


def test_parents_lead_to_the_trunk(skeleton):
    tree = skeleton_tree(skeleton, 11)

    # 0 and 1 are the torso's ends; the bone [7, 6] is listed child first.
    expected = [-1, -1, 0, 2, 0, 4, 1, 6, 1, 0, 8]
    assert tree.parents.tolist() == expected
    placed = {0, 1}
    for level in tree.levels:
        assert placed.issuperset(tree.parents[level].tolist())
        placed.update(level.tolist())
    assert placed == set(range(11))


def test_bones_of_a_cycle_do_not_turn(skeleton):
    tree = skeleton_tree(skeleton, 11)

    assert np.flatnonzero(~tree.turns).tolist() == [0, 1, 9]


def test_a_cycle_away_from_the_trunk_turns_as_one():
    # 0 - 1 - 2, and the triangle 2 3 4, and a bone 4 - 5.
    bones = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 2], [4, 5]]

    tree = skeleton_tree(dict(bones=bones, root=0), 6)

    assert tree.turns.tolist() == [False, True, True, False, False, True]


def test_several_roots():
    bones = [[0, 1], [2, 3]]

    tree = skeleton_tree(dict(bones=bones, root=[0, 2]), 4)

    assert tree.parents.tolist() == [-1, 0, -1, 2]
    assert len(tree.levels) == 1


def test_arrays_are_as_good_as_lists(skeleton):
    expected = skeleton_tree(skeleton, 11)
    skeleton['bones'] = np.array(skeleton['bones'])
    skeleton['torso'] = np.array(skeleton['torso'])

    assert np.array_equal(skeleton_tree(skeleton, 11).parents, expected[0])


def test_joints_out_of_reach_are_named(skeleton):
    skeleton['bones'].remove([4, 5])

    with pytest.raises(ValueError, match=r"\['r_hand'\]"):
        skeleton_tree(skeleton, 11)


def test_no_trunk_at_all(skeleton):
    del skeleton['root'], skeleton['torso']

    with pytest.raises(ValueError, match="'root' or 'torso'"):
        skeleton_tree(skeleton, 11)


@pytest.mark.parametrize('bone', [[0, 11], [-1, 2]])
def test_bones_of_unknown_joints(skeleton, bone):
    skeleton['bones'].append(bone)

    with pytest.raises(ValueError, match=r"'bones' is expected .*\[0, 11\)"):
        skeleton_tree(skeleton, 11)


@pytest.mark.parametrize('bone', [[3], [3, 3], [1, 2, 3]])
def test_bones_that_are_no_pairs(skeleton, bone):
    skeleton['bones'].append(bone)

    with pytest.raises(ValueError, match="'bones'"):
        skeleton_tree(skeleton, 11)
