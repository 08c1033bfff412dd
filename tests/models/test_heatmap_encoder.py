import math

import pytest
import torch

from masa.datasets.transforms import HideJoints
from masa.datasets.transforms.hide_joints import HIDDEN_AT
from masa.models import HeatmapEncoder
from masa.models.backbones.heatmap_encoder import (
    HeatmapEmbedding,
    joint_heatmaps,
)
from masa.models.layers import FramePacking

LENGTHS1, LENGTHS2 = (9, 1, 5), (4, 7, 1)
TOTALS = (12, 12, 12)
JOINTS = 3


def encoder(**kwargs):
    torch.manual_seed(0)
    kwargs = (
        dict(
            in_channels=2 * JOINTS,
            embed_dims=6,
            num_heads=2,
            resolution=5,
            joint_dims=4,
            joint_heads=2,
        )
        | kwargs
    )
    model = HeatmapEncoder(**kwargs)
    model.init_weights()
    return model.double().eval()


def make_views(make_view, extra=(0, 0), padding=0.0, width=2 * JOINTS):
    return [
        make_view(lengths, TOTALS, width, seed, more, padding, torch.float64)
        for seed, (lengths, more) in enumerate(
            zip((LENGTHS1, LENGTHS2), extra, strict=True)
        )
    ]


def embed(model, view1, view2):
    return model(view1.values, view1.mask, view2.values, view2.mask)


@pytest.mark.parametrize('resolution', [1, 4, 7])
def test_heatmaps_equal_loops(resolution):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64)
    window, sigma = 1.5, 0.4
    maps = joint_heatmaps(points, resolution, window, sigma)
    assert maps.shape == (3, 2, resolution, resolution)
    size = 2 * window / resolution
    for frame in range(3):
        for joint in range(2):
            x, y = points[frame, joint].tolist()
            for row in range(resolution):
                for column in range(resolution):
                    dx = -window + (column + 0.5) * size - x
                    dy = -window + (row + 0.5) * size - y
                    assert maps[
                        frame, joint, row, column
                    ].item() == pytest.approx(
                        math.exp(-(dx * dx + dy * dy) / (2 * sigma**2))
                    )


