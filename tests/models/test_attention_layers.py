import math

import loop_reference
import numpy as np
import pytest
import torch

import masa.models.layers.groups as grouping
from masa.models.layers import (
    AttentionGroups,
    AttentionLayer,
    FramePacking,
    build_mlp,
    linear_attention,
    position_code,
    rotate_by_position,
    softmax_attention,
)
from masa.structures import length_mask

ATTENTIONS = {
    'softmax': (softmax_attention, loop_reference.softmax_attention),
    'linear': (linear_attention, loop_reference.linear_attention),
}


def heads(length, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(
        3, 2, length, width, generator=generator, dtype=torch.float64
    )


@pytest.mark.parametrize('name', ATTENTIONS)
@pytest.mark.parametrize(
    ('length', 'width', 'lengths'),
    [(7, 5, (9, 1, 4)), (1, 8, (9, 9, 9)), (4, 3, None)],
)
def test_attention_equals_loops(name, length, width, lengths):
    attend, reference = ATTENTIONS[name]
    query = heads(length, width, 0)
    key, value = heads(9, width, 1), heads(9, width, 2)
    key_mask = None
    if lengths is not None:
        key_mask = length_mask(torch.tensor(lengths), 9)
    result = attend(query, key, value, key_mask)
    assert result.shape == query.shape
    for row in range(3):
        keys = 9 if lengths is None else lengths[row]
        for head in range(2):
            np.testing.assert_allclose(
                result[row, head],
                reference(
                    query[row, head].numpy(),
                    key[row, head, :keys].numpy(),
                    value[row, head, :keys].numpy(),
                ),
                atol=1e-12,
            )


def test_softmax_attention_takes_values_of_another_width_and_a_scale():
    query, key, value = heads(4, 6, 0), heads(5, 6, 1), heads(5, 11, 2)
    result = softmax_attention(query, key, value, None, scale=3.0)
    weights = (3.0 * query @ key.transpose(-2, -1)).softmax(-1)
    torch.testing.assert_close(result, weights @ value)


@pytest.mark.parametrize('attention', ATTENTIONS)
@pytest.mark.parametrize('cross', [False, True])
def test_padding_does_not_influence_a_layer(attention, cross):
    torch.manual_seed(0)
    layer = AttentionLayer(6, 2, attention).double()
    lengths = torch.tensor([5, 1, 3, 4])
    partner = torch.tensor([2, 3, 0, 1]) if cross else None
    frames = torch.randn(13, 6, dtype=torch.float64)
    results = []
    for padded_to in (5, 11):
        mask = length_mask(lengths, padded_to)
        results.append(layer(frames, AttentionGroups(mask, partner)))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize('cross', [False, True])
@pytest.mark.parametrize(
    ('limit', 'numbers'),
    [('MAX_PADDING', range(2, 8)), ('MAX_PADDING_GPU', [1])],
)
def test_groups_equal_one_padded_batch(cross, limit, numbers, monkeypatch):
    monkeypatch.setattr(grouping, 'MAX_PADDING', getattr(grouping, limit))
    torch.manual_seed(0)
    layer = AttentionLayer(6, 2).double()
    # Far enough apart for several groups; partners of different length.
    lengths = torch.tensor([40, 3, 18, 1, 30, 4, 20, 39])
    partner = torch.tensor([4, 5, 6, 7, 0, 1, 2, 3]) if cross else None
    mask = length_mask(lengths, 40)
    groups = AttentionGroups(mask, partner)
    assert len(groups.shapes) in numbers
    frames = torch.randn(155, 6, dtype=torch.float64)

    def padded_attend(function, query, key_value):
        packing = FramePacking(mask)
        query, keys = packing.unpack(query), packing.unpack(key_value)
        key_mask = mask
        if cross:
            keys, key_mask = keys[partner], mask[partner]
        message = function(
            query.transpose(1, 2),
            *keys.transpose(1, 3).unbind(2),
            key_mask,
        )
        return packing.pack(message.transpose(1, 2))

    class Padded:
        attend = staticmethod(padded_attend)

    torch.testing.assert_close(layer(frames, groups), layer(frames, Padded))


@pytest.mark.parametrize('number', [1, 5, 128])
def test_groups_compute_little_padding(number):
    rng = np.random.default_rng(number)
    lengths = torch.from_numpy(
        rng.lognormal(4.2, 0.6, number).clip(20, 660).astype(np.int64)
    )
    mask = length_mask(lengths, int(lengths.max()))
    groups = AttentionGroups(mask)
    computed = sum(rows * length for rows, length, _ in groups.shapes)
    assert sum(rows for rows, _, _ in groups.shapes) == number
    assert lengths.sum() >= 0.85 * computed


def test_a_gpu_has_fewer_groups():
    lengths = [40, 3, 18, 1, 30, 4, 20, 39]
    mask = length_mask(torch.tensor(lengths), 40)
    groups = AttentionGroups(mask)
    # Without values, where the host would wait for any.
    on_device = AttentionGroups(mask.to('meta'), lengths=lengths)
    assert len(on_device.shapes) < len(groups.shapes)
    assert sum(rows for rows, _, _ in on_device.shapes) == len(lengths)


def test_sequences_of_one_length_are_one_group_without_a_mask():
    groups = AttentionGroups(torch.ones(6, 4, dtype=torch.bool))
    assert groups.shapes == [(6, 4, 4)]
    assert groups.key_masks == [None]


@pytest.mark.parametrize('cross', [False, True])
def test_gradients_of_groups(cross):
    mask = length_mask(torch.tensor([4, 1, 2, 3]), 4)
    partner = torch.tensor([2, 3, 0, 1]) if cross else None
    groups = AttentionGroups(mask, partner)
    generator = torch.Generator().manual_seed(0)
    query, key_value = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((10, 1, 3), (10, 2, 1, 3))
    )
    torch.autograd.gradcheck(
        lambda *packed: groups.attend(softmax_attention, *packed),
        (query.requires_grad_(), key_value.requires_grad_()),
    )


