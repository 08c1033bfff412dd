"""Compare the time of a training step with two lower bounds of the device.

The model and the batches are those of configs/masa_penn_rgb.py: 1,536 features
per frame and random sequences as long as Penn Action's. The bounds count the
operations that were executed: their arithmetic at the rate of a large matrix
product on the same device, and the memory that they read and write at the rate
of a large copy. A compiled step fuses operations and can beat the second.

Example:
    python benchmarks/gpu_step.py --device cuda --compile
    python benchmarks/gpu_step.py --device cpu --batch-size 8 --steps 3
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

import masa.registration  # noqa: F401

CONFIG = Path(__file__).parents[1] / 'configs' / 'masa_penn_rgb.py'
SHORTEST, LONGEST = 20, 660
PRECISIONS = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
ATEN = torch.ops.aten
# PyTorch's counter knows the kernels of GPUs only.
CPU_ATTENTION = {
    ATEN._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *args, **kwargs: sdpa_flop_count(q, k, v)
    ),
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda grad, q, k, v, *args, **kwargs: sdpa_backward_flop_count(
            grad, q, k, v
        )
    ),
}


class CountBytes(TorchDispatchMode):
    """Adds up what every operation reads and writes, and how many there are.

    Views move nothing.
    """

    def __init__(self):
        super().__init__()
        self.bytes = self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            moved = [
                x.numel() * x.element_size()
                for x in tree_iter((args, kwargs, result))
                if isinstance(x, torch.Tensor)
            ]
            self.bytes += sum(moved)
            self.operations += 1
        return result


def make_batch(number: int, width: int, seed: int) -> dict:
    """Return a batch as the data loader collates it."""
    rng = np.random.default_rng(seed)
    lengths = rng.lognormal(4.1, 0.5, number).astype(int)
    lengths = lengths.clip(SHORTEST, LONGEST)
    views = []
    for _ in range(2):
        kept = [
            np.sort(rng.permutation(n)[: n - int(rng.uniform(0, 0.5) * n)])
            for n in lengths
        ]
        views.append(
            dict(
                values=[
                    torch.from_numpy(
                        rng.standard_normal((len(f), width), np.float32)
                    )
                    for f in kept
                ],
                frame_index=[torch.from_numpy(f) for f in kept],
                num_frames=lengths.tolist(),
            )
        )
    samples = [
        ActionDataSample(metainfo=dict(frame_dir=str(i)))
        for i in range(number)
    ]
    return dict(inputs=views, data_samples=samples)


def build_model(device: str) -> torch.nn.Module:
    """Build the model of the config, the same at every call."""
    init_default_scope('mmaction')
    MMLogger.get_instance('benchmark', log_level='ERROR')
    torch.manual_seed(0)
    return MODELS.build(Config.fromfile(CONFIG).model).train().to(device)


def make_step(
    model: torch.nn.Module, device: str, precision: str, compiled: bool
) -> Callable[[dict], None]:
    """Return the function that trains on one batch, copies included."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = (
        torch.compile(model.loss, dynamic=True) if compiled else model.loss
    )
    dtype = PRECISIONS[precision]

    def step(batch: dict) -> None:
        inputs = model.data_preprocessor(batch, training=True)
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = loss_of(**inputs)['loss']
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()

    return step


def wait(device: str) -> None:
    """Synchronize with the device."""
    if device == 'cuda':
        torch.cuda.synchronize()


def rate_of(work: Callable[[], object], amount: float, device: str) -> float:
    """Measure how much of something a device does in a second."""
    work()
    wait(device)
    start, repeats = time.perf_counter(), 0
    while time.perf_counter() - start < 0.5:
        work()
        wait(device)
        repeats += 1
    return amount * repeats / (time.perf_counter() - start)


def device_rates(device: str, precision: str) -> dict[str, float]:
    """Measure the device: ``flops`` and ``bytes`` a second."""
    side = 8192 if device == 'cuda' else 1024
    factor = torch.randn(side, side, device=device).to(PRECISIONS[precision])
    length = 2**28 if device == 'cuda' else 2**24
    source = torch.randn(length, device=device)
    target = torch.empty_like(source)
    return dict(
        flops=rate_of(lambda: factor @ factor, 2 * side**3, device),
        bytes=rate_of(lambda: target.copy_(source), 8 * length, device),
    )


