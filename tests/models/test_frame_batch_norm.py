import pytest
import torch
from process_groups import run_in_processes
from torch import nn

from masa.models.layers import FrameBatchNorm

WIDTH = 5


def frames(number, seed, dtype=torch.float64):
    # Far from 0, where sums of squares lose their digits.
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(number, WIDTH, generator=generator, dtype=dtype) + 1e3
    ).requires_grad_()


def layer(kind=FrameBatchNorm, dtype=torch.float64):
    norm = kind(WIDTH).to(dtype)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 1.5, WIDTH))
        norm.bias.copy_(torch.linspace(-1, 1, WIDTH))
    return norm


def run(norm, own, weight):
    """Two steps, as running statistics need, and everything they give."""
    for _ in range(2):
        normalized = norm(own)
    (normalized.pow(3) * weight).sum().backward()
    return (
        normalized.detach(),
        own.grad,
        norm.weight.grad,
        norm.bias.grad,
        norm.running_mean,
        norm.running_var,
        norm.num_batches_tracked,
    )


def run_part(rank, numbers, dtype):
    own = frames(numbers[rank], rank, dtype)
    return run(layer(dtype=dtype), own, rank + 1)


@pytest.mark.parametrize('numbers', [(7, 3), (1, 1), (4, 1, 6)])
def test_processes_together_are_one_on_the_joint_batch(tmp_path, numbers):
    parts = run_in_processes(
        run_part, tmp_path, numbers, torch.float64, world_size=len(numbers)
    )
    joint = torch.cat([frames(n, seed) for seed, n in enumerate(numbers)])
    joint = joint.detach().requires_grad_()
    weight = torch.repeat_interleave(
        torch.arange(len(numbers)) + 1, torch.tensor(numbers)
    )[:, None]
    expected = run(layer(nn.BatchNorm1d), joint, weight)
    for position in (0, 1):
        torch.testing.assert_close(
            torch.cat([part[position] for part in parts]), expected[position]
        )
    # Every process has the gradients of its own part of the loss.
    for position in (2, 3):
        torch.testing.assert_close(
            sum(part[position] for part in parts), expected[position]
        )
    for part in parts:
        torch.testing.assert_close(part[4:], expected[4:])


def test_half_precision_is_counted_in_full(tmp_path):
    def half(rank):
        own = (frames(300, rank).detach() - 990).bfloat16()
        return own, layer(dtype=torch.float32)(own).detach()

    given, parts = zip(*run_in_processes(half, tmp_path), strict=True)
    expected = layer(nn.BatchNorm1d, torch.float32)(torch.cat(given).float())
    assert parts[0].dtype == torch.bfloat16
    torch.testing.assert_close(torch.cat(parts), expected.detach().bfloat16())


@pytest.mark.parametrize('training', [True, False])
def test_one_process_is_batch_norm(training):
    ours, theirs = (
        run(kind.train(training), frames(6, 0), 1)
        for kind in (layer(), layer(nn.BatchNorm1d))
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_evaluation_asks_no_other_process(tmp_path):
    def alone(rank):
        norm = layer().eval()
        # The other would wait for ever.
        return norm(frames(3, 0)).detach() if rank == 0 else None

    (given, _) = run_in_processes(alone, tmp_path)
    expected = layer(nn.BatchNorm1d).eval()(frames(3, 0)).detach()
    torch.testing.assert_close(given, expected)
