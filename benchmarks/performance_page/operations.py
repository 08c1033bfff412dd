"""What a training step consists of: operations counted, and their time."""

from collections.abc import Callable

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

ATTENTION = 'attention'
LINEAR = 'linear layers'
# The first that a name matches.
KINDS = {
    ATTENTION: ('scaled_dot_product', 'flash', 'fmha', 'attention'),
    LINEAR: ('aten::addmm', 'aten::mm', 'aten::bmm', 'gemm', 'cutlass'),
    'optimiser': ('adam', '_foreach', 'optimizer', 'lerp', 'addcdiv'),
    'normalisation': ('layer_norm', 'batch_norm', 'LayerNorm'),
    'gathering and copying': (
        *('index', 'copy_', 'aten::cat', 'gather', 'scatter', 'aten::pad'),
        *('constant_pad', 'aten::fill_', 'aten::zero_', 'Memcpy', 'Memset'),
    ),
    'elementwise and sums': (
        *('aten::add', 'aten::mul', 'aten::sub', 'aten::div', 'aten::sum'),
        *('relu', 'threshold', 'clamp', 'square', 'mean', 'elementwise'),
        *('norm', 'where', 'reduce', 'sqrt', 'std', 'masked_fill'),
    ),
}
REST = 'everything else'


def _attention_flops(query, key, value, *_, out_shape=None, **__) -> int:
    batch, heads, length, width = query
    return 4 * batch * heads * length * key[2] * width


def _attention_backward_flops(
    gradient, query, key, value, *_, out_shape=None, **__
) -> int:
    # The products of the forward pass once more, and three for gradients.
    batch, heads, length, width = query
    return 10 * batch * heads * length * key[2] * width


def count_operations(step: Callable) -> dict[str, int]:
    """Count the floating-point operations of matrix products.

    Those of elementwise operations are not counted: what bounds them is
    memory.

    Args:
        step (Callable): What to run.

    Returns:
        dict[str, int]: Operations of attention and of linear layers.
    """
    aten = torch.ops.aten
    # PyTorch knows those of the kernels for CUDA.
    forward = '_scaled_dot_product_flash_attention_for_cpu'
    mapping = {
        getattr(aten, forward): _attention_flops,
        getattr(aten, f'{forward}_backward'): _attention_backward_flops,
    }
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
    with counter:
        step()
    counts = {ATTENTION: 0, LINEAR: 0}
    for operator, count in counter.get_flop_counts()['Global'].items():
        kind = ATTENTION if 'attention' in str(operator) else LINEAR
        counts[kind] += count
    return counts


def time_by_kind(step: Callable, device: str) -> dict[str, float]:
    """Profile a function and add up the time by kind of operation.

    Args:
        step (Callable): What to run.
        device (str): Whose time: 'cpu' or 'cuda'.

    Returns:
        dict[str, float]: Shares of the time of all operations, in [0, 1], by
        kind, the largest first.
    """
    on_gpu = torch.device(device).type == 'cuda'
    activities = [ProfilerActivity.CPU]
    if on_gpu:
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        step()
    totals: dict[str, float] = {}
    for event in profiler.key_averages():
        # Kernels are events of their own beside the operators that call them.
        if on_gpu and event.device_type != DeviceType.CUDA:
            continue
        seconds = _gpu_time(event) if on_gpu else event.self_cpu_time_total
        kind = kind_of(event.key)
        totals[kind] = totals.get(kind, 0) + seconds
    whole = sum(totals.values())
    return {
        kind: seconds / whole
        for kind, seconds in sorted(totals.items(), key=lambda x: -x[1])
    }


def _gpu_time(event) -> float:
    # The name before PyTorch 2.4.
    if hasattr(event, 'self_device_time_total'):
        return event.self_device_time_total
    return event.self_cuda_time_total


def kind_of(name: str) -> str:
    """Say of which kind an operation is.

    Args:
        name (str): As the profiler calls it.

    Returns:
        str: One of ``KINDS``, or 'everything else'.
    """
    for kind, marks in KINDS.items():
        if any(mark.lower() in name.lower() for mark in marks):
            return kind
    return REST
