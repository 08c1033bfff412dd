import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from training_batches import collated_batch

from masa.models import FrameReadout


def loop_readout(sequence, clip, clock):
    """One sequence, (T, D), by the definition."""
    directions = [frame / np.linalg.norm(frame) for frame in sequence]
    mean = np.mean(directions, axis=0)
    rows = []
    for t, direction in enumerate(directions):
        parts = [direction]
        if clip:
            parts.append(clip * mean / np.linalg.norm(mean))
        if clock:
            parts.append([clock * t / len(sequence)])
        rows.append(np.concatenate(parts))
    return np.array(rows)


@pytest.mark.parametrize(
    ('clip', 'clock'), [(0, 0), (1.5, 0), (0, 2.0), (0.5, 3.0)]
)
def test_equals_loops_with_padding(clip, clock):
    rng = np.random.default_rng(0)
    lengths = (5, 1, 9)
    values = rng.normal(size=(3, 9, 4)).astype(np.float32)
    mask = np.arange(9) < np.array(lengths)[:, None]
    # The padding may hold anything.
    values[~mask] = np.nan
    readout = FrameReadout(clip=clip, clock=clock)
    found = readout(torch.from_numpy(values), torch.from_numpy(mask)).numpy()
    assert found.shape[2] == readout.width(4)
    assert found.dtype == np.float32
    for row, length in enumerate(lengths):
        expected = loop_readout(values[row, :length], clip, clock)
        np.testing.assert_allclose(found[row, :length], expected, atol=1e-6)
        assert (found[row, length:] == 0).all()


def test_a_frame_of_zeros_stays_finite():
    found = FrameReadout(clip=1, clock=1)(
        torch.zeros(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)
    )
    expected = torch.zeros(1, 2, 7)
    expected[0, 1, -1] = 0.5
    torch.testing.assert_close(found, expected)


def test_half_precision_is_read_out_in_full():
    embedding = torch.randn(1, 3, 4, generator=torch.manual_seed(0))
    mask = torch.ones(1, 3, dtype=torch.bool)
    found = FrameReadout(clock=1)(embedding.half(), mask)
    assert found.dtype == torch.float32
    torch.testing.assert_close(
        found, FrameReadout(clock=1)(embedding, mask), atol=2e-3, rtol=0
    )


@pytest.mark.parametrize('name', ['clip', 'clock'])
def test_weights_are_not_negative(name):
    with pytest.raises(ValueError, match=f'{name}.*-1'):
        FrameReadout(**{name: -1})


def test_model_reads_out_what_it_predicts_and_trains_as_without():
    def build(**readout):
        torch.manual_seed(0)
        return MODELS.build(
            dict(
                type='SequenceAligner',
                backbone=dict(
                    type='ContextAwareEncoder',
                    in_channels=6,
                    embed_dims=8,
                    num_heads=2,
                    layers=('self',),
                ),
                neck=dict(type='ProjectionNeck', in_channels=8),
                head=dict(type='CARLHead'),
                **readout,
            )
        )

    plain = build()
    model = build(readout=dict(type='FrameReadout', clip=0.5, clock=2.0))
    assert (plain.embed_dims, model.embed_dims) == (8, 17)
    assert model.state_dict().keys() == plain.state_dict().keys()
    data = model.data_preprocessor(collated_batch((7, 4), 6), True)
    losses = [m(**data, mode='loss')['loss'] for m in (plain, model)]
    torch.testing.assert_close(*losses, rtol=0, atol=0)

    plain.eval(), model.eval()
    data['inputs'] = data['inputs'][:1]
    with torch.no_grad():
        embeddings = [
            [sample.embedding for sample in m(**data, mode='predict')]
            for m in (plain, model)
        ]
    for before, after in zip(*embeddings, strict=True):
        expected = loop_readout(before.numpy().astype(float), 0.5, 2.0)
        np.testing.assert_allclose(after.numpy(), expected, atol=1e-5)
