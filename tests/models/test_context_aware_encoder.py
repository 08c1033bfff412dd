import inspect

import pytest
import torch

from masa.models import ContextAwareEncoder
from masa.models.layers import position_code, rotate_by_position

LENGTHS1, LENGTHS2 = (9, 1, 5), (4, 7, 1)
TOTALS = (12, 12, 12)


@pytest.fixture
def views(make_view):
    return (
        make_view(LENGTHS1, TOTALS, 5, 1, dtype=torch.float64),
        make_view(LENGTHS2, TOTALS, 5, 2, dtype=torch.float64),
    )


def encoder(**kwargs):
    torch.manual_seed(0)
    kwargs = dict(in_channels=5, embed_dims=6, num_heads=2) | kwargs
    model = ContextAwareEncoder(**kwargs)
    model.init_weights()
    return model.double().eval()


def embed(model, view1, view2):
    return model(view1.values, view1.mask, view2.values, view2.mask)


LAYERS = [('self', 'cross', 'self', 'cross'), ('self',), ('cross',), ()]


@pytest.mark.parametrize('layers', LAYERS)
@pytest.mark.parametrize('attention', ['softmax', 'linear'])
def test_padding_changes_nothing(make_view, layers, attention):
    model = encoder(layers=layers, attention=attention)

    def result(extra, padding):
        views = [
            make_view(lengths, TOTALS, 5, seed, more, padding, torch.float64)
            for seed, (lengths, more) in enumerate(
                zip((LENGTHS1, LENGTHS2), extra, strict=True)
            )
        ]
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


@pytest.mark.parametrize('layers', LAYERS)
def test_rows_are_independent(views, layers):
    model = encoder(layers=layers)
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


def block_update(block, frames, source, position, source_position):
    """A block of one sequence, with the matrix between its frames."""

    def heads(x, where):
        parts = (x @ block.query_key_value.weight.T).unflatten(
            -1, (3, block.num_heads, -1)
        )
        query, key, value = parts.unbind(1)
        if where is not None:
            query, key = (rotate_by_position(y, where) for y in (query, key))
        return [y.transpose(0, 1) for y in (query, key, value)]

    query = heads(frames, position)[0]
    _, key, value = heads(source, source_position)
    products = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
    message = (products.softmax(-1) @ value).transpose(0, 1).flatten(1)
    message = block.message_norm(message @ block.merge.weight.T)
    update = block.mlp(torch.cat((frames, message), -1))
    return frames + block.mlp_norm(update)


@pytest.mark.parametrize('position', ['sinusoidal', 'rotary', None])
@pytest.mark.parametrize(
    'options', [{}, dict(tempo=2.0), dict(hidden_frames=0.4)]
)
def test_it_is_equation_1_for_every_pair(views, position, options):
    layers = ('self', 'cross', 'cross', 'self')
    model = encoder(layers=layers, position=position, **options).train()
    torch.manual_seed(1)
    found = embed(model, *views)
    torch.manual_seed(1)
    tempo = torch.ones(6, 1)
    if 'tempo' in options:
        tempo = 2 ** (2 * torch.rand(6, 1) - 1).double()
    lengths = LENGTHS1 + LENGTHS2
    hidden = torch.zeros(sum(lengths), 1, dtype=torch.bool)
    if 'hidden_frames' in options:
        hidden = torch.rand(sum(lengths), 1) < 0.4
        assert 0 < hidden.sum() < len(hidden)
    hidden = hidden.split(lengths)
    for row in range(3):
        sides, positions = [], []
        for view, index in zip(views, (row, 3 + row), strict=True):
            values = view.values[row, : lengths[index]]
            frames = model.frame_mlp(values) * 6**0.5
            if 'hidden_frames' in options:
                frames = torch.where(hidden[index], model.hidden_frame, frames)
            steps = torch.arange(lengths[index]).double() * tempo[index]
            if position == 'sinusoidal':
                frames = frames + position_code(steps, 6)
            sides.append(frames)
            positions.append(steps if position == 'rotary' else None)
        for kind, block in zip(layers, model.attention_layers, strict=True):
            step = -1 if kind == 'cross' else 1
            sides = [
                block_update(block, *pair)
                for pair in zip(
                    sides,
                    sides[::step],
                    positions,
                    positions[::step],
                    strict=True,
                )
            ]
        for u, expected in zip(found, sides, strict=True):
            torch.testing.assert_close(u[row, : len(expected)], expected)


def test_parameters_have_the_names_of_saved_checkpoints():
    model = encoder(layers=('self', 'cross'), hidden_frames=0.1)
    names = {name.rsplit('.', 1)[0] for name in model.state_dict()}
    parts = ('query_key_value', 'merge', 'message_norm', 'mlp_norm')
    parts += ('mlp.0', 'mlp.2')
    assert names == {
        'hidden_frame',
        *(f'frame_mlp.{i}' for i in (0, 2, 4)),
        *(f'attention_layers.{i}.{part}' for i in (0, 1) for part in parts),
    }


