from collections.abc import Sequence
from typing import Any

import numpy as np


def require(results: dict, key: str, reader: object) -> Any:
    """Return one entry of a sample.

    A KeyError names the sequence and ``reader``, the transform that needs the
    entry.
    """
    if key not in results:
        raise KeyError(
            f'{type(reader).__name__} requires {key!r}, but sequence '
            f'{name_of(results)} has only {sorted(map(str, results))}'
        )
    return results[key]


def require_skeleton(
    results: dict, fields: Sequence[str], reader: object
) -> dict:
    """Return the skeleton's description, which must have some fields.

    A KeyError names the sequence, the missing fields and ``reader``, the
    transform that needs them.
    """
    skeleton = results.get('skeleton') or {}
    missing = [field for field in fields if skeleton.get(field) is None]
    if missing:
        raise KeyError(
            f'{type(reader).__name__} requires {missing} of the '
            "annotation file's top-level entry 'skeleton', but for sequence "
            f'{name_of(results)} it has only {sorted(skeleton)}'
        )
    return skeleton


def require_keypoint(results: dict, reader: object) -> np.ndarray:
    """Return the joints of a sample, ``(M, T, V, C)``, C being 2 or 3.

    Those of a stack of samples, which :func:`~masa.datasets.parts.stack_parts`
    makes, are ``(N, M, T, V, C)``. A KeyError says that there are none, a
    ValueError that their shape is another.
    """
    keypoint = np.asarray(require(results, 'keypoint', reader))
    axes = 5 if results.get('stacked') else 4
    if keypoint.ndim != axes or keypoint.shape[-1] not in (2, 3):
        raise ValueError(
            "'keypoint' is expected to have the shape (persons, frames, "
            'joints, 2 or 3), but that of sequence '
            f'{name_of(results)} has {keypoint.shape}'
        )
    return keypoint


def require_rng(results: dict, reader: object) -> np.random.Generator:
    """Return the generator that the dataset has keyed for the sample.

    A KeyError says that there is none, a TypeError that it is something else.
    """
    rng = require(results, 'rng', reader)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            "'rng' is expected to be a numpy.random.Generator, but that of "
            f'sequence {name_of(results)} is a {type(rng).__name__}'
        )
    return rng


def joint_list(
    joints: int | Sequence[int], num_joints: int, field: str
) -> list[int]:
    """Return joint indices, one or several, as a list.

    A ValueError names ``field``, where they come from, if there are none or
    one is outside ``[0, num_joints)``.
    """
    listed = [int(joint) for joint in np.atleast_1d(joints).ravel()]
    if not listed or not all(0 <= joint < num_joints for joint in listed):
        raise ValueError(
            f"the skeleton's {field!r} is expected to hold joints of "
            f'[0, {num_joints}), but got {joints}'
        )
    return listed


def mirror_order(flip_pairs: list, num_joints: int) -> np.ndarray:
    """Return which joint each joint takes its place from when mirrored.

    For every joint it is the other of its pair, or itself, (V,), int64. A
    ValueError says that an entry is no pair of joints, or a joint is in two.
    """
    order = np.arange(num_joints)
    listed = [joint_list(p, num_joints, 'flip_pairs') for p in flip_pairs]
    flat = [joint for pair in listed for joint in pair]
    if any(len(pair) != 2 for pair in listed) or len(set(flat)) < len(flat):
        raise ValueError(
            "the skeleton's 'flip_pairs' are expected to be pairs of joints, "
            f'no joint twice, but got {flip_pairs}'
        )
    for left, right in listed:
        order[[left, right]] = right, left
    return order


def name_of(results: dict) -> str:
    """Return a sample's ``frame_dir``, quoted for a message."""
    return repr(results.get('frame_dir', '(unnamed)'))
