import math

import loop_reference
import numpy as np
import pytest
import torch

import masa.models.layers.groups as grouping
from masa.models.layers import (
    AttentionGroups,
    CrossAttentionBlock,
    FramePacking,
    SelfAttentionBlock,
    attend,
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
BLOCKS = [SelfAttentionBlock, CrossAttentionBlock]
CPU = torch.device('cpu')


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
@pytest.mark.parametrize('kind', BLOCKS)
def test_padding_does_not_influence_a_block(attention, kind):
    torch.manual_seed(0)
    block = kind(6, 2, attention).double()
    lengths = torch.tensor([5, 1, 3, 4])
    frames = torch.randn(13, 6, dtype=torch.float64)
    results = []
    for padded_to in (5, 11):
        packing = FramePacking(length_mask(lengths, padded_to), paired=True)
        results.append(block(frames, packing))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize('attention', ATTENTIONS)
@pytest.mark.parametrize('cross', [False, True])
@pytest.mark.parametrize(
    ('limit', 'numbers'),
    [('MAX_PADDING', range(2, 8)), ('MAX_PADDING_GPU', [1])],
)
def test_groups_equal_masked_attention(
    attention, cross, limit, numbers, monkeypatch
):
    monkeypatch.setattr(grouping, 'MAX_PADDING', getattr(grouping, limit))
    # Far enough apart for several groups; views of different lengths.
    lengths = torch.tensor([40, 3, 18, 1, 30, 4, 20, 39])
    mask = length_mask(lengths, 40)
    packing = FramePacking(mask, paired=True)
    assert len(packing.groups(cross).shapes) in numbers
    function, _ = ATTENTIONS[attention]
    generator = torch.Generator().manual_seed(0)
    heads = torch.randn(
        3, 8, 40, 2, 5, generator=generator, dtype=torch.float64
    )
    query, key, value = heads.transpose(2, 3)
    source = torch.arange(8).roll(4) if cross else torch.arange(8)
    expected = function(query, key[source], value[source], mask[source])
    found = attend(function, *map(packing.pack, heads), packing, cross)
    torch.testing.assert_close(found, packing.pack(expected.transpose(1, 2)))


@pytest.mark.parametrize('attention', ATTENTIONS)
@pytest.mark.parametrize('rotated', [False, True])
@pytest.mark.parametrize('kind', BLOCKS)
def test_without_a_packing_all_frames_exist(attention, rotated, kind):
    torch.manual_seed(0)
    block = kind(6, 3, attention).double()
    frames = torch.randn(4, 7, 6, dtype=torch.float64)
    # Not paired: every sequence takes the place of both views.
    packing = FramePacking(torch.ones(4, 7, dtype=torch.bool))
    position = torch.arange(7.0).double() if rotated else None
    expected = block(
        packing.pack(frames), packing, position.repeat(4) if rotated else None
    )
    torch.testing.assert_close(
        block(frames, None, position), packing.unpack(expected)
    )


@pytest.mark.parametrize('kind', BLOCKS)
def test_a_block_without_a_packing_is_one_graph(kind):
    torch.manual_seed(0)
    block = kind(6, 2)
    compiled = torch.compile(
        block, backend='eager', fullgraph=True, dynamic=True
    )
    for length in (7, 4):
        frames = torch.randn(3, length, 6)
        torch.testing.assert_close(compiled(frames), block(frames))


@pytest.mark.parametrize('number', [1, 5, 128])
def test_groups_compute_little_padding(number):
    rng = np.random.default_rng(number)
    lengths = rng.lognormal(4.2, 0.6, number).clip(20, 660).astype(np.int64)
    groups = AttentionGroups(lengths, CPU)
    computed = sum(rows * length for rows, length, _ in groups.shapes)
    assert sum(rows for rows, _, _ in groups.shapes) == number
    assert lengths.sum() >= 0.85 * computed


def test_a_gpu_has_fewer_groups():
    lengths = np.array([40, 3, 18, 1, 30, 4, 20, 39])
    groups = AttentionGroups(lengths, CPU)
    # Tensors without values: reading one on the host would fail.
    on_device = AttentionGroups(lengths, torch.device('meta'))
    assert len(on_device.shapes) < len(groups.shapes)
    assert sum(rows for rows, _, _ in on_device.shapes) == len(lengths)


def test_sequences_of_one_length_are_one_group_without_a_mask():
    groups = AttentionGroups(np.full(6, 4), CPU)
    assert groups.shapes == [(6, 4, 4)]
    assert groups.key_masks == [None]


@pytest.mark.parametrize('paired', [False, True])
def test_gradients_of_groups(paired):
    groups = AttentionGroups(np.array([4, 1, 2, 3]), CPU, paired)
    generator = torch.Generator().manual_seed(0)
    packed = torch.randn(
        3, 10, 1, 3, generator=generator, dtype=torch.float64
    ).requires_grad_()
    torch.autograd.gradcheck(
        lambda heads: groups.attend(softmax_attention, *heads), packed
    )


@pytest.mark.parametrize('attention', ATTENTIONS)
def test_cross_block_sees_both_sides_from_before(attention):
    torch.manual_seed(0)
    block = CrossAttentionBlock(6, 3, attention).double()
    view1 = torch.randn(2, 4, 6, dtype=torch.float64)
    view2 = torch.randn(2, 4, 6, dtype=torch.float64)
    packing = FramePacking(torch.ones(4, 4, dtype=torch.bool), paired=True)

    def cross(first, second):
        frames = packing.pack(torch.cat([first, second]))
        updated = packing.unpack(block(frames, packing))
        return updated[:2], updated[2:]

    updated1, updated2 = cross(view1, view2)
    swapped2, swapped1 = cross(view2, view1)
    torch.testing.assert_close(swapped1, updated1)
    torch.testing.assert_close(swapped2, updated2)
    other1, other2 = cross(view1, view2 + 1)
    assert not torch.allclose(other1, updated1)
    assert not torch.allclose(other2, updated2)


@pytest.mark.parametrize('attention', ATTENTIONS)
@pytest.mark.parametrize('rotated', [False, True])
@pytest.mark.parametrize('kind', BLOCKS)
def test_block_is_a_residual_update_by_a_normalized_message(
    attention, rotated, kind
):
    torch.manual_seed(0)
    block = kind(4, 2, attention).double()
    _, reference = ATTENTIONS[attention]
    lengths, other_view = (3, 1, 2, 5), (2, 3, 0, 1)
    packing = FramePacking(length_mask(torch.tensor(lengths), 5), paired=True)
    frames = torch.randn(11, 4, dtype=torch.float64)
    position = torch.cat([torch.arange(n) * 1.5 for n in lengths]).double()
    result = block(frames, packing, position if rotated else None)

    def project(row):
        heads = (views[row] @ block.query_key_value.weight.T).reshape(
            -1, 3, 2, 2
        )
        if rotated:
            steps = torch.arange(len(heads)).double() * 1.5
            for part in (0, 1):
                heads[:, part] = rotate_by_position(heads[:, part], steps)
        return heads.detach().numpy()

    views = frames.split(lengths)
    expected = []
    for row, view in enumerate(views):
        source = other_view[row] if kind.cross else row
        message = torch.cat(
            [
                torch.from_numpy(
                    reference(
                        project(row)[:, 0, head],
                        project(source)[:, 1, head],
                        project(source)[:, 2, head],
                    )
                )
                for head in range(2)
            ],
            -1,
        )
        message = block.message_norm(message @ block.merge.weight.T)
        update = block.mlp(torch.cat((view, message), -1))
        expected.append(view + block.mlp_norm(update))
    torch.testing.assert_close(result, torch.cat(expected))


def test_parameters_have_the_names_of_saved_checkpoints():
    for kind in BLOCKS:
        assert set(kind(4, 2).state_dict()) == {
            'query_key_value.weight',
            'merge.weight',
            'message_norm.weight',
            'message_norm.bias',
            'mlp.0.weight',
            'mlp.0.bias',
            'mlp.2.weight',
            'mlp.2.bias',
            'mlp_norm.weight',
            'mlp_norm.bias',
        }


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((75, 8), 'embed_dims=75.*num_heads=8'),
        ((8, 2, 'flash'), "linear.*softmax.*'flash'"),
    ],
)
def test_block_refuses_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SelfAttentionBlock(*arguments)


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
    with pytest.raises(ValueError, match='widths'):
        build_mlp(widths)


def test_mlp_has_relu_between_its_layers_only():
    torch.manual_seed(0)
    mlp = build_mlp((3, 4, 2))
    frames = torch.randn(6, 3)
    first, _, last = mlp
    hidden = (frames @ first.weight.T + first.bias).clamp_min(0)
    torch.testing.assert_close(mlp(frames), hidden @ last.weight.T + last.bias)
