import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
from mmengine.config import Config

from .run import train_and_test
from .trainings import Training


def run_trainings(
    plan: Sequence[tuple[Training, Config]],
    folder: Path,
    jobs: int = 1,
    devices: Sequence[int] | None = None,
) -> Iterator[tuple[Training, BaseException | None]]:
    """Run trainings in separate processes.

    Args:
        plan (Sequence[tuple[Training, Config]]): Trainings, in this order.
        folder (Path): Work directory of the comparison.
        jobs (int): Number of processes, which share the threads of this one.
            Defaults to 1.
        devices (Sequence[int], optional): GPUs, each with one process in the
            place of ``jobs``.

    Yields:
        tuple[Training, BaseException | None]: A training that has ended, and
        what it raised.
    """
    # A process that has used a GPU or threads cannot be forked.
    context = multiprocessing.get_context('spawn')
    queue = None
    if devices:
        jobs, queue = len(devices), context.Queue()
        for device in devices:
            queue.put(device)
    threads = max(1, torch.get_num_threads() // jobs)
    with ProcessPoolExecutor(
        jobs, context, _start_worker, (threads, queue)
    ) as pool:
        futures = {
            pool.submit(train_and_test, training, config, folder): training
            for training, config in plan
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.exception()
        except BaseException:
            # Another run goes on from the last checkpoints.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _start_worker(threads: int, devices) -> None:
    """Give a process its GPU, or its threads."""
    if devices is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = str(devices.get())
    else:
        torch.set_num_threads(threads)
