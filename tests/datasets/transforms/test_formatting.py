import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample

from masa.datasets.transforms import PackSequenceInputs


def view_of(sample, index):
    return dict(
        keypoint=sample['keypoint'][:, index], frame_index=np.array(index)
    )


def test_whole_sequence(make_sample):
    sample = make_sample(persons=2)

    packed = PackSequenceInputs()(sample)

    assert set(packed) == {'inputs', 'data_samples'}
    (view,) = packed['inputs']
    values, index = view['values'], view['frame_index']
    assert values.dtype == torch.float32
    assert values.is_contiguous()
    assert index.dtype == torch.int64
    assert index.tolist() == list(range(12))
    for t in range(12):
        expected = [
            x
            for person in range(2)
            for joint in range(11)
            for x in sample['keypoint'][person, t, joint]
        ]
        assert values[t].tolist() == expected


def test_data_sample(make_sample):
    time = np.linspace(0, 1, 12)
    sample = PackSequenceInputs()(make_sample(canonical_time=time))
    sample = sample['data_samples']

    assert isinstance(sample, ActionDataSample)
    assert sample.metainfo == dict(
        frame_dir='clip 1',
        total_frames=12,
        label=2,
        activity='bowl',
        split='train',
        modality_widths=dict(keypoint=33),
    )
    assert sample.gt_label.tolist() == [2]
    assert sample.phase.dtype == torch.int64
    assert sample.phase.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert sample.canonical_time.dtype == torch.float32
    np.testing.assert_allclose(sample.canonical_time, time, rtol=1e-6)


def test_what_is_unknown_is_left_out():
    sample = PackSequenceInputs()(dict(keypoint=np.zeros((1, 3, 2, 2))))
    sample = sample['data_samples']

    assert sample.metainfo == dict(
        frame_dir='',
        total_frames=3,
        label=-1,
        activity='',
        split='',
        modality_widths=dict(keypoint=4),
    )
    for key in ('gt_label', 'phase', 'canonical_time'):
        assert key not in sample


@pytest.mark.parametrize('source', ['array', 'map'])
def test_modalities_in_their_order(make_sample, tmp_path, source):
    feature = np.arange(24, dtype='>f4').reshape(12, 2)
    if source == 'map':
        np.save(tmp_path / 'f.npy', feature.astype(np.float16))
        feature = np.load(tmp_path / 'f.npy', mmap_mode='r')
    sample = make_sample(feature=feature)

    both = PackSequenceInputs(modalities=['feature', 'keypoint'])(sample)
    only = PackSequenceInputs(modalities=['feature'])(sample)

    values = both['inputs'][0]['values']
    assert values.shape == (12, 2 + 33)
    assert values.dtype == torch.float32
    assert values[:, 0].tolist() == list(range(0, 24, 2))
    assert torch.equal(only['inputs'][0]['values'], values[:, :2])


def test_views(make_sample):
    sample = make_sample()
    sample['views'] = [view_of(sample, [1, 5]), view_of(sample, [0, 3, 11])]

    views = PackSequenceInputs()(sample)['inputs']

    assert [len(view['values']) for view in views] == [2, 3]
    assert views[1]['frame_index'].tolist() == [0, 3, 11]
    flat = sample['keypoint'][0, 11].ravel()
    assert views[1]['values'][2].tolist() == flat.tolist()


def test_nothing_is_shared_with_the_source(make_sample):
    feature = np.zeros((12, 3), np.float32)
    for name in ('keypoint', 'feature'):
        sample = make_sample(feature=feature)
        before = sample[name].copy()
        packed = PackSequenceInputs([name])(sample)
        packed['inputs'][0]['values'].fill_(9)
        packed['data_samples'].phase.fill_(9)
        assert np.array_equal(sample[name], before)
        assert sample['phase'].max() == 2


@pytest.mark.parametrize('index', [[1, 1], [3, 2], [-1, 2], [2, 12], [2]])
def test_frame_indices_are_checked(make_sample, index):
    sample = make_sample()
    sample['views'] = [view_of(sample, [0, 1]) | dict(frame_index=index)]

    with pytest.raises(ValueError, match=r"'clip 1' .*\[0, 12\)"):
        PackSequenceInputs()(sample)

    del sample['views'][0]['frame_index']
    with pytest.raises(KeyError, match="'frame_index'"):
        PackSequenceInputs()(sample)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(make_sample, value):
    sample = make_sample()
    sample['keypoint'][0, 7, 2, 1] = value

    with pytest.raises(ValueError, match=r"'clip 1' .*frame 7, channel 7"):
        PackSequenceInputs()(sample)


