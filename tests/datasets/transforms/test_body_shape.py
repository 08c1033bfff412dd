import pickle

import numpy as np
import pytest

from masa.datasets.transforms import BoneLengthNoise, ShearSkeleton

TRANSFORMS = [ShearSkeleton, BoneLengthNoise]
# Those of the conftest's skeleton, from the trunk (0 and 1) outwards.
PARENTS = {2: 0, 3: 2, 4: 0, 5: 4, 6: 1, 7: 6, 8: 1, 9: 0, 10: 8}
PAIRS = {2: 4, 3: 5, 6: 8, 7: 10}


@pytest.mark.parametrize('kind', TRANSFORMS)
class TestBoth:
    def test_probability(self, kind, make_sample):
        before = make_sample()['keypoint']
        moved = 0
        for key in range(200):
            after = kind(prob=0.3, std=0.2)(make_sample(key=key))['keypoint']
            moved += not np.array_equal(after, before)
        assert 40 < moved < 80
        for options in (dict(prob=0), dict(prob=1, std=0)):
            after = kind(**options)(make_sample())['keypoint']
            np.testing.assert_allclose(after, before, atol=1e-6)

    def test_same_generator_same_body(self, kind, make_sample):
        first, again, other = (
            kind(prob=1)(make_sample(key=key))['keypoint'] for key in (3, 3, 4)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_leaves_the_data_set_alone(self, kind, make_sample):
        sample = make_sample()
        shared = sample['keypoint']
        before = shared.copy()
        kind(prob=1)(sample)
        assert np.array_equal(shared, before)

    @pytest.mark.parametrize('axes', [2, 3])
    @pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
    def test_one_frame_and_any_precision(self, kind, make_sample, axes, dtype):
        sample = make_sample(1, persons=2, axes=axes)
        sample['keypoint'] = sample['keypoint'].astype(dtype)
        after = kind(prob=1)(sample)['keypoint']
        assert after.shape == (2, 1, 11, axes)
        assert after.dtype == np.result_type(dtype, np.float32)

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            (dict(prob=1.5), r'prob.*\[0, 1\].*1\.5'),
            (dict(std=-0.1), r'std.*\[0, inf\].*-0\.1'),
            (dict(std=np.nan), 'std is expected'),
        ],
    )
    def test_arguments_are_checked(self, kind, options, message):
        with pytest.raises(ValueError, match=message):
            kind(**options)

    def test_names_what_is_missing(self, kind, make_sample):
        for key in ('keypoint', 'rng'):
            with pytest.raises(KeyError, match=f"requires '{key}'.*'clip 1'"):
                kind()(make_sample(**{key: None}))

    def test_pickles_and_prints(self, kind):
        again = pickle.loads(pickle.dumps(kind(0.5, 0.2)))
        assert repr(again) == f'{kind.__name__}(prob=0.5, std=0.2)'


class TestShearSkeleton:
    @pytest.mark.parametrize('axes', [2, 3])
    def test_is_one_matrix_for_all_joints(self, make_sample, axes):
        sample = make_sample(persons=2, axes=axes)
        before = sample['keypoint'].reshape(-1, axes).astype(float)
        after = ShearSkeleton(1, 0.5)(sample)['keypoint'].reshape(-1, axes)
        matrix, *_ = np.linalg.lstsq(before, after.astype(float), rcond=None)
        np.testing.assert_allclose(before @ matrix, after, atol=1e-5)
        assert np.abs(matrix - np.eye(axes)).min() > 1e-3

    def test_entries_have_the_std(self, make_sample):
        unit = np.zeros((1, 1, 11, 3), np.float32)
        unit[0, 0, :3] = np.eye(3)
        found = np.stack(
            [
                ShearSkeleton(1, 0.2)(make_sample(1, key=key, keypoint=unit))[
                    'keypoint'
                ][0, 0, :3]
                for key in range(3000)
            ]
        )
        np.testing.assert_allclose(found.mean(0), np.eye(3), atol=0.02)
        np.testing.assert_allclose(found.std(0), 0.2, rtol=0.06)

    def test_a_missing_joint_stays_at_zero(self, make_sample):
        sample = make_sample()
        sample['keypoint'][0, 3, 4] = 0
        after = ShearSkeleton(1)(sample)['keypoint']
        assert not after[0, 3, 4].any()


class TestBoneLengthNoise:
    @pytest.mark.parametrize('axes', [2, 3])
    @pytest.mark.parametrize('frames', [1, 12])
    def test_lengths_change_and_directions_do_not(
        self, make_sample, axes, frames
    ):
        sample = make_sample(frames, persons=2, axes=axes)
        before = sample['keypoint'].astype(float)
        after = BoneLengthNoise(1, 0.3)(sample)['keypoint'].astype(float)
        assert np.array_equal(after[:, :, :2], before[:, :, :2])
        factors = np.empty((2, 11))
        for person in range(2):
            for joint, parent in PARENTS.items():
                ratios = []
                for frame in range(frames):
                    old, new = (
                        x[person, frame, joint] - x[person, frame, parent]
                        for x in (before, after)
                    )
                    ratios.append(np.linalg.norm(new) / np.linalg.norm(old))
                    np.testing.assert_allclose(
                        new, ratios[-1] * old, atol=1e-5
                    )
                np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)
                factors[person, joint] = ratios[0]
            for left, right in PAIRS.items():
                assert factors[person, left] == pytest.approx(
                    factors[person, right], rel=1e-4
                )
        # Independent from bone to bone and from person to person.
        drawn = factors[:, [2, 3, 6, 7, 9]].ravel().round(4)
        assert len(set(drawn)) == 10

    def test_factors_are_log_normal(self, make_sample):
        sample = make_sample(1, persons=4000)
        before = sample['keypoint']
        after = BoneLengthNoise(1, 0.3)(sample)['keypoint']
        length, old = (
            np.linalg.norm(x[:, 0, 2] - x[:, 0, 0], axis=-1)
            for x in (after, before)
        )
        logarithm = np.log(length / old)
        assert abs(logarithm.mean()) < 0.02
        assert logarithm.std() == pytest.approx(0.3, rel=0.05)

    def test_without_pairs_all_bones_are_free(self, make_sample, skeleton):
        del skeleton['flip_pairs']
        sample = make_sample(1, skeleton=skeleton)
        before = sample['keypoint']
        after = BoneLengthNoise(1, 0.3)(sample)['keypoint']
        left, right = (
            np.linalg.norm(after[0, 0, j] - after[0, 0, 0])
            / np.linalg.norm(before[0, 0, j] - before[0, 0, 0])
            for j in (2, 4)
        )
        assert abs(left - right) > 0.01

    @pytest.mark.parametrize(
        ('field', 'value', 'message'),
        [
            ('bones', None, r"requires \['bones'\]"),
            ('bones', [[0, 2]], 'connect every joint'),
            ('flip_pairs', [[2, 11]], "'flip_pairs' .* joints of"),
            ('flip_pairs', [[2, 3, 4]], 'pairs'),
        ],
    )
    def test_names_what_is_wrong(
        self, make_sample, skeleton, field, value, message
    ):
        skeleton[field] = value
        with pytest.raises((KeyError, ValueError), match=message):
            BoneLengthNoise(1)(make_sample(skeleton=skeleton))
