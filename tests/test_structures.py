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


def test_sequences_are_padded_to_a_batch():
    sequences = [torch.randn(3, 2), torch.randn(1, 2)]
    view = SequenceBatch.from_sequences(
        sequences, [torch.tensor([1, 4, 6]), torch.tensor([5])], [9, 6]
    )
    assert view.values.shape == (2, 3, 2)
    for row, sequence in zip(view.values, sequences, strict=True):
        torch.testing.assert_close(row[: len(sequence)], sequence)
    assert view.mask.tolist() == [[True] * 3, [True, False, False]]
    assert view.frame_index.tolist() == [[1, 4, 6], [5, 0, 0]]
    assert view.num_frames.tolist() == [9, 6]
    assert view.host_lengths == (3, 1)
    whole = SequenceBatch.from_sequences(sequences)
    assert whole.frame_index.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert whole.num_frames.tolist() == [3, 1]
