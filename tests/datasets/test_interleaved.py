import pytest
from mmengine.dataset import BaseDataset

from masa.datasets import InterleavedDataset


class Letters(BaseDataset):
    def __init__(self, letter, count):
        self.letter, self.count = letter, count
        super().__init__(pipeline=[lambda record: record['id']])

    def load_data_list(self):
        return [dict(id=f'{self.letter}{i}') for i in range(self.count)]


def test_samples_follow_the_pattern():
    dataset = InterleavedDataset(
        [Letters('a', 9), Letters('b', 3)], pattern=(0, 0, 1)
    )
    expected = ['a0', 'a1', 'b0', 'a2', 'a3', 'b1', 'a4', 'a5', 'b2']
    assert list(dataset) == expected
    assert len(dataset) == 9
    assert dataset[-1] == 'b2'
    assert dataset.get_data_info(3)['id'] == 'a2'


@pytest.mark.parametrize(('counts', 'length'), [((5, 9), 6), ((4, 1), 3)])
def test_it_ends_with_the_last_complete_round(counts, length):
    datasets = map(Letters, 'ab', counts)
    dataset = InterleavedDataset(list(datasets), pattern=(0, 0, 1))
    assert len(list(dataset)) == len(dataset) == length


@pytest.mark.parametrize('pattern', [(), (0,), (0, 1, 2), (0, -1)])
def test_patterns(pattern):
    with pytest.raises(ValueError, match='pattern'):
        InterleavedDataset([Letters('a', 2), Letters('b', 2)], pattern=pattern)