@pytest.mark.parametrize('attention', ATTENTIONS)
def test_cross_layer_sees_both_sides_from_before(attention):
    torch.manual_seed(0)
    layer = AttentionLayer(6, 3, attention).double()
    view1 = torch.randn(2, 4, 6, dtype=torch.float64)
    view2 = torch.randn(2, 4, 6, dtype=torch.float64)
    mask = torch.ones(4, 4, dtype=torch.bool)
    packing = FramePacking(mask)

    def cross(first, second):
        frames = torch.cat([first, second])
        partner = torch.tensor([2, 3, 0, 1])
        groups = AttentionGroups(mask, partner)
        updated = packing.unpack(layer(packing.pack(frames), groups))
        return updated[:2], updated[2:]

    updated1, updated2 = cross(view1, view2)
    swapped2, swapped1 = cross(view2, view1)
    torch.testing.assert_close(swapped1, updated1)
    torch.testing.assert_close(swapped2, updated2)
    other1, other2 = cross(view1, view2 + 1)
    assert not torch.allclose(other1, updated1)
    assert not torch.allclose(other2, updated2)


@pytest.mark.parametrize('cross', [False, True])
def test_layer_is_a_residual_update_by_a_normalised_message(cross):
    torch.manual_seed(0)
    layer = AttentionLayer(4, 2).double()
    lengths, partner = (3, 1, 2, 5), (2, 3, 0, 1)
    mask = length_mask(torch.tensor(lengths), 5)
    frames = torch.randn(11, 4, dtype=torch.float64)
    groups = AttentionGroups(mask, torch.tensor(partner) if cross else None)
    result = layer(frames, groups)
    views = frames.split(lengths)
    projected = [view @ layer.query_key_value.weight.T for view in views]
    expected = []
    for row, view in enumerate(views):
        source = partner[row] if cross else row
        message = torch.zeros_like(view)
        for head in range(2):
            query, key, value = (
                projected[source if part else row][:, start : start + 2]
                for part, start in (
                    (part, 4 * part + 2 * head) for part in range(3)
                )
            )
            message[:, 2 * head : 2 * head + 2] = torch.from_numpy(
                loop_reference.softmax_attention(
                    *(x.detach().numpy() for x in (query, key, value))
                )
            )
        message = layer.message_norm(message @ layer.merge.weight.T)
        update = layer.mlp(torch.cat((view, message), -1))
        expected.append(view + layer.mlp_norm(update))
    torch.testing.assert_close(result, torch.cat(expected))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((75, 8), 'embed_dims=75.*num_heads=8'),
        ((8, 2, 'flash'), "linear.*softmax.*'flash'"),
    ],
)
def test_layer_refuses_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AttentionLayer(*arguments)