def test_missing_modality(make_sample):
    with pytest.raises(KeyError, match=r"'feature'.*'clip 1'.*'keypoint'"):
        packed(make_sample(), 'keypoint', 'feature')


@pytest.mark.parametrize(
    ('changes', 'found'),
    [
        (dict(feature=np.zeros((11, 2))), "'feature': 11"),
        (dict(feature=np.zeros(12)), 'feature'),
        (dict(keypoint=np.zeros((12, 3))), 'keypoint'),
        (
            dict(keypoint=np.zeros((1, 0, 3, 2)), feature=np.zeros((0, 2))),
            'keypoint',
        ),
        (dict(total_frames=13), 'total_frames'),
        (dict(phase=np.zeros(11)), 'phase'),
        (dict(canonical_time=np.zeros((12, 1))), 'canonical_time'),
    ],
)
def test_shapes_are_checked(make_sample, changes, found):
    sample = make_sample(**(dict(feature=np.zeros((12, 2))) | changes))

    with pytest.raises(ValueError, match="'clip 1'") as error:
        packed(sample, 'keypoint', 'feature')
    assert found in str(error.value)


def balanced(sample):
    pack = PackSequenceInputs(['feature', 'keypoint'], balance=True)
    return pack(sample)['inputs'][0]['values'].numpy()


def test_balance_gives_every_modality_the_same_power(make_sample):
    rng = np.random.default_rng(0)
    feature = 50 * rng.normal(size=(12, 400)) + 7
    sample = make_sample(feature=feature.astype(np.float32))

    values = balanced(sample)

    for part, raw in (
        (values[:, :400], feature),
        (values[:, 400:], sample['keypoint'][0].reshape(12, 33)),
    ):
        power = np.mean([sum(x * x for x in frame) for frame in raw])
        # One number for the whole modality, so that its geometry stays.
        np.testing.assert_allclose(
            part, raw * np.sqrt(433 / 2 / power), rtol=1e-5
        )
        assert np.square(part).sum() / 12 == pytest.approx(433 / 2)


def test_balance_does_not_depend_on_units(make_sample):
    rng = np.random.default_rng(0)
    feature = rng.normal(size=(12, 400)).astype(np.float32)
    meters = make_sample(feature=feature)
    inches = make_sample(feature=1000 * feature)
    inches['keypoint'] = inches['keypoint'] / 0.0254

    np.testing.assert_allclose(
        balanced(meters), balanced(inches), rtol=1e-4, atol=1e-6
    )


def test_balance_of_half_precision_does_not_overflow(make_sample):
    feature = np.full((12, 400), 6e4, dtype=np.float16)

    values = balanced(make_sample(feature=feature))

    np.testing.assert_allclose(
        values[:, :400], np.sqrt(433 / 2 / 400), rtol=1e-3
    )


def test_balance_leaves_a_modality_of_zeros(make_sample):
    values = balanced(make_sample(feature=np.zeros((12, 4), np.float32)))

    assert not values[:, :4].any()
    assert np.square(values[:, 4:]).sum() / 12 == pytest.approx(37 / 2)


def test_balance_of_views(make_sample):
    rng = np.random.default_rng(0)
    sample = make_sample(feature=rng.normal(size=(12, 40)).astype('f4'))
    index = np.array([1, 4, 9])
    view = view_of(sample, index)
    sample['views'] = [view | dict(feature=sample['feature'][index])]

    values = balanced(sample)

    assert values.shape == (3, 73)
    assert np.square(values[:, :40]).sum() / 3 == pytest.approx(73 / 2)


def packed(sample, *modalities):
    return PackSequenceInputs(modalities)(sample)['inputs'][0]['values']


