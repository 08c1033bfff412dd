import length_groups
import numpy as np
import pytest


@pytest.mark.parametrize('part', length_groups.PARTS)
def test_layouts_give_the_same_results(part):
    # Which compare() checks.
    epoch = [length_groups.make_views(np.array([30, 1, 12, 5]))]
    seconds = length_groups.compare(length_groups.PARTS[part], epoch, 1)
    assert seconds.keys() == length_groups.LAYOUTS.keys()
    assert min(seconds.values()) > 0


def test_the_batches_are_as_described():
    batches = length_groups.batches()
    assert [len(lengths) for lengths in batches['demo']] == [16]
    for name in ('uniform', 'long-tail', 'epoch'):
        assert {len(lengths) for lengths in batches[name]} == {64}
    view1, view2 = length_groups.make_views(batches['uniform'][0])
    assert view1.host_lengths != view2.host_lengths
    for view in (view1, view2):
        kept = view.lengths.numpy() / batches['uniform'][0]
        assert kept.min() >= 0.5
        assert kept.max() <= 1
