from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .checks import joint_list


class SkeletonTree(NamedTuple):
    """How the joints of a skeleton hang on each other.

    Attributes:
        parents (np.ndarray): Parent of every joint, ``(V,)``, int64; -1 at
            the trunk's joints, which have none.
        turns (np.ndarray): ``(V,)``, bool: whether the bone from the parent
            may turn on its own without changing any bone's length.
        levels (tuple[np.ndarray, ...]): The joints with a parent, those
            nearest to the trunk first. No joint of a level has its parent in
            the same level.
    """

    parents: np.ndarray
    turns: np.ndarray
    levels: tuple[np.ndarray, ...]


def skeleton_tree(skeleton: dict, num_joints: int) -> SkeletonTree:
    """Derive the tree of limbs from a skeleton's undirected bones.

    The root and torso joints are the rigid trunk. The parent of every other
    joint is its predecessor in a breadth-first search from the trunk. Where
    bones close a cycle (two shoulders, two hips and the spine, or a drawn
    face), turning one of them alone would stretch another, so the bones of a
    cycle move as one rigid piece with the joint they hang on.

    Args:
        skeleton (dict): Has ``bones``, pairs of joints, and ``root`` and
            ``torso``, of which one at least.
        num_joints (int): How many joints there are.

    Returns:
        SkeletonTree: Parents and levels.

    Raises:
        ValueError: If a bone is no pair of two joints of the skeleton, or a
            joint cannot be reached from the trunk.
    """
    # Derived once for a dataset: a pipeline asks for every sample.
    return _derive(
        _frozen(skeleton['bones']),
        _frozen(skeleton.get('root')),
        _frozen(skeleton.get('torso')),
        _frozen(skeleton.get('joints')),
        num_joints,
    )


def _frozen(value: Any) -> Any:
    """Return nested lists and arrays as nested tuples, which can be keys."""
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(map(_frozen, value))
    return value


@lru_cache(maxsize=32)
def _derive(
    bones: tuple,
    root: int | tuple | None,
    torso: tuple | None,
    names: tuple | None,
    num_joints: int,
) -> SkeletonTree:
    bones = tuple(joint_list(bone, num_joints, 'bones') for bone in bones)
    neighbors: list[list[int]] = [[] for _ in range(num_joints)]
    for bone in bones:
        if len(bone) != 2 or bone[0] == bone[1]:
            raise ValueError(
                "the skeleton's 'bones' are expected to be pairs of two "
                f'joints, but got {bone}'
            )
        neighbors[bone[0]].append(bone[1])
        neighbors[bone[1]].append(bone[0])
    trunk = set()
    if root is not None:
        trunk.update(joint_list(root, num_joints, 'root'))
    for end in torso or ():
        trunk.update(joint_list(end, num_joints, 'torso'))
    trunk = sorted(trunk)

    parents = np.full(num_joints, -1)
    depths = np.full(num_joints, -1)
    depths[trunk] = 0
    queue = deque(trunk)
    order = []
    while queue:
        joint = queue.popleft()
        for other in neighbors[joint]:
            if depths[other] < 0:
                depths[other] = depths[joint] + 1
                parents[other] = joint
                order.append(other)
                queue.append(other)

    unreached = np.flatnonzero(depths < 0).tolist()
    if unreached:
        names = names or range(num_joints)
        raise ValueError(
            "the skeleton's 'bones' are expected to connect every joint with "
            "its 'root' or 'torso', but joints "
            f'{[names[joint] for joint in unreached]} are not connected to '
            f'{[names[joint] for joint in trunk]}'
        )
    turns = parents >= 0
    for joint in order:
        turns[joint] = _is_only_link(joint, parents, order, bones)
    levels = tuple(
        np.flatnonzero(depths == depth) for depth in range(1, depths.max() + 1)
    )
    for array in (parents, turns, *levels):
        array.flags.writeable = False
    return SkeletonTree(parents, turns, levels)


def _is_only_link(
    joint: int,
    parents: np.ndarray,
    order: Sequence[int],
    bones: Sequence[list[int]],
) -> bool:
    """Whether all that hangs on a joint is held by its bone to its parent."""
    below = {joint}
    for other in order:
        if parents[other] in below:
            below.add(other)
    own = {joint, int(parents[joint])}
    return all((a in below) == (b in below) or {a, b} == own for a, b in bones)