def test_swapping_the_views_swaps_the_outputs(views):
    model = encoder()
    u1, u2 = embed(model, *views)
    swapped2, swapped1 = embed(model, *reversed(views))
    torch.testing.assert_close(swapped1, u1)
    torch.testing.assert_close(swapped2, u2)


@pytest.mark.parametrize('layers', LAYERS)
def test_encode_is_the_sequence_on_both_sides(views, layers):
    model = encoder(layers=layers)
    view = views[0]
    both = embed(model, view, view)
    torch.testing.assert_close(*both)
    torch.testing.assert_close(model.encode(view.values, view.mask), both[0])


@pytest.mark.parametrize('layers', LAYERS)
def test_only_cross_layers_see_the_other_view(views, layers):
    model = encoder(layers=layers)
    view1, view2 = views
    u1, _ = embed(model, view1, view2)
    other, _ = embed(model, view1, view2._replace(values=view2.values + 1))
    assert torch.allclose(u1, other) == ('cross' not in layers)


def test_original_frame_indices_cannot_reach_it():
    # They would hand the matching loss its answer.
    for method in (ContextAwareEncoder.forward, ContextAwareEncoder.encode):
        names = set(inspect.signature(method).parameters) - {'self'}
        given = {'values', 'mask', 'lengths'}
        assert names <= given | {f'{n}{i}' for n in given for i in (1, 2)}


@pytest.mark.parametrize('scale', [True, False])
def test_without_layers_it_is_the_mlp_and_the_position(views, scale):
    model = encoder(layers=(), scale_features=scale, embed_dims=7)
    view = views[0]
    expected = model.frame_mlp(view.values) * (7**0.5 if scale else 1)
    position = torch.arange(view.mask.shape[1], dtype=torch.float64)
    expected = expected + position_code(position, 7)
    u = model.encode(view.values, view.mask)
    torch.testing.assert_close(u[view.mask], expected[view.mask])


def test_position_counts_within_the_view(views):
    # The first frame of a trimmed view is at position 0, like any first one.
    model = encoder(layers=())
    values, mask = views[0].values[:1], views[0].mask[:1]
    whole = model.encode(values, mask)
    part = model.encode(values[:, 3:], mask[:, 3:])
    code = position_code(torch.arange(mask.shape[1]).double(), 6)
    torch.testing.assert_close(
        part, whole[:, 3:] - code[3:] + code[: part.shape[1]]
    )


@pytest.mark.parametrize('position', ['sinusoidal', 'rotary', None])
def test_without_positions_order_is_unknown(views, position):
    model = encoder(position=position)
    values, mask = views[0].values[:1], views[0].mask[:1]
    order = torch.tensor([4, 0, 8, 1, 7, 2, 3, 6, 5])
    expected = model.encode(values, mask)[:, order]
    shuffled = model.encode(values[:, order], mask)
    assert torch.allclose(shuffled, expected) == (position is None)


@pytest.mark.parametrize('position', ['sinusoidal', 'rotary'])
def test_tempo_is_of_training_only(views, position):
    plain = encoder(position=position)
    model = encoder(position=position, tempo=2.0)
    expected = embed(plain, *views)
    torch.testing.assert_close(embed(model, *views), expected)
    model.train()
    torch.manual_seed(1)
    first = embed(model, *views)
    assert not torch.allclose(first[0], expected[0])
    torch.manual_seed(1)
    torch.testing.assert_close(embed(model, *views), first)
    assert not torch.allclose(embed(model, *views)[0], first[0])


def test_tempo_multiplies_positions(views):
    model = encoder(layers=(), tempo=3.0).train()
    values, mask = views[0].values, views[0].mask
    torch.manual_seed(1)
    exponent = 2 * torch.rand(3, 1) - 1
    torch.manual_seed(1)
    found = model.encode(values, mask)
    position = torch.arange(9).double() * 3 ** exponent.double()
    expected = model.frame_mlp(values) * 6**0.5 + position_code(position, 6)
    torch.testing.assert_close(found[mask], expected[mask])


def test_hidden_frames_are_of_training_only(views):
    plain, model = encoder(), encoder(hidden_frames=0.5)
    own = model.state_dict().keys() - plain.state_dict().keys()
    assert own == {'hidden_frame'}
    model.load_state_dict(plain.state_dict(), strict=False)
    expected = embed(plain, *views)
    torch.testing.assert_close(embed(model, *views), expected)
    model.train()
    torch.manual_seed(1)
    first = embed(model, *views)
    assert not torch.allclose(first[0], expected[0])
    torch.manual_seed(1)
    torch.testing.assert_close(embed(model, *views), first)
    assert not torch.allclose(embed(model, *views)[0], first[0])