@pytest.mark.parametrize('dims', [1, 2, 7, 75, 128])
def test_position_code_equals_formula(dims):
    code = position_code(torch.arange(50.0).double(), dims)
    width = dims + dims % 2
    assert code.shape == (50, dims)
    for t in (0, 1, 13, 49):
        for column in range(dims):
            angle = t / 10000 ** (2 * (column // 2) / width)
            wave = math.cos if column % 2 else math.sin
            assert code[t, column].item() == pytest.approx(
                wave(angle), abs=1e-12
            )


def test_position_code_at_any_position():
    code = position_code(torch.arange(9.0).double(), 7)
    position = torch.tensor([[8.0, 3.0], [0.0, 3.0]], dtype=torch.float64)
    expected = code[position.long()]
    torch.testing.assert_close(position_code(position, 7), expected)


@pytest.mark.parametrize('width', [2, 5, 8])
def test_rotation_equals_formula(width):
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, 2, width, generator=generator).double()
    position = torch.tensor([0.0, 1.5, 40.0], dtype=torch.float64)
    expected = vectors.clone()
    even = width // 2 * 2
    for frame, t in enumerate(position.tolist()):
        for head in range(2):
            for i in range(0, even, 2):
                angle = t / 10000 ** (i / even)
                x, y = vectors[frame, head, i : i + 2].tolist()
                turned = complex(x, y) * complex(
                    math.cos(angle), math.sin(angle)
                )
                expected[frame, head, i] = turned.real
                expected[frame, head, i + 1] = turned.imag
    torch.testing.assert_close(rotate_by_position(vectors, position), expected)


def test_rotated_products_depend_on_differences_of_position():
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 6, 2, 5, generator=generator).double()
    position = torch.rand(2, 6, generator=generator).double() * 50

    def products(shift):
        first, second = position + shift
        turned = rotate_by_position(query, first)
        return (turned * rotate_by_position(key, second)).sum(-1)

    torch.testing.assert_close(products(0.0), products(17.5))
    assert not torch.allclose(products(0.0), (query * key).sum(-1))


@pytest.mark.parametrize('lengths', [(4, 4), (4, 1), (2, 3)])
def test_packing_round_trip(lengths):
    mask = length_mask(torch.tensor(lengths), 4)
    packing = FramePacking(mask)
    padded = torch.randn(2, 4, 3)
    packed = packing.pack(padded)
    assert torch.equal(packed, padded[mask])
    restored = packing.unpack(packed)
    assert torch.equal(restored, padded.masked_fill(~mask[..., None], 0))
    assert torch.equal(packing.pack(restored), packed)


def test_packing_leaves_out_even_nan():
    mask = length_mask(torch.tensor([2, 3]), 3)
    padded = torch.randn(2, 3, 4).masked_fill(~mask[..., None], float('nan'))
    packing = FramePacking(mask)
    assert packing.unpack(packing.pack(padded)).isfinite().all()


@pytest.mark.parametrize('widths', [(), (5,), (5, 0)])
def test_mlp_needs_two_positive_widths(widths):
    with pytest.raises(ValueError, match='two or more positive'):
        build_mlp(widths)


def test_mlp_has_relu_between_its_layers_only():
    torch.manual_seed(0)
    mlp = build_mlp((3, 4, 2))
    frames = torch.randn(6, 3)
    first, _, last = mlp
    hidden = (frames @ first.weight.T + first.bias).clamp_min(0)
    torch.testing.assert_close(mlp(frames), hidden @ last.weight.T + last.bias)
