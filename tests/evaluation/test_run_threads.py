import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from masa.embeddings.threads import run_threads


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


def blas_threads():
    return {
        pool['filepath']: pool['num_threads']
        for pool in threadpool_info()
        if pool['user_api'] == 'blas'
    }


def test_limits_within_do_not_outlast_it():
    # Each thread would restore what it found, which may be another's limit.
    with threadpool_limits(2, 'blas'):
        before = blas_threads()
        seen = []

        def work(item):
            with threadpool_limits(1, 'blas'):
                seen.append(set(blas_threads().values()))

        run_threads(work, range(50))
        assert before
        assert blas_threads() == before
    assert seen == [{1}] * 50


def test_it_may_call_itself():
    done = []
    run_threads(
        lambda i: run_threads(lambda j: done.append((i, j)), range(3)),
        range(4),
    )
    assert sorted(done) == [(i, j) for i in range(4) for j in range(3)]
