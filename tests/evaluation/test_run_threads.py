import os
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from masa.embeddings.threads import run_threads


def test_every_item_is_done_with_one_blas_thread_each():
    before = blas_threads()
    done = {}
    run_threads(
        lambda item: done.update({item: {*blas_threads().values()}}), range(20)
    )
    assert done == {item: {1} for item in range(20)}
    assert blas_threads() == before


def test_an_error_comes_out_and_the_threads_come_back():
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        run_threads(lambda item: 1 / item, [1, 0])
    assert blas_threads() == before


@pytest.mark.parametrize(
    ('value', 'expected'), [('3', 3), ('2,4', 2), ('', None), ('many', None)]
)
def test_number_of_threads(value, expected, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', value)
    threads = set()
    wanted = expected or os.cpu_count()
    # Every item waits for as many threads as are expected.
    together = threading.Barrier(wanted, timeout=30)

    def work(item):
        threads.add(threading.get_ident())
        together.wait()

    run_threads(work, range(wanted))
    assert len(threads) == wanted


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


def test_it_may_call_itself_in_the_same_thread():
    done = []
    threads = {}

    def work(i):
        threads[i] = threading.get_ident()
        run_threads(lambda j: done.append((i, j, threading.get_ident())), 'ab')

    run_threads(work, range(4))
    assert sorted(done) == [(i, j, threads[i]) for i in range(4) for j in 'ab']