def test_a_hidden_frame_has_the_place_and_nothing_else():
    model = encoder(layers=(), hidden_frames=0.3).train()
    torch.manual_seed(1)
    values = torch.randn(1, 4000, 5, dtype=torch.float64)
    found = model.encode(values, torch.ones(1, 4000, dtype=torch.bool))[0]
    code = position_code(torch.arange(4000.0).double(), 6)
    shown = model.frame_mlp(values[0]) * 6**0.5 + code
    hidden = torch.isclose(found, model.hidden_frame + code).all(1)
    torch.testing.assert_close(found[~hidden], shown[~hidden])
    # Four standard deviations.
    assert abs(hidden.double().mean() - 0.3) < 4 * (0.21 / 4000) ** 0.5
    # Every frame is hidden or not on its own.
    both = (hidden[1:] & hidden[:-1]).double().mean()
    assert abs(both - 0.09) < 0.03


@pytest.mark.parametrize('position', ['sinusoidal', 'rotary', None])
def test_what_is_hidden_cannot_be_read(views, position):
    almost_1 = 1 - 1e-12
    model = encoder(position=position, hidden_frames=almost_1).train()
    others = [view._replace(values=view.values + 1) for view in views]
    found, other = embed(model, *views), embed(model, *others)
    torch.testing.assert_close(found, other, rtol=0, atol=0)
    # Padding stays out of it.
    assert (found[0][~views[0].mask] == 0).all()
    model.eval()
    assert not torch.allclose(embed(model, *others)[0], found[0])


def test_the_hidden_frame_is_learned(views):
    model = encoder(hidden_frames=0.5).train()
    u1, u2 = embed(model, *views)
    (u1.square().sum() + u2.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize('scale', [True, False])
def test_the_hidden_frame_is_as_spread_as_frames(scale):
    model = encoder(
        in_channels=40,
        embed_dims=128,
        layers=(),
        position=None,
        scale_features=scale,
        hidden_frames=0.1,
    )
    poses = 0.7 * torch.randn(500, 40, dtype=torch.float64)
    frames = model.embed_frames(poses, torch.arange(500.0))
    ratio = model.hidden_frame.square().mean() / frames.square().mean()
    assert 0.5 < ratio**0.5 < 2


def test_hidden_frames_under_autocast(views):
    model = encoder(hidden_frames=0.5).float().train()
    values = [view.values.float() for view in views]
    with torch.autocast('cpu', torch.bfloat16):
        u1, _ = model(values[0], views[0].mask, values[1], views[1].mask)
    u1.float().sum().backward()
    assert u1.isfinite().all()
    assert model.hidden_frame.grad.dtype == torch.float32


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_positions_count_far_in_half_precision(dtype):
    model = encoder(layers=(), embed_dims=32).to(dtype)
    # Of the frames nothing is left.
    for parameter in model.frame_mlp[-1].parameters():
        parameter.data.zero_()
    values = torch.ones(1, 5000, 5, dtype=dtype)
    code = model.encode(values, torch.ones(1, 5000, dtype=torch.bool))[0]
    exact = position_code(torch.arange(5000.0).double(), 32)
    assert code.dtype == dtype
    assert (code - exact).abs().max() < 5e-3


def test_hidden_widths_are_an_argument():
    model = encoder(in_channels=5, hidden_channels=(11, 3))
    widths = [
        (layer.in_features, layer.out_features)
        for layer in model.frame_mlp
        if isinstance(layer, torch.nn.Linear)
    ]
    assert widths == [(5, 11), (11, 3), (3, 6)]


def test_wrong_widths_are_told(views):
    view1, view2 = views
    narrow = view2._replace(values=view2.values[..., :4])
    model = encoder()
    with pytest.raises(ValueError, match=r'in_channels=5.*4'):
        embed(model, view1, narrow)
    with pytest.raises(ValueError, match=r'in_channels=5.*4'):
        model.encode(narrow.values, narrow.mask)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_heads=4), 'embed_dims=6.*num_heads=4'),
        (dict(layers=('self', 'both')), "'both'"),
        (dict(attention='fused'), "'fused'"),
        (dict(hidden_channels=(0,)), 'positive'),
        (dict(position='learned'), "rotary.*'learned'"),
        (dict(tempo=0.5), 'tempo.*0.5'),
        (dict(hidden_frames=1), r'hidden_frames.*1'),
        (dict(hidden_frames=-0.1), 'hidden_frames.*-0.1'),
        (dict(hidden_frames=float('nan')), 'hidden_frames.*nan'),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        encoder(**arguments)
