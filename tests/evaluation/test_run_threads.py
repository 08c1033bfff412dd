import pytest
import torch

from masa.evaluation.functional.threads import run_threads


def test_every_item_is_done_with_one_torch_thread_each():
    before = torch.get_num_threads()
    done = {}
    run_threads(
        lambda item: done.update({item: torch.get_num_threads()}), range(20)
    )
    assert done == dict.fromkeys(range(20), 1)
    assert torch.get_num_threads() == before


def test_an_error_comes_out_and_the_threads_come_back():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        run_threads(lambda item: 1 / item, [1, 0])
    assert torch.get_num_threads() == before
