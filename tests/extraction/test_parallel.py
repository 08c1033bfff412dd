import os
import time
from functools import partial

import pytest

from masa.extraction.errors import ExtractionError
from masa.extraction.parallel import run_in_processes


def square(number, advance):
    advance(number)
    return number**2, os.getpid()


def wait_for(folder, name, advance):
    """Ends only when the other item is being processed as well."""
    advance(1)
    (folder / name).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def fail(number, advance):
    raise OSError(f'no space for {number}')


def die(number, advance):
    os._exit(1)


@pytest.mark.parametrize('workers', [1, 3])
def test_every_item_has_its_result_and_all_frames_are_counted(workers):
    counted = []
    items = [2, 0, 5, 1]
    found = dict(run_in_processes(square, items, workers, counted.append))
    assert {item: result for item, (result, _) in found.items()} == {
        item: item**2 for item in items
    }
    assert sum(counted) == sum(items)
    own = {pid == os.getpid() for _, pid in found.values()}
    assert own == {workers == 1}


def test_items_are_processed_at_once(tmp_path):
    found = dict(
        run_in_processes(
            partial(wait_for, tmp_path), ['a', 'b'], 2, lambda frames: None
        )
    )
    assert found == dict(a=True, b=True)


def test_no_item():
    assert list(run_in_processes(square, [], 4, print)) == []


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_is_passed_on(workers):
    with pytest.raises(OSError, match='no space for 1'):
        list(run_in_processes(fail, [1, 1], workers, print))


def test_a_process_that_is_killed():
    with pytest.raises(ExtractionError, match='--workers'):
        list(run_in_processes(die, [1, 2], 2, print))
