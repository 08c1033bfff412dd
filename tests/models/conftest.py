import pytest
import torch

from masa.structures import SequenceBatch, length_mask


def random_view(
    lengths, num_frames, width, seed=0, extra=0, padding=0.0, dtype=None
):
    """A view of random frames, ``extra`` frames more padding than needed."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    lengths = torch.tensor(lengths)
    mask = length_mask(lengths, longest + extra)
    values = torch.full((len(lengths), longest + extra, width), padding)
    values[:, :longest] = torch.randn(
        len(lengths), longest, width, generator=generator
    )
    values[~mask] = padding
    index = torch.zeros(mask.shape, dtype=torch.int64)
    for row, (length, total) in enumerate(
        zip(lengths.tolist(), num_frames, strict=True)
    ):
        kept = torch.randperm(total, generator=generator)[:length]
        index[row, :length] = kept.sort().values
    return SequenceBatch(
        values.to(dtype or torch.float32),
        mask,
        index,
        torch.tensor(num_frames),
    )


@pytest.fixture
def make_view():
    return random_view


@pytest.fixture
def views(make_view):
    """Two views of four sequences, of unlike lengths, one frame among them."""
    totals, padding = (20, 15, 12, 9), float('nan')
    return (
        make_view((12, 15, 1, 7), totals, 6, 1, 2, padding, torch.float64),
        make_view((17, 5, 8, 1), totals, 6, 2, 1, padding, torch.float64),
    )
