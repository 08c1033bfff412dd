from collections.abc import Sequence

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_not_negative,
    check_one_or_more,
)
from ..losses.optimal_transport import (
    add_virtual_frame,
    mass_error,
    sinkhorn_log_plan,
    uniform_log_mass,
)
from ..losses.precision import full_precision
from ..losses.vava_contrast import (
    inter_contrast,
    intra_contrast,
    squared_distance,
)
from ..losses.vava_priors import consistency_share, vava_log_kernel
from .alignment_head import AlignmentHead


@MODELS.register_module()
class VAVAHead(AlignmentHead):
    """Transport between sequences with temporal priors: VAVA.

    *Learning to Align Sequential Actions in the Wild*, W. Liu, B. Tekin,
    H. Coskun, V. Vineet, P. Fua, M. Pollefeys, CVPR 2022. Row i of the two
    batches are sequences of one activity (``partner='activity'``), X of M
    and Y of N frames. With D the squared distances of their embeddings and
    one virtual frame in each, at the constant cost ``virtual_cost``, that
    takes what has no match, the loss is

    ``<T, D> / (M N) + intra_weight (C(X) + C(Y)) + inter_weight I(X, Y)``:

    - T, the plan of uniform masses by Sinkhorn's iterations
      (:func:`~masa.models.losses.optimal_transport.sinkhorn_log_plan`) on
      the kernel of :func:`~masa.models.losses.vava_priors.vava_log_kernel`,
      which prefers matches near the diagonal (consistency) and, more and
      more as training goes on, near the best match of the embeddings
      (optimality). The gradient flows through T.
    - C, :func:`~masa.models.losses.vava_contrast.intra_contrast`.
    - I, :func:`~masa.models.losses.vava_contrast.inter_contrast`.

    Decided here, or other than in the published file:

    - The file cannot run as it is: it scales its weights by lengths that it
      has not read yet. All lengths here, also in the bandwidth of the
      priors, are those of the views without the virtual frame.
    - It divides the transport by M N twice, and then this term is about a
      thousandth of the others; not divided, it made embeddings collapse in
      trials on the demo's data. Once by default: ``length_power``.
    - Times in the priors are the original indices over the original
      lengths; in C, frames of the original. The file counts the frames that
      it was given.
    - In I, it ranks the matches by ``K * D``, in which a far frame can be
      the best; here, by T. It averages sequences of equal length only; here
      each sequence is averaged by itself.
    - It clips K to [1e-15, 1e20], which logarithms do not need, and runs one
      iteration more than it is told.
    - After 20 iterations the rows of T have their mass, as in the file; its
      columns are logged as ``mass_error``.
    - The virtual frames are at no distance from each other. In the file they
      are at the ends of two sequences, ``|1 / M - 1 / N|`` apart.
    - Embeddings are not normalised: the margin suits a mean squared
      difference of channels of about unit variance.

    Args:
        num_iterations (int): Of Sinkhorn, 1 or more. Defaults to 20.
        similarity_weight (float): Of the inverse difference moments, 0 or
            more. Defaults to 1.
        prior_weight (float): Of the divergence from the prior, above 0.
            Defaults to 0.1.
        virtual_cost (float): Of a match with a virtual frame. Defaults to
            0.5.
        virtual_distance (float): Its distance in the priors, in frames, 0 or
            more. Defaults to 7.5 (the file's 5, times 1.5).
        prior_std (float): Of the priors' Gaussians, in frames, above 0.
            Defaults to 2.
        length_power (int): The transport is divided by ``(M N) **
            length_power``: 0, 1 or 2. Defaults to 1; the file has 2.
        intra_weight (float): Of each C, 0 or more. Defaults to 0.5.
        intra_window (float): Of C, in frames, 0 or more. Defaults to 15.
        margin (float): Of C, 0 or more. Defaults to 2.
        inter_weight (float): Of I, 0 or more. Defaults to 1e-4.
        inter_temperature (float): Of I, above 0. Defaults to 0.5.
        init_cfg (dict, optional): How to initialise. Defaults to None.

    All defaults but ``length_power`` are the published file's.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        num_iterations: int = 20,
        similarity_weight: float = 1.0,
        prior_weight: float = 0.1,
        virtual_cost: float = 0.5,
        virtual_distance: float = 7.5,
        prior_std: float = 2.0,
        length_power: int = 1,
        intra_weight: float = 0.5,
        intra_window: float = 15.0,
        margin: float = 2.0,
        inter_weight: float = 1e-4,
        inter_temperature: float = 0.5,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(num_iterations=num_iterations)
        if length_power not in (0, 1, 2):
            raise ValueError(
                'length_power is expected to be 0, 1 or 2, but got '
                f'{length_power}'
            )
        check_above_zero(
            prior_weight=prior_weight,
            prior_std=prior_std,
            inter_temperature=inter_temperature,
        )
        check_not_negative(
            similarity_weight=similarity_weight,
            virtual_cost=virtual_cost,
            virtual_distance=virtual_distance,
            intra_weight=intra_weight,
            intra_window=intra_window,
            margin=margin,
            inter_weight=inter_weight,
        )
        self.num_iterations = num_iterations
        self.virtual_cost = virtual_cost
        self.priors = dict(
            similarity_weight=similarity_weight,
            prior_weight=prior_weight,
            virtual_distance=virtual_distance,
            prior_std=prior_std,
        )
        self.length_power = length_power
        self.intra_weight = intra_weight
        self.intra = dict(window=intra_window, margin=margin)
        self.inter_weight = inter_weight
        self.inter_temperature = inter_temperature
        self.register_buffer('step', torch.zeros((), dtype=torch.int64))

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair of sequences.

        In training, this counts a step of the priors' schedule.

        Args:
            z1 (Tensor): Embeddings of X, ``(B, M, D)``.
            z2 (Tensor): Of Y, ``(B, N, D)``.
            view1 (SequenceBatch): X.
            view2 (SequenceBatch): Y.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged
            are ``transport`` (``<T, D>``), ``intra`` (the mean of the two
            C), ``inter`` (I), ``mass_error`` of T and the priors' ``phi``.
        """
        mask1, mask2 = view1.mask, view2.mask
        phi = consistency_share(self.step)
        if self.training:
            self.step += 1
        with full_precision(z1, z2) as (z1, z2):
            z1 = z1.where(mask1[:, :, None], 0)
            z2 = z2.where(mask2[:, :, None], 0)
            distance = squared_distance(z1, z2)
            transport, log_plan, error = self._transport(
                distance, view1, view2, phi
            )
            inter = inter_contrast(
                distance / z1.shape[2],
                log_plan[:, 1:, 1:],
                mask1,
                mask2,
                self.inter_temperature,
            )
            intra = [
                intra_contrast(z, view.frame_index, view.mask, **self.intra)
                for z, view in ((z1, view1), (z2, view2))
            ]
            intra = intra[0] + intra[1]
            scale = (mask1.sum(1) * mask2.sum(1)).to(transport)
            losses = (
                transport / scale**self.length_power
                + self.intra_weight * intra
                + self.inter_weight * inter
            )
        return losses, dict(
            transport=transport,
            intra=intra / 2,
            inter=inter,
            mass_error=error,
            phi=phi,
        )

    def _transport(
        self,
        distance: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        phi: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        cost = add_virtual_frame(distance, self.virtual_cost)
        log_kernel = vava_log_kernel(
            cost,
            view1.relative_time(cost.dtype),
            view2.relative_time(cost.dtype),
            view1.mask,
            view2.mask,
            phi,
            **self.priors,
        )
        mass1, mass2 = (
            uniform_log_mass(view.mask, cost.dtype, virtual=True)
            for view in (view1, view2)
        )
        log_plan = sinkhorn_log_plan(
            log_kernel, mass1, mass2, self.num_iterations
        )
        plan = log_plan.exp()
        error = mass_error(plan.detach(), mass1, mass2)
        return (plan * cost).sum((1, 2)), log_plan, error
