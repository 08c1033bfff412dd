from collections.abc import Sequence

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_one_or_more
from ..layers import to_device
from ..losses.supervised_loss import SupervisedLoss
from .alignment_head import AlignmentHead


@MODELS.register_module()
class SupervisedHead(AlignmentHead):
    """Classify phases: the supervised reference, see :class:`SupervisedLoss`.

    The class of a frame is its activity and phase together, ``activity *
    max_phases + phase``. This leaves some classes without frames and needs no
    table of the number of phases of each activity. Frames of unknown
    (negative) phase, and sequences without phases or of unknown activity,
    contribute 0. Both views must be of the labeled sequences themselves:
    partners of the same activity have their phases at other times.

    Args:
        in_channels (int): Width D of the embeddings.
        num_activities (int): Number of activities, 1 or more.
        max_phases (int): Largest number of phases of an activity, 1 or more.
        extra_losses (Sequence[dict]): See :class:`AlignmentHead`. Defaults
            to none.
        init_cfg (dict, optional): How to initialize. Defaults to None,
            PyTorch's own.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        in_channels: int,
        num_activities: int,
        max_phases: int,
        extra_losses: Sequence[dict] = (),
        init_cfg: dict | None = None,
    ):
        check_one_or_more(num_activities=num_activities, max_phases=max_phases)
        super().__init__(
            dict(type=SupervisedLoss, num_classes=num_activities * max_phases),
            extra_losses,
            in_channels,
            init_cfg,
        )
        self.num_activities = num_activities
        self.max_phases = max_phases

    def loss(
        self,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None = None,
    ) -> dict[str, Tensor]:
        """Label the frames and compute the loss, see :class:`AlignmentHead`.

        Args:
            view1 (SequenceBatch): Embeddings of the first view,
                ``(B, M, D)``.
            view2 (SequenceBatch): Of the second, ``(B, N, D)``.
            data_samples (Sequence[ActionDataSample], optional): With
                ``label``, the activity, and ``phase``, ``(T,)``, where these
                are known.

        Returns:
            dict[str, Tensor]: See :meth:`AlignmentHead.loss`.

        Raises:
            ValueError: If no sequence has phases, or a label or a phase is
                beyond the numbers that the head was built for.
        """
        classes = self._classes(data_samples or ())
        classes = to_device(classes.numpy(), view1.values.device)
        # The longest sequence may be one without phases, whose row is short
        # and unknown throughout.
        view1, view2 = (
            view._replace(
                labels=classes.gather(
                    1, view.frame_index.clamp_max(classes.shape[1] - 1)
                )
            )
            for view in (view1, view2)
        )
        return super().loss(view1, view2, data_samples)

    def _classes(self, samples: Sequence[ActionDataSample]) -> Tensor:
        """Compute the class of every original frame, negative if unknown."""
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
        return torch.where(known, label * self.max_phases + phases, -1)
