from pathlib import Path

import numpy as np

from ..kinematics import forward_kinematics

WHERE = (
    'VPoser V02_05 and the SMPL-X body model are free for research after '
    'registration at https://smpl-x.is.tue.mpg.de (Downloads)'
)
# Joints of SMPL and SMPL-X that the body pose turns, and the pelvis.
BODY_JOINTS = 22
FIELDS = ('v_template', 'shapedirs', 'J_regressor', 'kintree_table')


class BodyJoints:
    """The first 22 joints of a body model, at rest.

    They are linear in the shape, so that no mesh is kept.

    Args:
        path (str): ``.npz`` of SMPL-X, or of SMPL in the same layout.

    Attributes:
        num_betas (int): Numbers S that a shape may have.
        parents (np.ndarray): Parent of every joint, ``(22,)``; the pelvis
            comes first and has none.

    Raises:
        FileNotFoundError: If there is no such file; the message says where to
            get it.
        ValueError: If a field is missing or has another shape.
    """

    def __init__(self, path: str):
        require_file(path)
        try:
            with np.load(path, allow_pickle=False) as fields:
                template, shapes, regressor, tree = (
                    fields[name] for name in FIELDS
                )
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f'{path} is expected to be a body model with plain arrays '
                f'{FIELDS}: {error}\n{WHERE}'
            ) from error
        vertices = len(template)
        if (
            template.shape != (vertices, 3)
            or shapes.ndim != 3
            or shapes.shape[:2] != (vertices, 3)
            or len(regressor) < BODY_JOINTS
            or regressor.shape[1:] != (vertices,)
            or tree.shape != (2, len(regressor))
        ):
            found = [a.shape for a in (template, shapes, regressor, tree)]
            raise ValueError(
                f'{path} is expected to have {FIELDS} of shapes (N, 3), '
                f'(N, 3, S), (J, N) and (2, J), J at least {BODY_JOINTS}, '
                f'but has {found}'
            )
        regressor = regressor[:BODY_JOINTS]
        self.num_betas = shapes.shape[2]
        self.parents = tree[0, :BODY_JOINTS].astype(np.int64)
        self._mean = regressor @ template
        self._by_shape = np.einsum('jv,vcs->jcs', regressor, shapes)

    def at_rest(self, betas: np.ndarray) -> np.ndarray:
        """Place the joints of a shape, (S,) or less, in the rest pose.

        The result is in meters, (22, 3).
        """
        return self._mean + self._by_shape[..., : len(betas)] @ betas


def place_joints(
    turns: np.ndarray, rest: np.ndarray, parents: np.ndarray
) -> np.ndarray:
    """Place the joints of a body whose pelvis stays at the origin, (T, J, 3).

    ``turns`` are the rotation matrices of all joints but the pelvis, each
    against its parent, (T, J - 1, 3, 3); ``rest`` are the joints at rest, (J,
    3). A parent comes before its joints.
    """
    pelvis = np.broadcast_to(np.eye(3), (len(turns), 1, 3, 3))
    parents = [-1, *parents[1:]]
    bones = rest - rest[parents]
    bones[0] = 0
    return forward_kinematics(
        np.concatenate([pelvis, turns], axis=1), bones, parents
    )


def carry_over(
    source: np.ndarray, target: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Turn and scale shifts as every frame's source lies over its target.

    The similarity is the one of least squares (Umeyama, 1991). All arrays are
    (T, V, 3); ``shift`` is in the axes and units of the source, the result in
    those of the target.
    """
    source = source - source.mean(axis=1, keepdims=True)
    target = target - target.mean(axis=1, keepdims=True)
    left, sizes, right = np.linalg.svd(
        np.einsum('tvi,tvj->tij', source, target)
    )
    mirror = np.ones_like(sizes)
    mirror[:, 2] = np.sign(np.linalg.det(left @ right))
    turn = np.einsum('tik,tk,tkj->tij', left, mirror, right)
    size = np.square(source).sum(axis=(1, 2))
    # A single joint has neither a size nor a direction.
    scale = (sizes * mirror).sum(axis=1) / np.maximum(size, 1e-12)
    return scale[:, None, None] * (shift @ turn)


def require_file(path: str) -> None:
    """Raise a FileNotFoundError that says where to get a licensed file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no file {path}. {WHERE}')
