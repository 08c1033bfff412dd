import pickle

import numpy as np
import pytest

from masa.datasets.transforms import FlipSkeleton, NormalizeSkeleton


def random_turn(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.linalg.det(q)


class TestNormalizeSkeleton:
    @pytest.mark.parametrize('axes', [2, 3])
    @pytest.mark.parametrize('center', ['frame', 'sequence'])
    @pytest.mark.parametrize('scale', ['frame', 'sequence', None])
    def test_equals_a_loop(self, make_sample, axes, center, scale):
        sample = make_sample(13, axes=axes)
        sample['skeleton'].update(root=[1, 9], torso=[0, [6, 8]])
        source = sample['keypoint'][0].astype(np.float64)
        roots, lengths = [], []
        for frame in source:
            roots.append((frame[1] + frame[9]) / 2)
            lengths.append(
                np.linalg.norm(frame[0] - (frame[6] + frame[8]) / 2)
            )
        expected = []
        for t, frame in enumerate(source):
            root = roots[t] if center == 'frame' else np.mean(roots, 0)
            size = dict(frame=lengths[t], sequence=np.median(lengths))
            expected.append((frame - root) / size.get(scale, 1))

        after = NormalizeSkeleton(center, scale)(sample)['keypoint']

        assert after.dtype == np.float32
        np.testing.assert_allclose(after[0], expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize('rotation', [None, 'frame', 'sequence'])
    def test_place_and_size_do_not_matter(self, make_sample, rotation):
        transform = NormalizeSkeleton(rotation=rotation)
        first, second = make_sample(), make_sample()
        second['keypoint'] = second['keypoint'] * 7 + np.float32([3, -5, 90])

        np.testing.assert_allclose(
            transform(second)['keypoint'],
            transform(first)['keypoint'],
            atol=1e-4,
        )

    def test_rotation_of_each_frame_does_not_matter(self, make_sample):
        transform = NormalizeSkeleton(rotation='frame')
        rng = np.random.default_rng(0)
        first, second = make_sample(), make_sample()
        turns = np.stack([random_turn(rng) for _ in range(12)])
        second['keypoint'] = np.einsum(
            'tij,mtvj->mtvi', turns, second['keypoint']
        )

        a, b = transform(first)['keypoint'], transform(second)['keypoint']

        np.testing.assert_allclose(a, b, atol=1e-4)

    @pytest.mark.parametrize(('up_axis', 'up'), [('y', 1), ('z', 2)])
    def test_stands_upright_facing_one_way(self, make_sample, up_axis, up):
        transform = NormalizeSkeleton(rotation='frame', up_axis=up_axis)
        sample = make_sample()
        before = sample['keypoint'][0].astype(np.float64)

        after = transform(sample)['keypoint'][0].astype(np.float64)

        torso = after[:, 0] - after[:, 1]
        assert (torso[:, up] > 0).all()
        np.testing.assert_allclose(np.delete(torso, up, 1), 0, atol=1e-5)
        # Elbows and knees are the pairs linked to the torso's ends.
        side = (after[:, 2] - after[:, 4] + after[:, 6] - after[:, 8]) / 2
        assert (side[:, 0] > 0).all()
        np.testing.assert_allclose(side[:, 3 - up], 0, atol=1e-5)
        # No mirror image: triple products keep their sign.
        for t in range(12):
            assert (
                np.linalg.det(before[t, 2:5] - before[t, 1])
                * np.linalg.det(after[t, 2:5])
                > 0
            )

    def test_rotation_of_a_sequence_is_about_the_vertical(self, make_sample):
        transform = NormalizeSkeleton(
            rotation='sequence', scale=None, up_axis='y'
        )
        sample = make_sample()
        before = sample['keypoint'] - sample['keypoint'][:, :, [1]]

        after = transform(sample)['keypoint']

        np.testing.assert_allclose(after[..., 1], before[..., 1], atol=1e-5)
        side = (
            after[0, :, [2, 6]].mean(0) - after[0, :, [4, 8]].mean(0)
        ).mean(0)
        assert side[0] > 0
        assert side[2] == pytest.approx(0, abs=1e-5)
        turn = np.linalg.lstsq(
            before.reshape(-1, 3), after.reshape(-1, 3), rcond=None
        )[0]
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)

    def test_torso_joints_that_are_pairs_show_the_side(self, make_sample):
        sample = make_sample()
        sample['skeleton']['torso'] = [[2, 4], [6, 8]]

        after = NormalizeSkeleton(rotation='frame')(sample)['keypoint'][0]

        side = (after[:, 2] - after[:, 4] + after[:, 6] - after[:, 8]) / 2
        np.testing.assert_allclose(side[:, 1], 0, atol=1e-5)

    def test_degenerate_frames_take_the_last_good_rotation(self, make_sample):
        sample = make_sample(6)
        frames = sample['keypoint'][0]
        frames[3] = frames[2]
        frames[3, [2, 4, 6, 8]] = frames[3, 0]
        frames[0, 0] = frames[0, 1]
        source = frames - frames[:, [1]]

        after = NormalizeSkeleton(rotation='frame', scale=None)(sample)

        def turn(t):
            return np.linalg.lstsq(
                source[t], after['keypoint'][0, t], rcond=None
            )[0]

        np.testing.assert_allclose(turn(0), turn(1), atol=1e-4)
        np.testing.assert_allclose(turn(3), turn(2), atol=1e-4)

    def test_first_person_sets_the_scene(self, make_sample):
        sample = make_sample(5, persons=2)
        before = sample['keypoint'].copy()
        alone = make_sample(5, keypoint=before[:1])
        transform = NormalizeSkeleton(scale='frame', rotation='frame')

        after = transform(sample)['keypoint']

        np.testing.assert_array_equal(after[:1], transform(alone)['keypoint'])
        between = np.linalg.norm(before[0] - before[1], axis=-1)
        torso = np.linalg.norm(before[0, :, 0] - before[0, :, 1], axis=-1)
        np.testing.assert_allclose(
            np.linalg.norm(after[0] - after[1], axis=-1),
            between / torso[:, None],
            rtol=1e-4,
        )

    @pytest.mark.parametrize('score', [None, 0])
    def test_joints_not_found_stay_at_zero(self, make_sample, score):
        sample = make_sample(8, persons=2)
        sample['keypoint'] += 50
        sample['keypoint'][1, 5:] = 0
        sample['keypoint'][0, 2, 3] = 0
        if score is None:
            del sample['keypoint_score']
        else:
            sample['keypoint_score'][sample['keypoint'][..., 0] == 0] = 0

        after = NormalizeSkeleton()(sample)['keypoint']

        assert (after[1, 5:] == 0).all()
        assert (after[0, 2, 3] == 0).all()
        assert np.abs(after).max() < 20

    def test_a_root_that_is_missing_is_interpolated(self, make_sample):
        sample = make_sample(7, keypoint_score=None)
        source = sample['keypoint'][0]
        source[:, 1] = np.arange(7)[:, None] + np.float32([1, 2, 3])
        expected = source - source[:, [1]]
        source[[0, 3, 4], 1] = 0

        after = NormalizeSkeleton(scale=None)(sample)['keypoint'][0]

        others = np.delete(np.arange(11), 1)
        np.testing.assert_allclose(
            after[1:, others], expected[1:, others], atol=1e-5
        )
        # Nothing is known before the first: it stays where it was then.
        np.testing.assert_allclose(
            after[0, others], expected[0, others] - 1, atol=1e-5
        )

    def test_joints_that_are_centred_already(self, make_sample):
        sample = make_sample(keypoint_score=None)
        sample['keypoint'] -= sample['keypoint'][:, :, [1]]
        once = NormalizeSkeleton()(sample)['keypoint']

        again = NormalizeSkeleton()(dict(sample, keypoint=once))['keypoint']

        np.testing.assert_allclose(again, once, rtol=1e-5, atol=1e-6)
        lengths = np.linalg.norm(once[0, :, 0] - once[0, :, 1], axis=-1)
        assert np.median(lengths) == pytest.approx(1, rel=1e-5)

    def test_torsos_that_are_not_seen_do_not_count(self, make_sample):
        sample = make_sample(9)
        torso = sample['keypoint'][0, :, 0] - sample['keypoint'][0, :, 1]
        lengths = np.linalg.norm(torso, axis=-1)
        sample['keypoint_score'][:, :6, 0] = 0
        before = sample['keypoint']

        after = NormalizeSkeleton()(sample)['keypoint']

        np.testing.assert_allclose(
            after * np.median(lengths[6:]),
            before - before[:, :, [1]],
            atol=1e-5,
        )

    @pytest.mark.parametrize('scale', ['frame', 'sequence'])
    def test_some_torsos_without_length(self, make_sample, scale):
        sample = make_sample(9)
        sample['keypoint'][0, :4, 0] = sample['keypoint'][0, :4, 1]

        after = NormalizeSkeleton(scale=scale)(sample)['keypoint']

        assert np.isfinite(after).all()
        assert after.shape[1] == 9

    def test_no_torso_has_length(self, make_sample):
        sample = make_sample()
        sample['keypoint'][:, :, 0] = sample['keypoint'][:, :, 1]

        with pytest.raises(ValueError, match=r"'clip 1' .*torso"):
            NormalizeSkeleton()(sample)

    def test_an_empty_sequence_is_named(self, make_sample):
        sample = make_sample()
        sample['keypoint'][:] = 0
        sample['keypoint_score'][:] = 0

        with pytest.raises(ValueError, match="'clip 1'"):
            NormalizeSkeleton()(sample)

    def test_rotation_needs_three_axes(self, make_sample):
        with pytest.raises(ValueError, match=r"'clip 1'.*2D"):
            NormalizeSkeleton(rotation='frame')(make_sample(axes=2))

    def test_rotation_needs_pairs_near_the_torso(self, make_sample):
        sample = make_sample()
        sample['skeleton']['flip_pairs'] = [[3, 5]]

        with pytest.raises(ValueError, match="'flip_pairs'"):
            NormalizeSkeleton(rotation='sequence')(sample)

    def test_a_body_in_one_line_has_no_direction(self, make_sample):
        sample = make_sample()
        sample['keypoint'][..., :2] = 0
        sample['keypoint_score'][:] = 1

        with pytest.raises(ValueError, match='not in line'):
            NormalizeSkeleton(rotation='frame')(sample)
        with pytest.raises(ValueError, match='face one way'):
            NormalizeSkeleton(rotation='sequence')(sample)

    @pytest.mark.parametrize('field', ['root', 'torso'])
    def test_missing_fields_of_the_skeleton(self, make_sample, field):
        sample = make_sample()
        del sample['skeleton'][field]

        with pytest.raises(KeyError, match=rf"NormalizeSkeleton.*'{field}'"):
            NormalizeSkeleton()(sample)

    def test_joints_outside_the_skeleton(self, make_sample):
        sample = make_sample()
        sample['skeleton']['root'] = 11

        with pytest.raises(ValueError, match=r"'root' .* \[0, 11\)"):
            NormalizeSkeleton()(sample)

    def test_input_is_not_written_to(self, make_sample):
        sample = make_sample()
        before = sample['keypoint']
        before.flags.writeable = False

        assert NormalizeSkeleton(rotation='frame')(sample) is sample
        assert sample['keypoint'] is not before

    @pytest.mark.parametrize('name', ['center', 'scale', 'rotation'])
    def test_arguments_are_checked(self, name):
        with pytest.raises(ValueError, match=f"{name} .* 'clip'"):
            NormalizeSkeleton(**{name: 'clip'})

    def test_repr(self):
        assert repr(NormalizeSkeleton()) == (
            "NormalizeSkeleton(center='frame', scale='sequence', "
            "rotation=None, up_axis='z')"
        )


class TestFlipSkeleton:
    def test_mirrors_and_swaps(self, make_sample):
        sample = make_sample(persons=2)
        before, score = sample['keypoint'], sample['keypoint_score']

        after = FlipSkeleton(prob=1)(sample)

        mirror = np.float32([-1, 1, 1])
        twin = {2: 4, 4: 2, 3: 5, 5: 3, 6: 8, 8: 6, 7: 10, 10: 7}
        for joint in range(11):
            other = twin.get(joint, joint)
            np.testing.assert_array_equal(
                after['keypoint'][:, :, joint], before[:, :, other] * mirror
            )
            np.testing.assert_array_equal(
                after['keypoint_score'][:, :, joint], score[:, :, other]
            )

    @pytest.mark.parametrize('axes', [2, 3])
    def test_twice_is_the_identity(self, make_sample, axes):
        sample = make_sample(axes=axes)
        before, score = sample['keypoint'], sample['keypoint_score']
        flip = FlipSkeleton(prob=1)

        after = flip(flip(sample))

        np.testing.assert_array_equal(after['keypoint'], before)
        np.testing.assert_array_equal(after['keypoint_score'], score)

    def test_probability_and_key(self, make_sample):
        flip = FlipSkeleton(prob=0.3)
        copied = pickle.loads(pickle.dumps(flip))
        flipped = 0
        for key in range(1000):
            sample = make_sample(frames=1, key=key, keypoint_score=None)
            before = sample['keypoint']
            after = flip(dict(sample))['keypoint']
            sample['rng'] = np.random.default_rng(key)
            assert np.array_equal(copied(sample)['keypoint'], after)
            flipped += not np.array_equal(before, after)

        assert abs(flipped / 1000 - 0.3) < 0.06

    @pytest.mark.parametrize('pairs', [[[2, 4], [4, 3]], [[2]], [[2, 11]]])
    def test_pairs_are_checked(self, make_sample, pairs):
        sample = make_sample()
        sample['skeleton']['flip_pairs'] = pairs

        with pytest.raises(ValueError, match="'flip_pairs'"):
            FlipSkeleton(prob=1)(sample)

    def test_missing_pairs(self, make_sample):
        sample = make_sample()
        del sample['skeleton']['flip_pairs']

        with pytest.raises(KeyError, match=r'FlipSkeleton .*flip_pairs'):
            FlipSkeleton()(sample)

    def test_arguments_and_repr(self):
        with pytest.raises(ValueError, match='prob'):
            FlipSkeleton(prob=2)
        assert repr(FlipSkeleton()) == 'FlipSkeleton(prob=0.3)'
