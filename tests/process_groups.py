"""Runs functions in several processes that form a gloo group."""

import gc
import multiprocessing
import pickle
import traceback

import pytest
import torch.distributed


def run_in_processes(function, folder, *args, world_size=2):
    """What ``function(rank, *args)`` returned in every process, by rank.

    The processes are forks, which import nothing anew, and meet at a file,
    which no other test can take, unlike a port.
    """
    if 'fork' not in multiprocessing.get_all_start_methods():
        pytest.skip('needs processes that are forks')
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    meeting = f'file://{folder / "meeting"}'

    def run(rank):
        # Garbage of other tests may hold FFmpeg's threads, which a fork lacks:
        # collected here, it would wait for them forever.
        gc.freeze()
        try:
            torch.distributed.init_process_group(
                'gloo',
                init_method=meeting,
                rank=rank,
                world_size=world_size,
            )
            result = function(rank, *args)
            # A tensor in a queue lives only as long as its process.
            queue.put((rank, pickle.dumps(result), None))
            torch.distributed.destroy_process_group()
        except BaseException:
            queue.put((rank, None, traceback.format_exc()))

    processes = [
        context.Process(target=run, args=(rank,)) for rank in range(world_size)
    ]
    for process in processes:
        process.start()
    results = {}
    for _ in processes:
        rank, result, error = queue.get(timeout=120)
        if error is not None:
            for process in processes:
                process.kill()
            raise RuntimeError(f'process {rank}: {error}')
        results[rank] = pickle.loads(result)
    for process in processes:
        process.join()
    return [results[rank] for rank in range(world_size)]