def count_work(step: Callable[[dict], None], batch: dict) -> dict[str, float]:
    """Count a step: ``flops``, ``bytes`` moved and ``operations``."""
    flops = FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION)
    moved = CountBytes()
    with flops, moved:
        step(batch)
    return dict(
        flops=flops.get_total_flops(),
        bytes=moved.bytes,
        operations=moved.operations,
    )


def time_steps(
    step: Callable[[dict], None], batches: list[dict], device: str
) -> dict[str, float]:
    """Measure seconds a step, and seconds that the CPU takes to issue it."""
    for batch in batches:
        step(batch)
    wait(device)
    start = time.perf_counter()
    for batch in batches:
        step(batch)
    issued = time.perf_counter() - start
    wait(device)
    total = time.perf_counter() - start
    return dict(
        seconds=total / len(batches), host_seconds=issued / len(batches)
    )


def measure(args: argparse.Namespace, precision: str, compiled: bool) -> dict:
    """Measure one variant of the step.

    Returns:
        dict: ``seconds`` and ``host_seconds`` a step, ``epoch_seconds``,
        ``arithmetic_floor`` and ``memory_floor`` in seconds, ``utilisation``,
        the larger floor's share of the time, ``operations``, and
        ``peak_bytes`` on the GPU.
    """
    width = Config.fromfile(CONFIG).model.backbone.in_channels
    batches = [
        make_batch(args.batch_size, width, seed) for seed in range(args.steps)
    ]
    model = build_model(args.device)
    rates = device_rates(args.device, precision)
    # The floors are of the operations that are not compiled.
    plain = make_step(model, args.device, precision, False)
    plain(batches[0])
    work = [count_work(plain, batch) for batch in batches]
    mean = {key: np.mean([w[key] for w in work]) for key in work[0]}
    if args.device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    step = make_step(model, args.device, precision, compiled)
    times = time_steps(step, batches, args.device)
    floors = dict(
        arithmetic_floor=mean['flops'] / rates['flops'],
        memory_floor=mean['bytes'] / rates['bytes'],
    )
    return dict(
        **times,
        **floors,
        epoch_seconds=times['seconds'] * -(-args.sequences // args.batch_size),
        utilisation=max(floors.values()) / times['seconds'],
        operations=mean['operations'],
        peak_bytes=torch.cuda.max_memory_allocated()
        if args.device == 'cuda'
        else None,
    )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--steps', type=int, default=10)
    parser.add_argument(
        '--sequences',
        type=int,
        default=936,
        help="of an epoch (default: those of the README's split)",
    )
    parser.add_argument(
        '--precisions', nargs='+', choices=PRECISIONS, default=[*PRECISIONS]
    )
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--threads', type=int, default=1, help='of the CPU')
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    name = (
        torch.cuda.get_device_name()
        if args.device == 'cuda'
        else f'CPU, {args.threads} threads'
    )
    print(
        f'{args.batch_size} sequences a step, {args.steps} steps; {name}, '
        f'torch {torch.__version__}'
    )
    for precision in args.precisions:
        for compiled in (False, True) if args.compile else (False,):
            m = measure(args, precision, compiled)
            print(
                f'{precision}{", compiled" if compiled else ""}: '
                f'{1e3 * m["seconds"]:.2f} ms a step, of which the CPU '
                f'issues {1e3 * m["host_seconds"]:.2f}; '
                f'{m["epoch_seconds"]:.1f} s an epoch of {args.sequences}; '
                f'floors: arithmetic {1e3 * m["arithmetic_floor"]:.2f} ms, '
                f'memory {1e3 * m["memory_floor"]:.2f} ms; utilisation '
                f'{m["utilisation"]:.0%}; {m["operations"]:.0f} operations'
                + (
                    f'; {m["peak_bytes"] / 2**20:.0f} MiB at the peak'
                    if m['peak_bytes']
                    else ''
                )
            )


if __name__ == '__main__':
    main()
