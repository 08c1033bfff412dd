import torch

from masa.models.layers import frame_directions, sequence_directions


def test_existing_frames_have_length_one_and_padding_is_nothing():
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    frames[~mask] = float('nan')
    frames[0, 1] = 0
    frames.requires_grad_()
    found = frame_directions(frames, mask)
    for frame, one in (
        (frames[0, 0], found[0, 0]),
        (frames[1, 0], found[1, 0]),
    ):
        expected = frame / sum(x * x for x in frame) ** 0.5
        torch.testing.assert_close(one, expected)
    assert (found[0, 1:] == 0).all()
    assert (found[1, 1:] == 0).all()
    found.sum().backward()
    assert (frames.grad[~mask] == 0).all()


def test_a_sequence_points_where_its_frames_do():
    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    mask = torch.arange(4) < torch.tensor([[4], [1], [2]])
    # The frames of the last cancel out.
    frames[2, 1] = -frames[2, 0]
    directions = frame_directions(frames, mask)
    found = sequence_directions(directions)
    total = sum(directions[0])
    expected = total / sum(x * x for x in total) ** 0.5
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[1], directions[1, 0])
    assert (found[2] == 0).all()
