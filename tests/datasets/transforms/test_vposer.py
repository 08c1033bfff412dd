import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from payload import Payload
from scipy.spatial.transform import Rotation

from masa.datasets.transforms.body_model import BODY_JOINTS
from masa.datasets.transforms.vposer import (
    VPoser,
    VPoserPrior,
    load_vposer,
)

# SMPL's first 22 joints: pelvis, hips, spine, knees, ... wrists.
PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14]
PARENTS += [16, 17, 18, 19]
SHAPES = 10


@pytest.fixture
def files(tmp_path):
    """Weights as PyTorch Lightning nests them, and a small body model."""
    torch.manual_seed(0)
    state = VPoser(latent=8, hidden=16).state_dict()
    checkpoint = tmp_path / 'vposer.ckpt'
    nested = {f'vp_model.{key}': value for key, value in state.items()}
    nested['bm_train.betas'] = torch.zeros(1)
    torch.save({'state_dict': nested, 'epoch': 13}, checkpoint)
    rng = np.random.default_rng(0)
    regressor = rng.random((25, 40))
    body = tmp_path / 'SMPLX_TINY.npz'
    np.savez(
        body,
        v_template=rng.normal(size=(40, 3)),
        shapedirs=rng.normal(size=(40, 3, SHAPES)) * 0.1,
        J_regressor=regressor / regressor.sum(1, keepdims=True),
        kintree_table=np.array(
            [[2**32 - 1, *PARENTS[1:], 20, 21, 20], range(25)], dtype=np.uint32
        ),
        joint2num=np.array({'not': 'read'}, dtype=object),
    )
    return dict(checkpoint=str(checkpoint), body_model=str(body))


def joints_of(turns, rest):
    """Place joints one frame and one joint at a time."""
    placed = np.zeros((len(turns), BODY_JOINTS, 3))
    for frame, turn in enumerate(turns):
        whole = {0: np.eye(3)}
        for joint in range(1, BODY_JOINTS):
            parent = PARENTS[joint]
            placed[frame, joint] = placed[frame, parent] + whole[parent] @ (
                rest[joint] - rest[parent]
            )
            whole[joint] = whole[parent] @ turn[joint - 1]
    return placed


def rest_joints(files, betas):
    body = np.load(files['body_model'], allow_pickle=True)
    vertices = body['v_template'] + body['shapedirs'] @ betas
    return (body['J_regressor'] @ vertices)[:BODY_JOINTS]


