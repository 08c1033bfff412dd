from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ...structures import SequenceBatch
from ..layers import FramePacking
from ..losses.alignment_loss import AlignmentLoss
from ..width import build_with_width


@MODELS.register_module()
class AlignmentHead(BaseModule):
    """Turn two batches of embedded sequences into the loss to train on.

    The total of a sequence is ``loss + sum_i weight_i * extra_i``, averaged
    over the batch. A method that is no sum of losses overrides
    :meth:`method_losses`.

    Random draws come from PyTorch's global generator, which
    :class:`~masa.engine.RandomKeyHook` keys by seed and iteration.

    Args:
        loss (dict): Config of the method's
            :class:`~masa.models.losses.AlignmentLoss`.
        extra_losses (Sequence[dict]): Configs of losses to add, each times
            its ``weight``. Defaults to none.
        in_channels (int, optional): Width D of the embeddings, for losses
            with parameters of that width. :class:`SequenceAligner` sets it.
            Defaults to None.
        init_cfg (dict, optional): How to initialize. Defaults to None.

    Raises:
        ValueError: If two losses would be logged under one name.
    """

    def __init__(
        self,
        loss: dict,
        extra_losses: Sequence[dict] = (),
        in_channels: int | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.method_loss = build_with_width(loss, in_channels)
        self.extra_losses = nn.ModuleList(
            build_with_width(extra, in_channels) for extra in extra_losses
        )
        self.check_log_names(self.method_loss.log_name)

    def check_log_names(self, *own: str) -> None:
        """Check that no two losses are logged under one name.

        Args:
            *own (str): Names of the method's own losses.

        Raises:
            ValueError: If a name occurs twice.
        """
        names = [*own, *(extra.log_name for extra in self.extra_losses)]
        if len(set(names)) < len(names):
            raise ValueError(
                'the losses of a head are expected to have different '
                f'log_names, but got {names}'
            )

    def loss(
        self,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch and what is logged beside it.

        Args:
            view1 (SequenceBatch): Embeddings of the first view,
                ``(B, M, D)``.
            view2 (SequenceBatch): Of the second, ``(B, N, D)``.
            data_samples (Sequence[ActionDataSample], optional): Labels of
                the sequences that the first view was taken from, for a head
                that trains on them.

        Returns:
            dict[str, Tensor]: Scalars: ``loss``, the mean over the
            sequences; and, without gradient, the mean of everything that is
            logged, and ``embedding_std`` (:func:`embedding_std` of both
            views).

        Raises:
            ValueError: If a name under which something is logged has "loss"
                in it.
        """
        losses, logged = self.compute_losses(view1, view2)
        wrong = [name for name in logged if 'loss' in name]
        if wrong:
            raise ValueError(
                f"MMEngine adds up everything with 'loss' in its name: log "
                f'{wrong} under other names'
            )
        result = dict(loss=losses.mean())
        with torch.no_grad():
            for name, values in logged.items():
                result[name] = values.detach().mean()
            result['embedding_std'] = embedding_std(
                torch.cat(
                    [
                        FramePacking(view.mask, view.host_lengths).pack(
                            view.values
                        )
                        for view in (view1, view2)
                    ]
                )
            )
        return result

    def compute_losses(
        self, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the total of every sequence.

        Args:
            view1 (SequenceBatch): Embeddings of the first view.
            view2 (SequenceBatch): Of the second.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, and their
            parts, without weights, and what else is logged; what an extra
            loss measures is called ``log_name/key``.

        Raises:
            ValueError: If the method logs something under the ``log_name``
                of an extra loss.
        """
        losses, logged = self.method_losses(view1, view2)
        for extra in self.extra_losses:
            values = extra(view1, view2)
            losses = losses + extra.weight * values
            if extra.log_name in logged:
                raise ValueError(
                    f'{extra.log_name!r} is logged by both '
                    f'{type(self.method_loss).__name__} and '
                    f'{type(extra).__name__}: rename it in one of them'
                )
            logged[extra.log_name] = values
            # Two losses may measure the same, such as an accuracy.
            for key, value in extra.logged.items():
                logged[f'{extra.log_name}/{key}'] = value
        return losses, logged

    def method_losses(
        self, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the method's own loss of every sequence.

        Args:
            view1 (SequenceBatch): Embeddings of the first view.
            view2 (SequenceBatch): Of the second.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, and
            tensors to log, under names without "loss" in them.
        """
        losses = self.method_loss(view1, view2)
        logged = {self.method_loss.log_name: losses}
        return losses, logged | self.method_loss.logged


class MethodHead(AlignmentHead):
    """Base of the heads of one loss, whose arguments they take.

    Args:
        extra_losses (Sequence[dict]): See :class:`AlignmentHead`.
        in_channels (int, optional): See :class:`AlignmentHead`.
        init_cfg (dict, optional): How to initialize. Defaults to None.
        **loss (Any): Arguments of ``loss_class``.

    Attributes:
        loss_class (type[AlignmentLoss]): The registered loss.
    """

    loss_class: type[AlignmentLoss]

    def __init__(
        self,
        extra_losses: Sequence[dict] = (),
        in_channels: int | None = None,
        init_cfg: dict | None = None,
        **loss,
    ):
        super().__init__(
            dict(type=self.loss_class, **loss),
            extra_losses,
            in_channels,
            init_cfg,
        )


def embedding_std(frames: Tensor) -> Tensor:
    """Measure how far embeddings are from collapse (Chen and He, 2021).

    Args:
        frames (Tensor): ``(F, D)``.

    Returns:
        Tensor: Scalar in [0, 1]: the standard deviation of the channels of
        L2-normalized frames, averaged and multiplied by ``sqrt(D)``. Close
        to 1 if they point everywhere, 0 if all are the same.
    """
    direction = F.normalize(frames.float(), dim=-1)
    spread = direction.std(0, correction=0).mean()
    return spread * frames.shape[-1] ** 0.5
