import pickle

import numpy as np
import pytest

from masa.datasets.transforms import JointAngleNoise, TranslateSkeleton


def bone_lengths(keypoint, bones):
    a, b = np.transpose(bones)
    keypoint = keypoint.astype(np.float64)
    return np.linalg.norm(keypoint[:, :, a] - keypoint[:, :, b], axis=-1)


class TestJointAngleNoise:
    @pytest.mark.parametrize('axes', [2, 3])
    @pytest.mark.parametrize('frames', [1, 2, 150])
    def test_keeps_the_lengths_of_all_bones(self, make_sample, axes, frames):
        sample = make_sample(frames, persons=2, axes=axes)
        before = sample['keypoint']
        bones = sample['skeleton']['bones']

        after = JointAngleNoise(prob=1, std=40)(sample)['keypoint']

        assert after.shape == before.shape
        assert after.dtype == np.float32
        assert after.flags.c_contiguous
        np.testing.assert_allclose(
            bone_lengths(after, bones),
            bone_lengths(before, bones),
            rtol=0,
            atol=1e-5,
        )
        moved = np.abs(after - before).max((0, 1, 3)) > 0.01
        # The trunk and the spine, whose bones form a cycle, stay.
        assert np.flatnonzero(~moved).tolist() == [0, 1, 9]

    @pytest.mark.parametrize('axes', [2, 3])
    def test_angle_of_a_bone_has_the_std_at_every_frame(
        self, make_sample, axes
    ):
        # The bones neck - elbow of many persons; the angle between before
        # and after is the noise's own where the axis is at right angles.
        sample = make_sample(20, persons=4000, axes=axes)
        upper_arm = sample['keypoint'][:, :, 2] - sample['keypoint'][:, :, 0]

        after = JointAngleNoise(prob=1, std=10.0)(sample)['keypoint']

        moved = after[:, :, 2] - after[:, :, 0]
        cos = (upper_arm * moved).sum(-1) / (
            np.linalg.norm(upper_arm, axis=-1) * np.linalg.norm(moved, axis=-1)
        )
        square = np.degrees(np.arccos(np.clip(cos, -1, 1))) ** 2
        # A random axis moves a bone by sin of the angle between them: of
        # its square, two thirds on average.
        share = 1 if axes == 2 else 2 / 3
        std = np.sqrt(square.mean(0) / share)
        np.testing.assert_allclose(std, 10, rtol=0.06)

    def test_what_hangs_on_a_bone_turns_with_it(self, make_sample):
        # In the plane the angle at the elbow changes by the forearm's own
        # noise only, the forearm's direction by both.
        sample = make_sample(15, persons=4000, axes=2)

        def directions(keypoint):
            z = keypoint[..., 0] + 1j * keypoint[..., 1]
            return z[..., 2] - z[..., 0], z[..., 3] - z[..., 2]

        before = directions(sample['keypoint'])
        after = directions(JointAngleNoise(prob=1)(sample)['keypoint'])

        upper, fore = (
            np.degrees(np.angle(b / a))
            for a, b in zip(before, after, strict=True)
        )
        assert upper.std() == pytest.approx(10, rel=0.05)
        assert fore.std() == pytest.approx(10 * np.sqrt(2), rel=0.05)
        assert (fore - upper).std() == pytest.approx(10, rel=0.05)
        assert np.mean(upper * (fore - upper)) == pytest.approx(0, abs=3)

    def test_equals_a_loop_over_frames_and_joints(
        self, make_sample, monkeypatch
    ):
        from masa.datasets.transforms import skeleton_noise

        frames, turning = 9, [2, 3, 4, 5, 6, 7, 8, 10]
        noise = np.random.default_rng(3).normal(size=(frames, 8, 1))
        monkeypatch.setattr(skeleton_noise, 'smooth_noise', lambda *_: noise)
        sample = make_sample(frames, axes=2)
        before = sample['keypoint'][0].astype(np.float64)
        parent = {2: 0, 3: 2, 4: 0, 5: 4, 6: 1, 7: 6, 8: 1, 10: 8}
        expected = before.copy()
        for t in range(frames):
            for joint in turning:
                chain = [joint]
                while parent.get(chain[-1]) in parent:
                    chain.append(parent[chain[-1]])
                angle = sum(
                    np.radians(20) * noise[t, turning.index(j), 0]
                    for j in chain
                )
                turn = np.array(
                    [
                        [np.cos(angle), -np.sin(angle)],
                        [np.sin(angle), np.cos(angle)],
                    ]
                )
                bone = before[t, joint] - before[t, parent[joint]]
                expected[t, joint] = expected[t, parent[joint]] + turn @ bone

        after = JointAngleNoise(prob=1, std=20)(sample)['keypoint'][0]

        np.testing.assert_allclose(after, expected, atol=1e-5)

    def test_turns_smoothly(self, make_sample):
        sample = make_sample(200)
        still = np.repeat(sample['keypoint'][:, :1], 200, axis=1)
        sample['keypoint'] = still

        after = JointAngleNoise(prob=1, std=10.0)(sample)['keypoint']

        assert np.abs(after - still).max() > 0.05
        assert np.abs(np.diff(after, axis=1)).max() < 0.03

    def test_without_bones(self, make_sample):
        sample = make_sample(skeleton=dict(root=0))

        with pytest.raises(KeyError, match=r"\['bones'\].*'clip 1'"):
            JointAngleNoise(prob=0)(sample)

    def test_without_skeleton(self, make_sample):
        with pytest.raises(KeyError, match="'skeleton'"):
            JointAngleNoise()(make_sample(skeleton=None))


