import numpy as np
import pytest
from mmaction.registry import DATASETS, TRANSFORMS

from masa.datasets.transforms import LinearPosePrior, PosePriorNoise

JOINTS = 5


class Poses:
    """Sequences whose poses differ in three directions, and where they are."""

    def __init__(self, persons=1, dims=3, seed=0):
        rng = np.random.default_rng(seed)
        mix = rng.normal(size=(3, JOINTS * dims)) * [[3.0], [1.0], [0.3]]
        self.samples = []
        for frames in (30, 200, 1):
            poses = rng.normal(size=(persons, frames, 3)) @ mix
            poses = poses.reshape(persons, frames, JOINTS, dims)
            where = rng.normal(size=(persons, frames, 1, dims)) * 50
            self.samples.append(dict(keypoint=poses + where))

    def __iter__(self):
        return iter(self.samples)

    def centered(self):
        poses = [s['keypoint'] for s in self.samples]
        poses = np.concatenate(
            [p.reshape(-1, JOINTS, p.shape[3]) for p in poses]
        )
        poses = poses - poses.mean(axis=1, keepdims=True)
        return poses.reshape(len(poses), -1)


@pytest.fixture
def data_set(monkeypatch):
    built = {}
    monkeypatch.setattr(DATASETS, 'build', lambda config: built[config])

    def add(name, samples):
        built[name] = samples
        return name

    return add


@pytest.mark.parametrize('persons', [1, 2])
@pytest.mark.parametrize('dims', [2, 3])
def test_noise_has_the_covariance_of_the_poses(data_set, persons, dims):
    poses = Poses(persons, dims)
    prior = LinearPosePrior(data_set('poses', poses), variance=1.0)
    rng = np.random.default_rng(1)
    still = np.zeros((1, 200_000, JOINTS, dims))
    noise = rng.normal(size=(1, 200_000, prior.num_latent))
    moved = prior.perturb(dict(keypoint=still), noise)
    flat = moved.reshape(-1, JOINTS * dims)
    expected = np.cov(poses.centered().T, bias=True)
    np.testing.assert_allclose(
        flat.T @ flat / len(flat), expected, atol=0.02 * expected.max()
    )


def test_few_components_explain_the_share_asked_for(data_set):
    poses = Poses()
    name = data_set('poses', poses)
    total = np.trace(np.cov(poses.centered().T, bias=True))
    previous = 0
    for share in (0.5, 0.9, 0.99, 1.0):
        prior = LinearPosePrior(name, share)
        explained = (prior.components**2).sum() / total
        assert explained >= share - 1e-9
        assert prior.num_latent >= previous
        previous = prior.num_latent
    assert LinearPosePrior(name, 0.99).num_latent <= 3


def test_poses_without_any_joint_do_not_count(data_set):
    poses, more = Poses(), Poses()
    more.samples.append(dict(keypoint=np.zeros((1, 100, JOINTS, 3))))
    np.testing.assert_allclose(
        LinearPosePrior(data_set('a', poses)).components,
        LinearPosePrior(data_set('b', more)).components,
    )


def noise_transform(data_set, **kwargs):
    prior = dict(type='LinearPosePrior', dataset=data_set('poses', Poses()))
    return PosePriorNoise(prior, **kwargs)


def sample(frames=40, persons=2, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    keypoint = rng.normal(size=(persons, frames, JOINTS, 3)).astype(dtype)
    return dict(keypoint=keypoint, rng=np.random.default_rng(seed + 1))


def test_the_same_generator_gives_the_same_noise(data_set):
    transform = noise_transform(data_set, prob=1.0)
    first, second = (transform(sample())['keypoint'] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    other = sample()
    other['rng'] = np.random.default_rng(9)
    assert not np.array_equal(transform(other)['keypoint'], first)


def test_noise_is_smooth_and_of_the_size_asked_for(data_set):
    transform = noise_transform(data_set, prob=1.0, std=0.1)
    steps, sizes = [], []
    for seed in range(400):
        given = sample(seed=seed, dtype=np.float64)
        before = given['keypoint']
        shift = transform(given)['keypoint'] - before
        steps.append(np.square(np.diff(shift, axis=1)).sum(axis=(2, 3)).mean())
        sizes.append(np.square(shift).sum(axis=(2, 3)).mean())
    expected = 0.01 * (transform.prior.components**2).sum()
    assert np.mean(sizes) == pytest.approx(expected, rel=0.15)
    assert np.mean(steps) < 0.01 * np.mean(sizes)


def test_persons_move_on_their_own(data_set):
    given = sample()
    before = given['keypoint']
    transform = noise_transform(data_set, prob=1.0)
    shift = transform(given)['keypoint'] - before
    assert not np.allclose(shift[0], shift[1])


def test_probability(data_set):
    never = noise_transform(data_set, prob=0.0)
    given = sample()
    before = given['keypoint']
    assert never(given)['keypoint'] is before


def test_it_is_registered(data_set):
    prior = dict(type='LinearPosePrior', dataset=data_set('poses', Poses()))
    built = TRANSFORMS.build(dict(type='PosePriorNoise', prior=prior))
    assert repr(built) == 'PosePriorNoise(prob=0.3, std=0.1, smoothness=1.0)'


def test_other_joints_are_refused(data_set):
    transform = noise_transform(data_set, prob=1.0)
    given = sample()
    given['keypoint'] = given['keypoint'][:, :, :4]
    given['frame_dir'] = 'swing_7'
    with pytest.raises(ValueError, match=r"15 coord.*'swing_7'.*\(4, 3\)"):
        transform(given)


def test_poses_that_do_not_differ_are_refused(data_set):
    still = [dict(keypoint=np.ones((1, 5, JOINTS, 2)))]
    with pytest.raises(ValueError, match='5 poses'):
        LinearPosePrior(data_set('still', still))


@pytest.mark.parametrize('variance', [0, 1.1])
def test_variance_out_of_range(data_set, variance):
    with pytest.raises(ValueError, match=f'variance.*{variance}'):
        LinearPosePrior(data_set('poses', Poses()), variance)