@pytest.mark.parametrize('axes', [2, 3])
def test_bones_are_unit_vectors_in_their_order(make_sample, axes):
    sample = make_sample(frames=3, persons=2, axes=axes)
    # Of no length.
    sample['keypoint'][1, 2, 0] = sample['keypoint'][1, 2, 1]
    expected = []
    for frame in range(3):
        row = []
        for person in range(2):
            joints = sample['keypoint'][person, frame].tolist()
            for first, second in sample['skeleton']['bones']:
                vector = [
                    b - a
                    for a, b in zip(joints[first], joints[second], strict=True)
                ]
                length = sum(x * x for x in vector) ** 0.5
                row += [x / length if length else 0.0 for x in vector]
        expected.append(row)

    values = packed(sample, 'bone', 'keypoint')

    width = 2 * 11 * axes
    assert values.shape == (3, 2 * width)
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values[:, :width], expected, atol=1e-6)
    assert torch.equal(values[:, width:], packed(sample, 'keypoint'))
    assert not values[2, width // 2 : width // 2 + axes].any()


def test_bones_do_not_depend_on_size_or_place(make_sample):
    sample = make_sample()
    for scale, dtype in ((1e-3, np.float16), (1e-25, np.float32), (9e3, 'f4')):
        other = make_sample()
        other['keypoint'] = ((sample['keypoint'] + 1) * scale).astype(dtype)
        if dtype == np.float16:
            sample['keypoint'] = other['keypoint'].astype(np.float64) * 1e3
        np.testing.assert_allclose(
            packed(other, 'keypoint', 'bone')[:, 33:],
            packed(sample, 'keypoint', 'bone')[:, 33:],
            atol=1e-5,
        )


def velocities(rows, index):
    """Those of one number, by the parabola through three frames."""
    result = []
    for i in range(len(rows)):
        if len(rows) == 1:
            result.append(0.0)
            continue
        slopes = [
            (rows[j + 1] - rows[j]) / (index[j + 1] - index[j])
            for j in (i - 1, i)
            if 0 <= j < len(rows) - 1
        ]
        if len(slopes) == 1:
            result.append(10 * slopes[0])
            continue
        before, after = index[i] - index[i - 1], index[i + 1] - index[i]
        # The nearer neighbor's slope counts more.
        mean = (after * slopes[0] + before * slopes[1]) / (before + after)
        result.append(10 * mean)
    return result


@pytest.mark.parametrize('axes', [2, 3])
@pytest.mark.parametrize('index', [[4], [2, 9], [0, 1, 5, 7, 11]])
def test_motion_is_velocity(make_sample, axes, index):
    sample = make_sample(persons=2, axes=axes)
    joints = sample['keypoint'].astype(np.float64)
    sample['views'] = [view_of(sample, index)]
    values = packed(sample, 'keypoint', 'motion')
    width = 22 * axes
    assert values.shape == (len(index), 2 * width)
    flat = joints[:, index].swapaxes(0, 1).reshape(len(index), width)
    expected = [velocities(row.tolist(), index) for row in flat.T]
    np.testing.assert_allclose(
        values[:, width:], np.transpose(expected), atol=1e-5
    )
    assert torch.equal(values[:, :width], packed(sample, 'keypoint'))


def test_motion_of_a_whole_sequence(make_sample):
    sample = make_sample()
    values = packed(sample, 'keypoint', 'motion')
    assert values.shape == (12, 66)
    every = make_sample()
    every['views'] = [view_of(every, list(range(12)))]
    assert torch.equal(packed(every, 'keypoint', 'motion'), values)


def test_dropped_frames_make_nothing_faster(make_sample):
    sample = make_sample()
    sample['keypoint'] = np.broadcast_to(
        np.arange(12.0)[None, :, None, None], (1, 12, 11, 3)
    )
    for index in ([0, 1, 2], [0, 3, 4, 11], [5, 10]):
        sample['views'] = [view_of(sample, index)]
        moving = packed(sample, 'keypoint', 'motion')[:, 33:]
        torch.testing.assert_close(moving, torch.full_like(moving, 10.0))


def test_motion_in_a_tenth_of_the_sequence(make_sample):
    sample = make_sample()
    by_frames = packed(sample, 'keypoint', 'motion')
    total = len(by_frames)
    transform = PackSequenceInputs(
        ('keypoint', 'motion'), motion_unit='sequence'
    )
    (view,) = transform(make_sample())['inputs']
    width = by_frames.shape[1] // 2
    torch.testing.assert_close(
        view['values'][:, width:], by_frames[:, width:] * total / 100
    )
    with pytest.raises(ValueError, match='motion_unit'):
        PackSequenceInputs(motion_unit='seconds')


def test_motion_of_missing_joints_is_not_shown(make_sample):
    score = np.ones((1, 12, 11), np.float32)
    score[0, 5, 2] = score[0, 0, 7] = 0
    sample = make_sample(keypoint_score=score)
    values = packed(sample, 'keypoint', 'motion', 'missing')[:, 33:66]
    shown = packed(sample, 'keypoint', 'motion')[:, 33:].clone()
    shown[4:7, 6:9] = 0
    shown[:2, 21:24] = 0
    torch.testing.assert_close(values, shown)


def test_missing_joints_are_told_and_not_shown(make_sample):
    sample = make_sample(frames=4, persons=2)
    score = sample['keypoint_score']
    score[:] = 0.2
    score[0, 1, 3], score[1, 1, 0], score[1, 3, 10] = 0, -1, 0
    before = sample['keypoint'].copy()

    values = packed(sample, 'keypoint', 'missing', 'bone').numpy()
    shown = packed(sample, 'keypoint', 'bone').numpy()

    assert values.shape == (4, 66 + 22 + 66)
    for frame in range(4):
        for person in range(2):
            gone = [score[person, frame, joint] <= 0 for joint in range(11)]
            at = 11 * person
            assert values[frame, 66 + at : 66 + at + 11].tolist() == gone
            for i, hidden in enumerate(gone):
                part = slice(3 * (at + i), 3 * (at + i) + 3)
                expected = [0, 0, 0] if hidden else shown[frame, part].tolist()
                assert values[frame, part].tolist() == expected
            for i, bone in enumerate(sample['skeleton']['bones']):
                start = 3 * (at + i)
                found = values[frame, 88 + start : 91 + start].tolist()
                if gone[bone[0]] or gone[bone[1]]:
                    assert found == [0, 0, 0]
                else:
                    kept = shown[frame, 66 + start : 69 + start]
                    assert found == kept.tolist()
    assert values[:, 66:88].sum() == 3
    assert np.array_equal(sample['keypoint'], before)
    assert score.min() == -1


def test_where_a_missing_joint_is_guessed_does_not_matter(make_sample):
    score = np.ones((1, 12, 11), np.float32)
    score[0, 5, 2] = 0
    sample = make_sample(keypoint_score=score)
    modalities = ('keypoint', 'bone', 'motion', 'missing')
    expected = packed(sample, *modalities)
    for guess in (7.0, 1e30, np.nan):
        sample['keypoint'][0, 5, 2] = guess
        assert torch.equal(packed(sample, *modalities), expected)


def test_derived_modalities_are_of_the_view(make_sample):
    sample = make_sample()
    index = [1, 5, 11]
    view = view_of(sample, index)
    view['keypoint'] = -view['keypoint']
    view['keypoint_score'] = np.ones((1, 3, 11), np.float32)
    view['keypoint_score'][0, 2, 4] = 0
    sample['views'] = [view]

    values = packed(sample, 'keypoint', 'bone', 'missing')

    del sample['views']
    whole = packed(sample, 'keypoint', 'bone')[index]
    torch.testing.assert_close(values[:2, :66], -whole[:2])
    assert values[:, 66:].nonzero().tolist() == [[2, 4]]


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        (dict(skeleton=None), KeyError, r"\['bones'\].*'clip 1'"),
        (dict(skeleton=dict(root=0)), KeyError, r"\['bones'\].*'clip 1'"),
        (dict(skeleton=dict(bones=[])), KeyError, "'clip 1'"),
        (
            dict(skeleton=dict(bones=[[0, 11]])),
            ValueError,
            r"'clip 1'.*of \[0, 11\)",
        ),
        (dict(skeleton=dict(bones=[[0, -1]])), ValueError, "'clip 1'"),
        (
            dict(skeleton=dict(bones=[[0, 1, 2]])),
            ValueError,
            "'clip 1'",
        ),
        (
            dict(keypoint_score=None),
            KeyError,
            "'keypoint_score'.*'clip 1'",
        ),
        (
            dict(keypoint_score=np.ones((1, 12, 10))),
            ValueError,
            r"'clip 1'.*\(1, 12, 11\).*\(1, 12, 10\)",
        ),
        (dict(keypoint=None), KeyError, "'keypoint'.*'clip 1'"),
    ],
)
def test_what_derived_modalities_need(make_sample, changes, error, message):
    with pytest.raises(error, match=message):
        packed(make_sample(**changes), 'keypoint', 'bone', 'missing')


@pytest.mark.parametrize('name', ['bone', 'missing'])
def test_where_derived_modalities_do_not_belong(name):
    for others in ((), ('feature',)):
        with pytest.raises(ValueError, match=f"'keypoint' beside .*{name}"):
            PackSequenceInputs((*others, name))
    with pytest.raises(ValueError, match=f'balance.*{name}'):
        PackSequenceInputs(('keypoint', name), balance=True)


@pytest.mark.parametrize('modalities', [(), ('rgb',), ('keypoint',) * 2])
def test_arguments_are_checked(modalities):
    with pytest.raises(ValueError, match='modalities'):
        PackSequenceInputs(modalities)


def test_repr():
    text = repr(PackSequenceInputs())
    assert text.startswith('PackSequenceInputs(')
    for argument in ("modalities=('keypoint',)", 'balance=False'):
        assert argument in text
