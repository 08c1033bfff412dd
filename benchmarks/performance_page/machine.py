import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ('torch', 'numpy', 'scipy', 'scikit-learn', 'mmengine')


def synchronize(device: str) -> None:
    """Wait for what was started on the device."""
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize()


def describe_machine(device: str, threads: int) -> dict:
    """Say what the measurements run on.

    Args:
        device (str): Of the model.
        threads (int): Of PyTorch.

    Returns:
        dict: Names and versions.
    """
    return dict(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, 'sched_getaffinity')
        else os.cpu_count(),
        memory_gib=os.sysconf('SC_PAGE_SIZE')
        * os.sysconf('SC_PHYS_PAGES')
        / 2**30,
        device=torch.cuda.get_device_name(device)
        if torch.device(device).type == 'cuda'
        else 'CPU',
        threads=threads,
        python=platform.python_version(),
        versions={name: version(name) for name in PACKAGES},
    )


def _processor() -> str:
    path = Path('/proc/cpuinfo')
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def product_rate(device: str, size: int = 2048, repeats: int = 5) -> float:
    """Measure the rate of a large product of matrices in float32.

    Args:
        device (str): Where.
        size (int): Rows and columns.
        repeats (int): The fastest of so many counts: it is a limit.

    Returns:
        float: Floating-point operations a second.
    """
    first, second = torch.randn(2, size, size, device=device)
    seconds = []
    for _ in range(repeats + 1):
        synchronize(device)
        start = time.perf_counter()
        first @ second
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds[1:])
