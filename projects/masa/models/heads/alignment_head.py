from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModule
from torch import Tensor

from ...structures import SequenceBatch
from ..layers import FramePacking


class AlignmentHead(BaseModule):
    """Base of the heads: two batches of embedded sequences in, a loss out.

    Row i of the first batch and row i of the second belong together: two
    views of one sequence, or, where the data set draws partners
    (``partner='activity'`` of
    :class:`~masa.datasets.SequenceDataset`), two sequences of one activity.
    A method implements :meth:`compute_losses`; what all share is done here.

    Random draws come from PyTorch's global generator, which
    :class:`~masa.engine.RandomKeyHook` keys by seed and iteration.

    Args:
        init_cfg (dict, optional): How to initialise. Defaults to None.
    """

    def loss(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch, and what to watch beside it.

        Args:
            z1 (Tensor): Embeddings of the first batch, ``(B, M, D)``.
            z2 (Tensor): Embeddings of the second, ``(B, N, D)``.
            view1 (SequenceBatch): What ``z1`` are the embeddings of.
            view2 (SequenceBatch): What ``z2`` are the embeddings of.
            data_samples (Sequence[ActionDataSample], optional): Of the
                sequences that the first batch was taken from.

        Returns:
            dict[str, Tensor]: Scalars: ``loss``, the mean of what
            :meth:`compute_losses` gives for every pair; what else it gives,
            averaged and without gradient, and ``embedding_std``
            (:func:`embedding_std` of both batches), to log.
        """
        losses, logged = self.compute_losses(
            z1, z2, view1, view2, data_samples
        )
        result = dict(loss=losses.mean())
        with torch.no_grad():
            for name, values in logged.items():
                result[name] = values.detach().mean()
            result['embedding_std'] = embedding_std(
                torch.cat(
                    [
                        FramePacking(view.mask, view.host_lengths).pack(z)
                        for z, view in ((z1, view1), (z2, view2))
                    ]
                )
            )
        return result

    @abstractmethod
    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair.

        Args:
            z1 (Tensor): ``(B, M, D)``, see :meth:`loss`.
            z2 (Tensor): ``(B, N, D)``.
            view1 (SequenceBatch): Of ``z1``.
            view2 (SequenceBatch): Of ``z2``.
            data_samples (Sequence[ActionDataSample], optional): Labels.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, and
            tensors to log, under names without "loss" in them: MMEngine adds
            up everything that has it.
        """


def embedding_std(frames: Tensor) -> Tensor:
    """Measure how far embeddings are from collapse (Chen and He, 2021).

    Args:
        frames (Tensor): ``(F, D)``.

    Returns:
        Tensor: Scalar in [0, 1]: the standard deviation of the channels of
        normalised frames, averaged and multiplied by ``sqrt(D)``. Close to 1
        if they point everywhere, 0 if all are the same.
    """
    direction = F.normalize(frames.float(), dim=-1)
    spread = direction.std(0, correction=0).mean()
    return spread * frames.shape[-1] ** 0.5
