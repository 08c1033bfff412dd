import torch

from masa.structures import SequenceBatch, length_mask


def test_length_mask_is_true_first():
    mask = length_mask(torch.tensor([3, 0, 5]), 5)
    assert mask.dtype == torch.bool
    for row, length in zip(mask.tolist(), (3, 0, 5), strict=True):
        assert row == [t < length for t in range(5)]


def test_lengths_count_the_frames_of_the_view():
    lengths = torch.tensor([3, 1, 5])
    view = SequenceBatch(
        values=torch.zeros(3, 6, 2),
        mask=length_mask(lengths, 6),
        frame_index=torch.zeros(3, 6, dtype=torch.int64),
        num_frames=torch.tensor([9, 9, 9]),
    )
    assert torch.equal(view.lengths, lengths)


def test_relative_time_is_a_share_of_the_original_length():
    view = SequenceBatch(
        values=torch.zeros(2, 3, 1),
        mask=torch.ones(2, 3, dtype=torch.bool),
        frame_index=torch.tensor([[0, 2, 7], [1, 2, 3]]),
        num_frames=torch.tensor([8, 4]),
    )
    time = view.relative_time(torch.float64)
    assert time.dtype == torch.float64
    assert time.tolist() == [[0, 0.25, 0.875], [0.25, 0.5, 0.75]]
