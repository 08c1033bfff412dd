import torch
import torch.distributed
import torch.nn.functional as F
from mmengine.dist import get_dist_info
from torch import Tensor, nn


class _SumOverProcesses(torch.autograd.Function):
    """Sum a tensor over all processes, and its gradients likewise."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        torch.distributed.all_reduce(total)
        return total


class FrameBatchNorm(nn.BatchNorm1d):
    """Normalize batches over the frames of all processes.

    In one process it is ``nn.BatchNorm1d``. In several, every frame counts
    once, however the frames are divided among the processes: training on two
    processes equals training on both of their batches together.

    It replaces ``nn.SyncBatchNorm``, which runs on GPUs only and synchronizes
    GPU and CPU to learn the numbers of frames.

    Args:
        num_features (int): Number of channels D.

    Example:
        >>> frames = torch.tensor([[1.0], [3.0]])
        >>> FrameBatchNorm(1)(frames).detach().round(decimals=2)
        tensor([[-1.],
                [ 1.]])
    """

    def __init__(self, num_features: int):
        super().__init__(num_features)

    def forward(self, frames: Tensor) -> Tensor:
        """Normalize every channel.

        Args:
            frames (Tensor): Packed frames, ``(F, D)``, at least one in every
                process.

        Returns:
            Tensor: ``(F, D)``.

        Raises:
            ValueError: In training on a single frame.
        """
        rank, world_size = get_dist_info()
        if self.training and world_size == 1 and len(frames) == 1:
            raise ValueError(
                'batch normalization is expected to train on two frames or '
                'more, but the batch is one sequence whose view has a single '
                'frame: raise train_dataloader.batch_size, or leave out '
                'sequences of one frame'
            )
        if not self.training or world_size == 1:
            return super().forward(frames)
        exact = frames.float() if frames.dtype.itemsize < 4 else frames
        mean, variance, count = _joint_statistics(exact, rank, world_size)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            # nn.BatchNorm1d keeps the unbiased variance, too.
            unbiased = variance * (count / (count - 1).clamp_min(1))
            self.running_mean.lerp_(
                mean.to(self.running_mean.dtype), self.momentum
            )
            self.running_var.lerp_(
                unbiased.to(self.running_var.dtype), self.momentum
            )
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return ((exact - mean) * scale + self.bias).to(frames.dtype)


def _joint_statistics(
    frames: Tensor, rank: int, world_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance, ``(D,)``, and number of all frames.

    The statistics of the processes are merged (Chan et al., 1979): sums of
    squares would lose digits where the mean is much larger than the standard
    deviation.
    """
    variance, mean = torch.var_mean(frames, 0, correction=0)
    count = frames.new_full((1,), len(frames))
    own = torch.cat((mean, variance, count))
    # Every process fills its own row, so the sum gathers all rows.
    rows = _SumOverProcesses.apply(
        F.pad(own[None], (0, 0, rank, world_size - rank - 1))
    )
    means, variances, counts = rows.split([len(mean), len(mean), 1], 1)
    total = counts.sum()
    shares = counts / total
    mean = (shares * means).sum(0)
    between = (means - mean).square()
    return mean, (shares * (variances + between)).sum(0), total
