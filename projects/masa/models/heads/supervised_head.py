from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_one_or_more
from ..layers import to_device
from ..losses import masked_mean
from ..losses.precision import full_precision
from .alignment_head import AlignmentHead


@MODELS.register_module()
class SupervisedHead(AlignmentHead):
    """A linear classifier of phases: what labels of every frame would give.

    No published method: the reference that methods without labels are held
    against. Every frame of a view is classified on its own by a linear layer
    on its embedding, ``L = mean_t CE(W z_t + b, c_t)``, where c_t is the
    frame's activity and phase together. Each of the two batches is treated
    alone, and the two losses are averaged.

    Class ``activity * max_phases + phase`` leaves some classes without
    frames, and needs no table of which activity has how many phases. Frames
    of unknown phase (negative), and sequences without phases or of unknown
    activity, contribute 0. Both batches must be views of the labelled
    sequences themselves: partners of the same activity have phases at other
    times.

    Args:
        in_channels (int): Width D of the embeddings.
        num_activities (int): Number of activities.
        max_phases (int): Largest number of phases that an activity has.
        init_cfg (dict, optional): How to initialise. Defaults to None,
            PyTorch's own.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self,
        in_channels: int,
        num_activities: int,
        max_phases: int,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(num_activities=num_activities, max_phases=max_phases)
        self.num_activities = num_activities
        self.max_phases = max_phases
        self.in_channels = in_channels
        self.classifier = nn.Linear(in_channels, num_activities * max_phases)

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of both batches, each alone.

        Args:
            z1 (Tensor): Embeddings of the first batch, ``(B, M, D)``.
            z2 (Tensor): Of the second, ``(B, N, D)``.
            view1 (SequenceBatch): The first batch.
            view2 (SequenceBatch): The second batch.
            data_samples (Sequence[ActionDataSample], optional): With
                ``label``, the activity, and ``phase``, ``(T,)``, where these
                are known.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged is
            ``phase_accuracy``, of the frames whose phase is known.

        Raises:
            ValueError: If no sequence has phases, or a label or a phase is
                beyond the numbers that the head was built for.
        """
        classes = self._classes(data_samples, z1.device)
        (losses1, right1), (losses2, right2) = (
            self._classify(z, view, classes)
            for z, view in ((z1, view1), (z2, view2))
        )
        return (losses1 + losses2) / 2, dict(
            phase_accuracy=(right1 + right2) / 2
        )

    def _classes(
        self,
        data_samples: Sequence[ActionDataSample] | None,
        device: torch.device,
    ) -> Tensor:
        """The class of every original frame, negative if unknown."""
        samples = data_samples or ()
        if not any('phase' in sample for sample in samples):
            names = [sample.get('frame_dir', '') for sample in samples]
            raise ValueError(
                'SupervisedHead is expected to get phases, but none of the '
                f'sequences {names} of a batch has any; does the annotation '
                "file have 'phase'?"
            )
        labels = [int(sample.get('label', -1)) for sample in samples]
        if max(labels) >= self.num_activities:
            raise ValueError(
                'labels are expected to be below num_activities='
                f'{self.num_activities}, but got {max(labels)}'
            )
        unknown = torch.full((1,), -1)
        phases = pad_sequence(
            [
                sample.phase if 'phase' in sample else unknown
                for sample in samples
            ],
            batch_first=True,
            padding_value=-1,
        )
        # Or these would be phases of the next activity.
        highest = int(phases.amax())
        if highest >= self.max_phases:
            raise ValueError(
                f'phases are expected to be below max_phases='
                f'{self.max_phases}, but got {highest}'
            )
        label = torch.tensor(labels)[:, None]
        known = (phases >= 0) & (label >= 0)
        classes = torch.where(known, label * self.max_phases + phases, -1)
        return to_device(classes.numpy(), device)

    def _classify(
        self, z: Tensor, view: SequenceBatch, classes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The losses ``(B,)`` and the accuracy of one batch."""
        # The longest sequence may be one without phases, whose row is short
        # and unknown throughout.
        index = view.frame_index.clamp_max(classes.shape[1] - 1)
        target = classes.gather(1, index).masked_fill(~view.mask, -1)
        known = target >= 0
        logits = self.classifier(z.masked_fill(~view.mask[..., None], 0))
        with full_precision(logits) as (logits,):
            entropy = F.cross_entropy(
                logits.transpose(1, 2),
                target,
                ignore_index=-1,
                reduction='none',
            )
            right = (logits.argmax(-1) == target) & known
            accuracy = right.sum() / known.sum().clamp_min(1)
            return masked_mean(entropy, known), accuracy