def test_heatmaps_tell_axes_and_places():
    maps = joint_heatmaps(torch.tensor([[2.0, -2.0], [0.0, 0.0]]), 5, 2.5, 0.3)
    # x is the column, y the row.
    assert maps[0].flatten().argmax().item() == 0 * 5 + 4
    assert maps[0, 0, 4].item() == pytest.approx(1)
    torch.testing.assert_close(maps[1], maps[1].flip(0, 1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_hidden_joints_have_empty_heatmaps(dtype):
    far = torch.tensor([HIDDEN_AT, HIDDEN_AT], dtype=dtype)
    for shift in (-3, 0, 3):
        assert (joint_heatmaps(far + shift, 16, 2.5, 0.3) == 0).all()
    assert (joint_heatmaps(-far, 16, 2.5, 0.3) == 0).all()


def test_where_a_hidden_joint_is_does_not_matter(make_view):
    view = make_views(make_view)[0]
    hidden = view.values.clone()
    hidden[..., 2:4] = HIDDEN_AT
    farther = view.values.clone()
    farther[..., 2:4] = -3 * HIDDEN_AT
    model = encoder()
    u = model.encode(hidden, view.mask)
    torch.testing.assert_close(model.encode(farther, view.mask), u)
    shown = model.encode(view.values, view.mask)
    assert not torch.allclose(shown[view.mask], u[view.mask])


def test_the_transform_hides_from_the_encoder():
    import numpy as np

    sample = dict(
        keypoint=np.zeros((1, 4, JOINTS, 2), np.float32),
        rng=np.random.default_rng(0),
    )
    keypoint = HideJoints(prob=1, max_joints=1)(sample)['keypoint']
    maps = joint_heatmaps(torch.from_numpy(keypoint[0]), 16, 2.5, 0.3)
    empty = maps.flatten(2).amax(-1) == 0
    assert (empty.sum(1) == 1).all()


def test_depth_is_not_looked_at(make_view):
    view = make_views(make_view, width=3 * JOINTS)[0]
    model = encoder(in_channels=3 * JOINTS, coordinates=3)
    u = model.encode(view.values, view.mask)
    joints = view.values.unflatten(-1, (JOINTS, 3))
    deeper = joints.clone()
    deeper[..., 2] += 5
    torch.testing.assert_close(model.encode(deeper.flatten(2), view.mask), u)
    flat = encoder()
    flat.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        flat.encode(joints[..., :2].flatten(2), view.mask), u
    )


def test_joints_of_a_frame_attend_to_each_other_only():
    torch.manual_seed(0)
    (block,) = HeatmapEmbedding(JOINTS, 2, 6, 4, 2, 1, 5, 2.5, 0.5).layers
    joints = torch.randn(4, JOINTS, 4)
    packing = FramePacking(torch.ones(4, JOINTS, dtype=torch.bool))
    expected = packing.unpack(block(packing.pack(joints), packing))
    torch.testing.assert_close(block(joints), expected)
    changed = joints.clone()
    changed[2, 0] += 1
    others = [0, 1, 3]
    torch.testing.assert_close(block(changed)[others], expected[others])
    assert not torch.allclose(block(changed)[2, 1:], expected[2, 1:])


def test_frames_are_embedded_one_by_one():
    torch.manual_seed(0)
    model = HeatmapEmbedding(JOINTS, 2, 6, 4, 2, 2, 5, 2.5, 0.5).double()
    frames = torch.randn(7, 2 * JOINTS, dtype=torch.float64)
    together = model(frames)
    assert together.shape == (7, 6)
    for frame, expected in zip(frames, together, strict=True):
        torch.testing.assert_close(model(frame[None])[0], expected)


def test_joints_are_told_apart():
    # Without layers a frame is a sum over joints of its own each.
    torch.manual_seed(0)
    model = HeatmapEmbedding(JOINTS, 2, 6, 4, 2, 0, 5, 2.5, 0.5).double()
    frames = torch.randn(1, 2 * JOINTS, dtype=torch.float64)
    expected = model.output.bias.clone()
    maps = joint_heatmaps(frames.view(JOINTS, 2), 5, 2.5, 0.5)
    for joint in range(JOINTS):
        vector = model.heatmap_embedding(maps[joint].flatten())
        vector = vector + model.joint_embedding[joint]
        weight = model.output.weight[:, 4 * joint : 4 * joint + 4]
        expected = expected + weight @ vector
    torch.testing.assert_close(model(frames)[0], expected)
    swapped = frames[:, [2, 3, 0, 1, 4, 5]]
    assert not torch.allclose(model(swapped), model(frames))


@pytest.mark.parametrize('joint_layers', [0, 2])
@pytest.mark.parametrize('attention', ['softmax', 'linear'])
def test_padding_changes_nothing(make_view, joint_layers, attention):
    model = encoder(joint_layers=joint_layers, attention=attention)

    def result(extra, padding):
        views = make_views(make_view, extra, padding)
        embeddings = embed(model, *views)
        for u, view in zip(embeddings, views, strict=True):
            assert u.shape == (3, view.mask.shape[1], 6)
            assert (u[~view.mask] == 0).all()
        return [
            u[view.mask] for u, view in zip(embeddings, views, strict=True)
        ]

    expected = result((0, 0), 0.0)
    torch.testing.assert_close(result((6, 0), 1e5), expected)
    torch.testing.assert_close(result((1, 20), float('nan')), expected)


def test_rows_are_independent(make_view):
    model, views = encoder(), make_views(make_view)
    together = embed(model, *views)
    for row in range(3):
        alone = embed(
            model,
            *(
                view._replace(
                    values=view.values[row : row + 1, :length],
                    mask=view.mask[row : row + 1, :length],
                )
                for view, length in (
                    (views[0], LENGTHS1[row]),
                    (views[1], LENGTHS2[row]),
                )
            ),
        )
        for u, whole in zip(alone, together, strict=True):
            torch.testing.assert_close(u[0], whole[row, : u.shape[1]])


def test_views_and_encode(make_view):
    model, (view1, view2) = encoder(), make_views(make_view)
    u1, u2 = embed(model, view1, view2)
    torch.testing.assert_close(embed(model, view2, view1), (u2, u1))
    both = embed(model, view1, view1)
    torch.testing.assert_close(*both)
    torch.testing.assert_close(model.encode(view1.values, view1.mask), both[0])
    assert not torch.allclose(both[0], u1)


def test_every_weight_gets_a_gradient(make_view):
    model, views = encoder(), make_views(make_view, (2, 0), float('nan'))
    u1, u2 = embed(model, *views)
    (u1.square().sum() + u2.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_half_precision(make_view):
    view1, view2 = make_views(make_view)
    model = encoder(embed_dims=32, joint_dims=16, resolution=16).float()
    values = [view.values.float() for view in (view1, view2)]
    exact = model(values[0], view1.mask, values[1], view2.mask)
    with torch.autocast('cpu', torch.bfloat16):
        half = model(values[0], view1.mask, values[1], view2.mask)
    for a, b in zip(half, exact, strict=True):
        assert (a.float() - b).norm() < 0.03 * b.norm()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(coordinates=4), 'coordinates.*4'),
        (dict(coordinates=2, in_channels=5), 'in_channels=5.*coordinates=2'),
        (dict(in_channels=0), 'in_channels=0'),
        (dict(resolution=0), 'resolution.*0'),
        (dict(joint_layers=-1), 'joint_layers.*-1'),
        (dict(window=0), 'window.*0'),
        (dict(sigma=float('nan')), 'sigma.*nan'),
        (dict(joint_heads=3), 'num_heads=3'),
        (dict(num_heads=4), 'num_heads=4'),
        (dict(layers=('both',)), "'both'"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        encoder(**arguments)


def test_wrong_widths_are_told(make_view):
    view1, view2 = make_views(make_view, width=4)
    model = encoder()
    with pytest.raises(ValueError, match=r'in_channels=6.*4'):
        embed(model, view1, view2)
    with pytest.raises(ValueError, match=r'in_channels=6.*4'):
        model.encode(view1.values, view1.mask)