def record(files, frames=6, seed=1):
    """A body, turned, scaled and moved anew in every frame."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(frames, 63)) * 0.5
    betas = rng.normal(size=SHAPES)
    turns = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()
    rest = rest_joints(files, betas)
    placed = joints_of(turns.reshape(frames, 21, 3, 3), rest)
    turn = Rotation.random(frames, rng).as_matrix()
    size = rng.uniform(0.5, 2, (frames, 1, 1))
    where = rng.normal(size=(frames, 1, 3))
    results = dict(
        keypoint=(size * (placed @ turn) + where)[None],
        smpl_body_pose=pose,
        smpl_betas=betas,
        frame_dir='swing_7',
    )
    return results, rest, (turn, size, where)


def test_joints_go_where_the_moved_body_has_them(files):
    prior = VPoserPrior(**files)
    results, rest, (turn, size, where) = record(files)
    noise = np.random.default_rng(2).normal(size=(1, 6, 8))
    with torch.no_grad():
        pose = torch.from_numpy(results['smpl_body_pose']).float()
        latent = prior.vposer.encode(pose)
        latent = latent + torch.from_numpy(noise[0]).float()
        turns = prior.vposer.decode(latent).double().numpy()
    expected = size * (joints_of(turns, rest) @ turn) + where
    # The pelvis stays, whatever the pose.
    moved = prior.perturb(results, noise)
    np.testing.assert_allclose(moved[0], expected, atol=1e-9)
    np.testing.assert_allclose(moved[0, :, 0], results['keypoint'][0, :, 0])
    assert not np.allclose(moved, results['keypoint'], atol=1e-2)


def test_chosen_joints_move_with_those_that_carry_them(files):
    results, _, _ = record(files)
    noise = np.random.default_rng(2).normal(size=(1, 6, 8))
    all_joints = VPoserPrior(**files).perturb(results, noise)
    chosen = [15, 20, 21, 7, 8, 0, 4]
    some = dict(results, keypoint=results['keypoint'][:, :, chosen])
    moved = VPoserPrior(**files, joints=chosen).perturb(some, noise)
    np.testing.assert_allclose(moved, all_joints[:, :, chosen], atol=1e-9)


def test_encoder_and_decoder_equal_their_equations(files):
    vposer = load_vposer(files['checkpoint'])
    state = {k: v.double().numpy() for k, v in vposer.state_dict().items()}
    rng = np.random.default_rng(3)
    pose = rng.normal(size=(4, 63)).astype(np.float32)

    def linear(x, name):
        return x @ state[f'{name}.weight'].T + state[f'{name}.bias']

    def norm(x, name):
        x = x - state[f'{name}.running_mean']
        x = x / np.sqrt(state[f'{name}.running_var'] + 1e-5)
        return x * state[f'{name}.weight'] + state[f'{name}.bias']

    def leaky(x):
        return np.where(x > 0, x, 0.01 * x)

    x = leaky(linear(norm(pose, 'encoder_net.1'), 'encoder_net.2'))
    x = linear(norm(x, 'encoder_net.4'), 'encoder_net.6')
    latent = linear(linear(x, 'encoder_net.7'), 'encoder_net.8.mu')
    with torch.no_grad():
        encoded = vposer.encode(torch.from_numpy(pose))
        turns = vposer.decode(encoded).numpy()
    np.testing.assert_allclose(encoded, latent, atol=1e-5)
    x = leaky(linear(latent, 'decoder_net.0'))
    x = linear(leaky(linear(x, 'decoder_net.3')), 'decoder_net.5')
    for frame in range(4):
        for joint, (a, b) in enumerate(
            x[frame].reshape(21, 3, 2).transpose(0, 2, 1)
        ):
            a = a / np.linalg.norm(a)
            b = b - (a @ b) * a
            b = b / np.linalg.norm(b)
            expected = np.stack([a, b, np.cross(a, b)], axis=1)
            np.testing.assert_allclose(
                turns[frame, joint], expected, atol=1e-4
            )


def test_it_works_in_the_pipeline(files):
    results, _, _ = record(files, frames=30)
    results['rng'] = np.random.default_rng(0)
    dual = TRANSFORMS.build(
        dict(
            type='DualAugmentation',
            spatial=[
                dict(
                    type='PosePriorNoise',
                    prob=1.0,
                    prior=dict(type='VPoserPrior', **files),
                )
            ],
        )
    )
    before = results['keypoint']
    for view in dual(results)['views']:
        frames = view['frame_index']
        assert view['keypoint'].shape == (1, len(frames), 22, 3)
        assert not np.allclose(view['keypoint'], before[:, frames])


@pytest.mark.parametrize('key', ['smpl_body_pose', 'smpl_betas'])
def test_missing_entries_are_told(files, key):
    results, _, _ = record(files)
    del results[key]
    with pytest.raises(KeyError, match=f"'{key}'.*swing_7"):
        VPoserPrior(**files).perturb(results, np.zeros((1, 6, 8)))


@pytest.mark.parametrize(
    'change',
    [
        dict(keypoint=np.zeros((2, 6, 22, 3))),
        dict(keypoint=np.zeros((1, 6, 22, 2))),
        dict(keypoint=np.zeros((1, 6, 25, 3))),
        dict(smpl_body_pose=np.zeros((6, 72))),
        dict(smpl_betas=np.zeros(11)),
    ],
)
def test_wrong_shapes_are_told(files, change):
    results, _, _ = record(files)
    with pytest.raises(ValueError, match=r'VPoserPrior.*swing_7'):
        VPoserPrior(**files).perturb(results | change, np.zeros((1, 6, 8)))


def test_missing_files_say_where_to_get_them(files):
    for name in files:
        with pytest.raises(FileNotFoundError, match=r'smpl-x\.is\.tue'):
            VPoserPrior(**(files | {name: 'nowhere.npz'}))


def test_other_weights_are_refused(files, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'weight': torch.zeros(2)}}, path)
    with pytest.raises(ValueError, match=path.name):
        load_vposer(str(path))


def test_weights_that_carry_code_are_refused(files, tmp_path):
    path, mark = tmp_path / 'code.ckpt', tmp_path / 'mark'
    torch.save({'state_dict': {}, 'hparams': Payload(mark)}, path)
    with pytest.raises(ValueError, match=path.name):
        load_vposer(str(path))
    assert not mark.exists()


def test_another_body_model_is_refused(files, tmp_path):
    path = tmp_path / 'body.npz'
    np.savez(path, v_template=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=path.name):
        VPoserPrior(files['checkpoint'], str(path))


def test_joints_out_of_range(files):
    with pytest.raises(ValueError, match=r'joints.*\[0, 22\).*22'):
        VPoserPrior(**files, joints=[0, 22])
