from itertools import chain

import numpy as np
import pytest
from mmaction.registry import DATA_SAMPLERS
from mmengine.dataset import DefaultSampler

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
@pytest.mark.parametrize('bucket_size', [1, 3, 16])
def test_every_index_comes_once(number, batch_size, bucket_size):
    sampler = batch_sampler(
        penn_like(number), batch_size, bucket_size=bucket_size
    )
    some_batches = batches(sampler)
    assert sorted(chain(*some_batches)) == list(range(number))
    assert len(some_batches) == len(sampler) == -(-number // batch_size)
    assert max(map(len, some_batches)) <= batch_size


@pytest.mark.parametrize('number', [5, 16, 37, 300])
def test_drop_last_drops_any_sequence(number):
    sampler = batch_sampler(penn_like(number), 16, drop_last=True)
    assert len(sampler) == number // 16
    dropped = []
    for epoch in range(40):
        some_batches = batches(sampler, epoch)
        assert len(some_batches) == len(sampler)
        assert all(len(batch) == 16 for batch in some_batches)
        dropped.append(set(range(number)) - set(chain(*some_batches)))
        assert len(dropped[-1]) == number % 16
    if number > 16 and number % 16:
        # Not the same ones, such as the longest, epoch after epoch.
        assert not set.intersection(*dropped)
        assert len(set.union(*dropped)) > 0.8 * number


def test_the_last_pool_is_cut_evenly():
    sizes = sorted(map(len, batches(batch_sampler(penn_like(37), 16))))
    assert sizes == [12, 12, 13]


@pytest.mark.parametrize(
    ('batch_size', 'limit'), [(16, 0.1), (32, 0.15), (64, 0.2)]
)
def test_little_is_padded(batch_size, limit):
    lengths = penn_like(1200)
    sampler = batch_sampler(lengths, batch_size)
    unsorted = batch_sampler(lengths, batch_size, bucket_size=1)
    for epoch in range(3):
        assert padding_share(lengths, batches(sampler, epoch)) < limit
        assert padding_share(lengths, batches(unsorted, epoch)) > 0.5


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


def test_who_meets_changes_even_in_a_single_pool():
    lengths = penn_like(800)
    assert batch_mates_kept(batch_sampler(lengths, 16, blur=0)) > 0.5
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
    sampler = batch_sampler(penn_like(300), 16, shuffle=False, blur=0)
    first, second = batches(sampler, 0), batches(sampler, 1)
    assert first != second
    assert sorted(first) == sorted(second)
    assert batches(sampler, 0) == first


def test_batches_are_lists_of_int():
    for batch in batches(batch_sampler(penn_like(20), 8)):
        assert isinstance(batch, list)
        assert {type(index) for index in batch} == {int}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(bucket_size=0), 'bucket_size.*got 0'),
        (dict(blur=-0.1), 'blur.*got -0.1'),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        batch_sampler(penn_like(20), 8, **arguments)


def test_data_set_must_know_its_lengths():
    sampler = DefaultSampler([1, 2, 3], seed=0)
    with pytest.raises(ValueError, match=r'`lengths`.*got list'):
        LengthBucketBatchSampler(sampler, 2)


def test_it_is_registered():
    sampler = DefaultSampler(Lengths(penn_like(20)), seed=0)
    built = DATA_SAMPLERS.build(
        dict(type='LengthBucketBatchSampler'),
        default_args=dict(sampler=sampler, batch_size=4),
    )
    assert isinstance(built, LengthBucketBatchSampler)
