import pickle
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from .body_model import (
    BODY_JOINTS,
    WHERE,
    BodyJoints,
    carry_over,
    place_joints,
    require_file,
)
from .checks import name_of, require


class VPoser(nn.Module):
    """Encode and decode body poses by VPoser 2 (Pavlakos et al., 2019).

    The layers have the places that the published weights ask for. It never
    trains here: batch normalization and dropout are those of inference.

    Args:
        latent (int): Width of the latent space. Defaults to 32.
        hidden (int): Width of the layers between. Defaults to 512.
    """

    def __init__(self, latent: int = 32, hidden: int = 512):
        super().__init__()
        width = 3 * (BODY_JOINTS - 1)
        self.encoder_net = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(width),
            nn.Linear(width, hidden),
            nn.LeakyReLU(),
            nn.BatchNorm1d(hidden),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.Linear(hidden, hidden),
            nn.ModuleDict(
                dict(
                    mu=nn.Linear(hidden, latent),
                    logvar=nn.Linear(hidden, latent),
                )
            ),
        )
        self.decoder_net = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.LeakyReLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, 6 * (BODY_JOINTS - 1)),
        )
        self.eval()

    def encode(self, pose: Tensor) -> Tensor:
        """Return the mean of the latent distribution, ``(T, L)``.

        Args:
            pose (Tensor): Turns of the body's joints as axis times angle in
                radians, ``(T, 63)``.
        """
        hidden = pose
        for layer in self.encoder_net[:-1]:
            hidden = layer(hidden)
        return self.encoder_net[-1]['mu'](hidden)

    def decode(self, latent: Tensor) -> Tensor:
        """Turn latent vectors into rotation matrices, ``(T, 21, 3, 3)``.

        Six numbers a joint are two vectors, made orthogonal (Zhou et al.,
        2019).
        """
        vectors = self.decoder_net(latent).unflatten(-1, (-1, 3, 2))
        first = F.normalize(vectors[..., 0], dim=-1)
        second = vectors[..., 1]
        second = second - (first * second).sum(-1, keepdim=True) * first
        second = F.normalize(second, dim=-1)
        third = torch.linalg.cross(first, second)
        return torch.stack((first, second, third), dim=-1)


class VPoserPrior:
    """Use VPoser as the prior of :class:`PosePriorNoise`, as the paper does.

    A body pose is encoded, moved in the latent space and decoded; the joints
    go where the body model's joints go. The annotation carries the pose and
    the shape of SMPL-X, and no global orientation or place: every frame's
    joints are laid over the body model's by the best similarity, so that any
    normalization may come before.

    Required Keys of a record, for one person and 3D joints:

        - smpl_body_pose ``(T, 63)``, axis times angle in radians
        - smpl_betas ``(S,)``

    Args:
        checkpoint (str): VPoser's weights, such as
            ``V02_05/snapshots/V02_05_epoch=13_val_loss=0.03.ckpt``.
        body_model (str): The body model's ``.npz``, such as
            ``SMPLX_NEUTRAL.npz``.
        joints (Sequence[int], optional): For every joint of the skeleton,
            the joint of the body model, 0 to 21, that carries it. Defaults to
            the body model's own order: joint ``i`` is its joint ``i``.

    Raises:
        FileNotFoundError: If a file is missing; the message says where to get
            it.
        ValueError: If a file does not hold what is expected, or ``joints``
            are outside their range.
    """

    def __init__(
        self,
        checkpoint: str,
        body_model: str,
        joints: Sequence[int] | None = None,
    ):
        if joints is not None and not all(
            0 <= joint < BODY_JOINTS for joint in joints
        ):
            raise ValueError(
                f'joints are expected to be in [0, {BODY_JOINTS}), but got '
                f'{list(joints)}'
            )
        self.joints = None if joints is None else list(joints)
        self.vposer = load_vposer(checkpoint)
        self.num_latent = self.vposer.decoder_net[0].in_features
        self.body = BodyJoints(body_model)

    def perturb(self, results: dict, noise: np.ndarray) -> np.ndarray:
        """Move the body in VPoser's latent space by noise, (1, T, L).

        The result are the joints of the moved poses, (1, T, V, 3). A KeyError
        says that the record carries no pose or shape; a ValueError that there
        are several persons, the joints are 2D or more than ``joints`` tells
        of, or shapes disagree.
        """
        keypoint = results['keypoint']
        pose = np.asarray(require(results, 'smpl_body_pose', self))
        betas = np.asarray(require(results, 'smpl_betas', self)).ravel()
        persons, frames, joints, axes = keypoint.shape
        chosen = self.joints
        if chosen is None:
            chosen = list(range(BODY_JOINTS))[:joints]
        if (
            (persons, axes) != (1, 3)
            or pose.shape != (frames, 3 * (BODY_JOINTS - 1))
            or len(chosen) != joints
            or len(betas) > self.body.num_betas
        ):
            raise ValueError(
                'VPoserPrior expects one person in 3D, a body pose of shape '
                f'({frames}, 63), {self.body.num_betas} betas at '
                f'most, and {len(chosen)} joints, {BODY_JOINTS} at most '
                'without the argument joints, but sequence '
                f'{name_of(results)} has keypoint {keypoint.shape}, '
                f'smpl_body_pose {pose.shape} and smpl_betas {betas.shape}'
            )
        rest = self.body.at_rest(betas)
        with torch.no_grad():
            latent = self.vposer.encode(torch.from_numpy(pose).float())
            latent = latent + torch.from_numpy(noise[0]).float()
            moved = self.vposer.decode(latent).double().numpy()
        turns = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()
        before = place_joints(
            turns.reshape(frames, -1, 3, 3), rest, self.body.parents
        )
        after = place_joints(moved, rest, self.body.parents)
        shift = (after - before)[:, chosen]
        return keypoint + carry_over(before[:, chosen], keypoint[0], shift)


def load_vposer(path: str) -> VPoser:
    """Load VPoser's weights from a checkpoint or state dict, for inference.

    A FileNotFoundError says that there is no such file, a ValueError that it
    holds no weights of VPoser, or more than weights.
    """
    require_file(path)
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f'{path} does not load as plain weights: {error}\nIf you trust '
            'it, write them to another file: torch.save(torch.load(path, '
            "weights_only=False)['state_dict'], other)"
        ) from error
    state = state.get('state_dict', state)
    state = {
        key.removeprefix('vp_model.'): value
        for key, value in state.items()
        if key.removeprefix('vp_model.').startswith(
            ('encoder_net', 'decoder_net')
        )
    }
    try:
        hidden, latent = state['decoder_net.0.weight'].shape
        model = VPoser(latent, hidden)
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f'{path} does not hold the weights of VPoser 2: {error}\n{WHERE}'
        ) from error
    return model