class TestTranslateSkeleton:
    @pytest.mark.parametrize('axes', [2, 3])
    def test_moves_all_joints_alike(self, make_sample, axes):
        sample = make_sample(30, persons=2, axes=axes)
        before = sample['keypoint']

        offset = TranslateSkeleton(prob=1)(sample)['keypoint'] - before

        assert offset.dtype == np.float32
        np.testing.assert_allclose(
            offset, np.broadcast_to(offset[:1, :, :1], offset.shape), atol=1e-6
        )
        assert np.abs(np.diff(offset, axis=1)).max() < 0.03

    def test_std_along_each_axis_at_every_frame(self, make_sample):
        transform = TranslateSkeleton(prob=1, std=0.1)
        keypoint = np.zeros((1, 10, 11, 3), np.float32)
        offsets = np.stack(
            [
                transform(make_sample(key=key, keypoint=keypoint))['keypoint']
                for key in range(3000)
            ]
        )[:, 0, :, 0]

        np.testing.assert_allclose(offsets.std(0), 0.1, rtol=0.06)
        np.testing.assert_allclose(offsets.mean(0), 0, atol=0.01)


@pytest.mark.parametrize('kind', [JointAngleNoise, TranslateSkeleton])
class TestBoth:
    def test_same_key_gives_the_same_draw(self, make_sample, kind):
        transform = kind(prob=0.9)
        copied = pickle.loads(pickle.dumps(transform))
        draws = [
            transform(make_sample(key=key))['keypoint'] for key in range(6)
        ]

        for key in range(6):
            again = copied(make_sample(key=key))['keypoint']
            assert np.array_equal(draws[key], again)
        assert not np.array_equal(draws[0], draws[1])

    def test_probability(self, make_sample, kind):
        transform = kind(prob=0.3)
        changed = 0
        for key in range(1000):
            sample = make_sample(frames=1, key=key)
            before = sample['keypoint']
            after = transform(sample)['keypoint']
            changed += not np.array_equal(before, after)

        # Four standard errors.
        assert abs(changed / 1000 - 0.3) < 0.06

    def test_input_is_not_written_to(self, make_sample, kind):
        sample = make_sample()
        before = sample['keypoint']
        before.flags.writeable = False

        assert kind(prob=1)(sample)['keypoint'] is not before

    def test_half_precision_joints_become_single(self, make_sample, kind):
        sample = make_sample()
        sample['keypoint'] = sample['keypoint'].astype(np.float16)

        assert kind(prob=1)(sample)['keypoint'].dtype == np.float32

    @pytest.mark.parametrize('key', ['keypoint', 'rng'])
    def test_missing_keys(self, make_sample, kind, key):
        sample = make_sample()
        del sample[key]

        with pytest.raises(KeyError, match=f'{kind.__name__}.*{key}'):
            kind()(sample)

    @pytest.mark.parametrize(
        'arguments',
        [
            dict(prob=-0.1),
            dict(prob=1.1),
            dict(prob='0.3'),
            dict(prob=True),
            dict(std=-1),
            dict(std=float('nan')),
            dict(smoothness=0),
        ],
    )
    def test_arguments_are_checked(self, kind, arguments):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            kind(**arguments)

    def test_bad_shape_and_generator(self, make_sample, kind):
        with pytest.raises(ValueError, match=r"'clip 1'.*\(4, 11, 3\)"):
            kind()(make_sample(keypoint=np.zeros((4, 11, 3))))
        with pytest.raises(TypeError, match=r'numpy\.random\.Generator'):
            kind()(make_sample(rng=3))

    def test_repr(self, kind):
        assert repr(kind(prob=0.2)).startswith(f'{kind.__name__}(prob=0.2, ')
