import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms import BaseTransform

from masa.datasets.transforms import DualAugmentation

ALL_NOISE = [
    dict(type='JointAngleNoise', prob=1),
    dict(type='FlipSkeleton', prob=1),
    dict(type='TranslateSkeleton', prob=1),
]


def ramp(frames, key=0, **more):
    """A sample whose feature says where each frame is."""
    return dict(
        frame_dir='clip 1',
        feature=np.arange(frames, dtype=np.float32)[:, None],
        rng=np.random.default_rng(key),
        **more,
    )


class TestViews:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(
        frames=st.sampled_from([1, 2, 3, 80, 4078])
        | st.integers(min_value=1, max_value=300),
        key=st.integers(0, 10_000),
        temporal=st.sampled_from(['drop', 'warp']),
        ratio=st.floats(0, 1, exclude_max=True),
        trim=st.booleans(),
        trim_ratio=st.floats(0.01, 1),
        dual=st.booleans(),
        warp=st.sampled_from([(0.5, 0.2), (5.0, 0.01), (0.0, 1.0)]),
    )
    def test_laws(
        self, frames, key, temporal, ratio, trim, trim_ratio, dual, warp
    ):
        transform = DualAugmentation(
            temporal, ratio, trim, trim_ratio, (), dual, *warp
        )
        sample = ramp(frames, key)
        result = transform(sample)

        assert result is sample
        assert result['total_frames'] == frames
        assert len(result['views']) == 2
        low, high = frames, -1
        for view in result['views']:
            index = view['frame_index']
            assert index.dtype == np.int64
            assert len(index) >= 1
            assert index[0] >= 0
            assert index[-1] < frames
            assert (np.diff(index) > 0).all()
            # The content is the source's at these indices.
            assert np.array_equal(view['feature'][:, 0], index)
            low, high = min(low, index[0]), max(high, index[-1])
        if not trim:
            shortest = frames - int(ratio * frames)
            assert all(
                len(view['frame_index']) >= shortest
                for view in result['views']
            )
        if not dual:
            first = result['views'][0]['frame_index']
            assert np.array_equal(first, np.arange(first[0], first[-1] + 1))
            assert low == first[0]
            assert high == first[-1]
            if trim:
                assert len(first) >= trim_ratio * frames
            else:
                assert len(first) == frames

    def test_both_views_are_of_the_same_range(self):
        transform = DualAugmentation(
            trim=True, min_trim_ratio=0.25, max_drop_ratio=0
        )
        lengths, starts = [], []
        for key in range(600):
            views = transform(ramp(101, key))['views']
            first, second = (view['frame_index'] for view in views)
            assert np.array_equal(first, second)
            assert np.array_equal(first - first[0], np.arange(len(first)))
            lengths.append(len(first))
            starts.append(first[0] / max(1, 101 - len(first)))

        # Lengths are uniform over [26, 101], starts over what is left.
        assert min(lengths) == 26
        assert max(lengths) == 101
        assert np.mean(lengths) == pytest.approx(63.5, abs=3.6)
        assert np.mean(starts) == pytest.approx(0.5, abs=0.06)

    @pytest.mark.parametrize('temporal', ['drop', 'warp'])
    def test_distribution_of_lengths(self, temporal):
        transform = DualAugmentation(temporal, max_drop_ratio=0.5)
        shares = np.array(
            [
                [
                    1 - len(view['frame_index']) / 200
                    for view in transform(ramp(200, key))['views']
                ]
                for key in range(1500)
            ]
        )

        # U(0, 0.5) in both views, independent of each other.
        for share in shares.T:
            assert share.min() >= 0
            assert share.max() <= 0.5
            quantiles = np.quantile(share, [0.1, 0.25, 0.5, 0.75, 0.9])
            expected = [0.05, 0.125, 0.25, 0.375, 0.45]
            np.testing.assert_allclose(quantiles, expected, atol=0.03)
        assert abs(np.corrcoef(shares.T)[0, 1]) < 0.08

    def test_every_frame_is_dropped_as_often(self):
        transform = DualAugmentation(max_drop_ratio=0.5)
        kept = np.zeros(30)
        for key in range(1500):
            for view in transform(ramp(30, key))['views']:
                kept[view['frame_index']] += 1 / 3000

        # floor(U(0, 0.5) * 30) is 7 on average.
        np.testing.assert_allclose(kept, 23 / 30, atol=0.04)

    def test_warp_is_smooth_where_drop_is_not(self):
        def local_shares(temporal):
            """How far from even 20 frames of a view lie, on average."""
            transform = DualAugmentation(temporal, max_drop_ratio=0.5)
            uneven, jumpy = [], []
            for key in range(200):
                index = transform(ramp(400, key))['views'][0]['frame_index']
                steps = np.diff(index)
                if len(index) > 300:
                    continue
                groups = steps[: len(steps) // 20 * 20].reshape(-1, 20)
                uneven.append(groups.mean(1).std() / steps.mean())
                jumpy.append(groups.std(1).mean())
            return np.mean(uneven), np.mean(jumpy)

        drop, warp = local_shares('drop'), local_shares('warp')

        assert warp[0] > 1.5 * drop[0]
        assert warp[1] < drop[1]

    def test_without_variation_warp_is_even(self):
        transform = DualAugmentation('warp', max_drop_ratio=0.9, warp_std=0)
        for key in range(50):
            index = transform(ramp(90, key))['views'][0]['frame_index']
            assert np.ptp(np.diff(index)) <= 1

    def test_same_key_gives_the_same_views(self, make_sample):
        for temporal in ('drop', 'warp'):
            transform = DualAugmentation(
                temporal, trim=True, spatial=ALL_NOISE
            )
            copied = pickle.loads(pickle.dumps(transform))
            np.random.seed(0)  # noqa: NPY002
            state = np.random.get_state()[1].copy()  # noqa: NPY002
            first = transform(make_sample(50, key=4))['views']
            again = copied(make_sample(50, key=4))['views']
            other = transform(make_sample(50, key=5))['views']

            for a, b in zip(first, again, strict=True):
                assert a.keys() == b.keys()
                assert all(np.array_equal(a[key], b[key]) for key in a)
            assert not np.array_equal(
                first[0]['frame_index'], other[0]['frame_index']
            )
            now = np.random.get_state()[1]  # noqa: NPY002
            assert np.array_equal(now, state)


class TestContent:
    def test_of_all_kinds(self, make_sample):
        feature = np.arange(36, dtype=np.float16).reshape(12, 3)
        sample = make_sample(persons=2, feature=feature)

        for view in DualAugmentation()(sample)['views']:
            assert set(view) == {
                *['keypoint', 'keypoint_score', 'feature', 'frame_index'],
            }
            index = view['frame_index']
            for key in ('keypoint', 'keypoint_score'):
                source = sample[key][:, index]
                assert np.array_equal(view[key], source)
                assert not np.shares_memory(view[key], sample[key])
            assert np.array_equal(view['feature'], feature[index])
            assert view['feature'].dtype == np.float16

    def test_of_a_map_is_read_only_where_kept(self, tmp_path):
        np.save(tmp_path / 'f.npy', np.arange(40.0).reshape(20, 2))
        mapped = np.load(tmp_path / 'f.npy', mmap_mode='r')

        class Recorder(np.ndarray):
            read = []

            def __getitem__(self, item):
                self.read.append(item)
                return np.asarray(super().__getitem__(item))

        sample = dict(feature=mapped.view(Recorder))
        sample['rng'] = np.random.default_rng(0)
        views = DualAugmentation()(sample)['views']

        assert len(Recorder.read) == 2
        for view, item in zip(views, Recorder.read, strict=True):
            assert np.array_equal(item, view['frame_index'])
            assert np.array_equal(view['feature'], mapped[item])
            assert type(view['feature']) is np.ndarray

    def test_spatial_transforms_treat_views_apart(self, make_sample):
        transform = DualAugmentation(max_drop_ratio=0, spatial=ALL_NOISE)
        sample = make_sample()
        source = sample['keypoint'].copy()

        first, second = transform(sample)['views']

        assert not np.allclose(first['keypoint'], second['keypoint'])
        assert not np.allclose(first['keypoint'], source)
        assert np.array_equal(sample['keypoint'], source)
        assert 'rng' not in first
        assert 'skeleton' not in first

    def test_one_sided(self, make_sample):
        sample = make_sample(40)

        first, second = DualAugmentation(spatial=ALL_NOISE, dual=False)(
            sample
        )['views']

        assert np.array_equal(first['frame_index'], np.arange(40))
        assert np.array_equal(first['keypoint'], sample['keypoint'])
        assert len(second['frame_index']) < 40
        moved = sample['keypoint'][:, second['frame_index']]
        assert not np.allclose(second['keypoint'], moved)

    def test_features_get_no_spatial_noise(self, make_sample):
        feature = np.random.default_rng(0).normal(size=(12, 3))
        sample = make_sample(feature=feature)

        for view in DualAugmentation(spatial=ALL_NOISE)(sample)['views']:
            source = feature[view['frame_index']]
            assert np.array_equal(view['feature'], source)


class DropLastFrame(BaseTransform):
    def transform(self, results):
        results['keypoint'] = results['keypoint'][:, :-1]
        return results


class TestErrors:
    def test_nothing_to_augment(self):
        with pytest.raises(KeyError, match="requires 'keypoint' or 'feature'"):
            DualAugmentation()(dict(rng=np.random.default_rng(0)))

    def test_no_generator(self, make_sample):
        with pytest.raises(KeyError, match=r"DualAugmentation.*'rng'"):
            DualAugmentation()(make_sample(rng=None))

    @pytest.mark.parametrize(
        'changes',
        [dict(total_frames=13), dict(feature=np.zeros((11, 2)))],
    )
    def test_lengths_that_differ(self, make_sample, changes):
        with pytest.raises(ValueError, match="'clip 1'"):
            DualAugmentation()(make_sample(**changes))

    def test_no_frames(self):
        with pytest.raises(ValueError, match='frames'):
            DualAugmentation()(ramp(0))

    def test_spatial_transform_that_drops_frames(self, make_sample):
        transform = DualAugmentation(spatial=[dict(type=DropLastFrame)])

        with pytest.raises(ValueError, match="'keypoint'"):
            transform(make_sample())

    def test_spatial_needs_joints(self):
        transform = DualAugmentation(spatial=ALL_NOISE)

        with pytest.raises(KeyError, match=r"JointAngleNoise .*'keypoint'"):
            transform(ramp(5))

    @pytest.mark.parametrize(
        'arguments',
        [
            dict(temporal='crop'),
            dict(max_drop_ratio=1.0),
            dict(max_drop_ratio=-0.1),
            dict(min_trim_ratio=0),
            dict(min_trim_ratio=1.1),
            dict(warp_std=-1),
            dict(warp_smoothness=0),
        ],
    )
    def test_arguments(self, arguments):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            DualAugmentation(**arguments)

    def test_repr(self):
        text = repr(DualAugmentation(spatial=[dict(type='FlipSkeleton')]))

        assert text.startswith("DualAugmentation(temporal='drop', max_dr")
        assert 'spatial=[FlipSkeleton(prob=0.3)], dual=True' in text
