from itertools import chain

import numpy as np
import pytest
from mmaction.registry import DATA_SAMPLERS
from mmengine.dataset import DefaultSampler, InfiniteSampler

from masa.datasets import LengthBucketBatchSampler


class Lengths:
    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)


def penn_like(number, seed=0):
    """Log-normal numbers of frames, 20 to 660, median 65."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.lognormal(4.2, 0.6, number), 20, 660).astype(int)


def batch_sampler(lengths, batch_size, seed=0, shuffle=True, **kwargs):
    sampler = DefaultSampler(Lengths(lengths), shuffle=shuffle, seed=seed)
    return LengthBucketBatchSampler(sampler, batch_size, **kwargs)


def batches(sampler, epoch=0):
    sampler.sampler.set_epoch(epoch)
    return list(sampler)


def padding_share(lengths, some_batches):
    used = sum(lengths[batch].sum() for batch in some_batches)
    padded = sum(lengths[b].max() * len(b) for b in some_batches)
    return 1 - used / padded


@pytest.mark.parametrize('number', [1, 5, 16, 37, 300])
@pytest.mark.parametrize('batch_size', [1, 4, 16])
@pytest.mark.parametrize('max_padding', [0, 0.1, 1])
def test_every_index_comes_once(number, batch_size, max_padding):
    sampler = batch_sampler(
        penn_like(number), batch_size, max_padding=max_padding
    )
    for epoch in range(3):
        some_batches = batches(sampler, epoch)
        assert sorted(chain(*some_batches)) == list(range(number))
        assert len(some_batches) == len(sampler)
        assert max(map(len, some_batches)) <= batch_size


def test_batches_are_full_and_even():
    sampler = batch_sampler(penn_like(37), 16)
    assert sorted(map(len, batches(sampler))) == [12, 12, 13]


@pytest.mark.parametrize('batch_size', [16, 32, 64])
def test_no_batch_pads_more_than_it_may(batch_size):
    lengths = penn_like(1200)
    exact = batch_sampler(lengths, batch_size, blur=0, max_padding=0.15)
    for batch in batches(exact):
        assert padding_share(lengths, [batch]) <= 0.15
    blurred = batch_sampler(lengths, batch_size, max_padding=0.15)
    full = batch_sampler(lengths, batch_size)
    for epoch in range(3):
        assert padding_share(lengths, batches(blurred, epoch)) < 0.15
    # Not by many small batches.
    assert len(full) <= len(exact) <= len(full) + 8


def test_a_batch_ends_only_where_it_must():
    lengths = np.array([100, 90, 80, 50, 50, 50, 49])
    sampler = batch_sampler(lengths, 4, max_padding=0.1, shuffle=False)
    # (100 + 90 + 80) of 300 is 10 % padding, and 50 would be too much.
    assert batches(sampler) == [[0, 1, 2], [3, 4, 5, 6]]


@pytest.mark.parametrize(
    ('batch_size', 'limit'), [(16, 0.1), (32, 0.15), (64, 0.2)]
)
def test_full_batches_pad_little(batch_size, limit):
    lengths = penn_like(1200)
    sampler = batch_sampler(lengths, batch_size)
    unsorted = batch_sampler(lengths, batch_size, blur=1e6)
    for epoch in range(3):
        assert padding_share(lengths, batches(sampler, epoch)) < limit
        assert padding_share(lengths, batches(unsorted, epoch)) > 0.5


@pytest.mark.parametrize('number', [2, 37, 300])
def test_processes_share_an_epoch(number):
    lengths = penn_like(number)
    parts = []
    for rank in range(3):
        sampler = DefaultSampler(Lengths(lengths), seed=0)
        sampler.rank, sampler.world_size = rank, 3
        parts.append(batches(LengthBucketBatchSampler(sampler, 8), 5))
    assert set(chain(*chain(*parts))) == set(range(number))
    assert len({len(part) for part in parts}) == 1
    for together in zip(*parts, strict=True):
        assert len({len(batch) for batch in together}) == 1
        longest = [lengths[batch].max() for batch in together]
        assert max(longest) <= 1.4 * min(longest)
    repeated = len(list(chain(*chain(*parts)))) - number
    assert repeated == -number % 3


def batch_mates_kept(sampler):
    """Share of pairs in one batch that share the next epoch's batch too."""

    def pairs(epoch):
        return {
            (i, j)
            for batch in batches(sampler, epoch)
            for i in batch
            for j in batch
            if i < j
        }

    first, second = pairs(0), pairs(1)
    return len(first & second) / len(first)


def test_who_meets_changes_by_the_blur():
    lengths = penn_like(800)
    assert batch_mates_kept(batch_sampler(lengths, 16, blur=0)) == 1
    assert batch_mates_kept(batch_sampler(lengths, 16)) < 0.35


def test_order_depends_on_seed_and_epoch_alone():
    lengths = penn_like(300)
    table = {
        (seed, epoch): batches(batch_sampler(lengths, 16, seed), epoch)
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    orders = [str(order) for order in table.values()]
    assert len(set(orders)) == 4
    again = batch_sampler(lengths, 16, seed=1)
    batches(again, 0)
    assert batches(again, 1) == table[1, 1]


def test_long_batches_come_at_any_time():
    lengths = penn_like(300)
    means = [
        lengths[batch].mean() for batch in batches(batch_sampler(lengths, 16))
    ]
    assert means != sorted(means)


def test_batches_come_in_another_order_even_if_the_sequences_do_not():
    sampler = batch_sampler(penn_like(300), 16, blur=0)
    first, second = batches(sampler, 0), batches(sampler, 1)
    assert first != second
    assert sorted(first) == sorted(second)
    assert batches(sampler, 0) == first


def test_without_shuffling_every_epoch_is_the_same_longest_first():
    lengths = penn_like(300)
    sampler = batch_sampler(lengths, 16, shuffle=False)
    first = batches(sampler, 0)
    assert batches(sampler, 1) == first
    in_order = lengths[list(chain(*first))]
    assert (np.diff(in_order) <= 0).all()


def test_batches_are_lists_of_int():
    for batch in batches(batch_sampler(penn_like(20), 8)):
        assert isinstance(batch, list)
        assert {type(index) for index in batch} == {int}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(max_padding=1.5), 'max_padding.*1.5'),
        (dict(max_padding=-1), 'max_padding.*-1'),
        (dict(batch_size=0), 'batch_size.*0'),
        (dict(blur=-0.1), 'blur.*-0.1'),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        batch_sampler(penn_like(20), **{'batch_size': 8, **arguments})


def test_data_set_must_know_its_lengths():
    sampler = DefaultSampler([1, 2, 3], seed=0)
    with pytest.raises(ValueError, match=r'`lengths`.*list'):
        LengthBucketBatchSampler(sampler, 2)


def test_the_sampler_must_be_the_one_that_it_knows():
    sampler = InfiniteSampler(Lengths([1, 2, 3]), seed=0)
    with pytest.raises(ValueError, match=r'DefaultSampler.*InfiniteSampler'):
        LengthBucketBatchSampler(sampler, 2)


def test_it_is_registered():
    sampler = DefaultSampler(Lengths(penn_like(20)), seed=0)
    built = DATA_SAMPLERS.build(
        dict(type='LengthBucketBatchSampler'),
        default_args=dict(sampler=sampler, batch_size=4),
    )
    assert isinstance(built, LengthBucketBatchSampler)
