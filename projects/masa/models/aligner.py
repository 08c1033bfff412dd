from collections.abc import Sequence

import torch
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel
from torch import Tensor, nn

from ..registry import MODELS
from ..structures import SequenceBatch
from ..support.argument_checks import check_choice
from .width import build_with_width

EMBEDDINGS = ('backbone', 'neck')


@MODELS.register_module()
class SequenceAligner(BaseModel):
    """Learns per-frame embeddings from two views of every sequence.

    ``loss`` is ``head.loss(neck(backbone(views)))``; ``predict`` is
    ``backbone(sequence, sequence)``, the embedding before the projection
    (Sec. 3.2), or what the readout makes of it. With ``embedding='neck'`` it
    is the projection of that, which the losses compare.

    With a ``teacher``, a moving average of encoder and projection, each view
    is compared with what the teacher makes of the other one, and the two
    losses are averaged: a target that changes more slowly than what learns
    from it (Tarvainen and Valpola, *Mean teachers are better role models*,
    NeurIPS 2017; Grill et al., *Bootstrap your own latent*, NeurIPS 2020).
    It takes part in training only.

    Args:
        backbone (dict): Config of the encoder.
        neck (dict, optional): Config of the projection. None gives the head
            the embeddings themselves.
        head (dict): Config of the head.
        data_preprocessor (dict, optional): Config of the preprocessor.
            Defaults to :class:`SequenceDataPreprocessor`.
        readout (dict, optional): Config of what the embeddings are compared
            by, such as :class:`FrameReadout`. It takes no part in training.
            Defaults to None: the embeddings as they are.
        embedding (str): What embeddings are taken from: ``'backbone'``, the
            encoder's output U, or ``'neck'``, the projection Z, whose batch
            normalization then uses the statistics of training. It takes no
            part in training. Defaults to ``'backbone'``.
        teacher (dict, optional): Config of one of MMEngine's averaged
            models, such as ``dict(type='ExponentialMovingAverage',
            momentum=0.01)``. Defaults to None: the views are compared with
            each other.
        init_cfg (dict, optional): How to initialize. Defaults to None.

    Raises:
        ValueError: If ``embedding`` is neither, or ``'neck'`` without one;
            or if the ``in_channels`` of neck or head, where these have any,
            are not what the part before gives.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict | None,
        head: dict,
        data_preprocessor: dict | None = None,
        readout: dict | None = None,
        embedding: str = 'backbone',
        teacher: dict | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(
            MODELS.build(
                data_preprocessor or dict(type='SequenceDataPreprocessor')
            ),
            init_cfg,
        )
        check_choice('embedding', embedding, EMBEDDINGS)
        if embedding == 'neck' and not neck:
            raise ValueError(
                "embedding='neck' is expected to be used with a neck, but "
                f'got neck={neck}'
            )
        self.embedding = embedding
        self.backbone = MODELS.build(backbone)
        width = getattr(self.backbone, 'embed_dims', None)
        self.neck = None
        if neck:
            self.neck = build_with_width(neck, width, 'in_channels')
            width = getattr(self.neck, 'out_channels', None)
        self.head = build_with_width(head, width, 'in_channels')
        self._compare_widths()
        self.readout = MODELS.build(readout) if readout else None
        self.teacher = None
        if teacher:
            self.teacher = MODELS.build(
                teacher, default_args=dict(model=self._student())
            )

    def _compare_widths(self) -> None:
        before, width = 'backbone', getattr(self.backbone, 'embed_dims', None)
        for name in ('neck', 'head'):
            part = getattr(self, name)
            expected = getattr(part, 'in_channels', None)
            if None not in (expected, width) and expected != width:
                raise ValueError(
                    f'the {name} takes embeddings of {expected} values, but '
                    f'the {before} gives {width}: set the width of the '
                    f'{name} to {width}'
                )
            if name == 'neck' and part is not None:
                before, width = name, getattr(part, 'out_channels', None)

    def check_width(self, width: int) -> None:
        """Check that the encoder takes frames of a width.

        Args:
            width (int): Values of a frame.

        Raises:
            ValueError: If the backbone has a ``check_width`` that says so.
        """
        check = getattr(self.backbone, 'check_width', None)
        if check is not None:
            check(width)

    def forward(
        self,
        inputs: Sequence[SequenceBatch],
        data_samples: Sequence[ActionDataSample] | None = None,
        mode: str = 'tensor',
    ) -> Tensor | dict[str, Tensor] | list[ActionDataSample]:
        """Run the model in one of MMEngine's three modes.

        Args:
            inputs (Sequence[SequenceBatch]): Two views for ``'loss'``, whole
                sequences otherwise.
            data_samples (Sequence[ActionDataSample], optional): Of the
                batch; needed by ``'predict'``, which fills them in.
            mode (str): ``'tensor'`` for embeddings ``(B, T, D)``, ``'loss'``
                for the dict of the loss and what is logged, ``'predict'`` for
                the data samples.

        Returns:
            Tensor | dict[str, Tensor] | list[ActionDataSample]: By ``mode``.

        Raises:
            ValueError: If ``mode`` is unknown, or the number of views does
                not suit it.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.embed(inputs)
        raise ValueError(
            "mode is expected to be 'tensor', 'loss' or 'predict', "
            f'but got {mode!r}'
        )

    def loss(
        self,
        inputs: Sequence[SequenceBatch],
        data_samples: Sequence[ActionDataSample] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the training loss from two views of every sequence.

        Args:
            inputs (Sequence[SequenceBatch]): The two views, or the sequences
                and their partners.
            data_samples (Sequence[ActionDataSample], optional): Labels, for
                a head that trains on them.

        Returns:
            dict[str, Tensor]: What the head's ``loss`` returns.

        Raises:
            ValueError: If there are not two views.
        """
        if len(inputs) != 2:
            raise ValueError(
                'training needs two views of every sequence, but got '
                f'{len(inputs)}; is DualAugmentation in the pipeline?'
            )
        view1, view2 = inputs
        embedded1, embedded2 = _project(self._student(), view1, view2)
        if self.teacher is None:
            return self.head.loss(embedded1, embedded2, data_samples)
        with torch.no_grad():
            self.teacher.update_parameters(self._student())
            target1, target2 = _project(self.teacher.module, view1, view2)
        first, second = (
            self.head.loss(left, right, data_samples)
            for left, right in ((embedded1, target2), (target1, embedded2))
        )
        return {name: (first[name] + second[name]) / 2 for name in first}

    def _student(self) -> nn.ModuleDict:
        """Put together what a teacher averages."""
        parts = dict(backbone=self.backbone, neck=self.neck)
        return nn.ModuleDict({k: v for k, v in parts.items() if v is not None})

    def train(self, mode: bool = True) -> 'SequenceAligner':
        """Set the mode; a teacher's encoder hides nothing in training."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.module['backbone'].eval()
        return self

    def embed(self, inputs: Sequence[SequenceBatch]) -> Tensor:
        """Embed whole sequences.

        Args:
            inputs (Sequence[SequenceBatch]): One batch of sequences.

        Returns:
            Tensor: ``(B, T, D)``, zero in the padding.

        Raises:
            ValueError: If there is more than one view.
        """
        if len(inputs) != 1:
            raise ValueError(
                'embeddings are taken from whole sequences, one view each, '
                f'but got {len(inputs)} views; is DualAugmentation in the '
                'pipeline of validation or test?'
            )
        (sequences,) = inputs
        return self.encode(
            sequences.values, sequences.mask, sequences.host_lengths
        )

    def encode(
        self,
        values: Tensor,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Embed whole sequences that are tensors.

        Args:
            values (Tensor): ``(B, T, in_channels)``.
            mask (Tensor): Existing frames, ``(B, T)``, bool.
            lengths (Sequence[int], optional): Numbers of frames. Without
                them the host waits for the device to count the mask.
            places (Tensor, optional): Of :class:`ResampledEncoder`.

        Returns:
            Tensor: ``(B, T, embed_dims)``, zero in the padding.
        """
        fewer = {} if places is None else dict(places=places)
        embedding = self.backbone.encode(values, mask, lengths, **fewer)
        if self.embedding == 'neck':
            embedding = self.neck(embedding, mask, lengths)
        if self.readout is None:
            return embedding
        return self.readout(embedding, mask)

    @property
    def embed_dims(self) -> int:
        """int: Width of an embedding."""
        width = self.backbone.embed_dims
        if self.embedding == 'neck':
            width = self.neck.out_channels
        return width if self.readout is None else self.readout.width(width)

    @property
    def moments(self) -> int | None:
        """int, optional: At how many moments a sequence is encoded.

        None at every frame; see :class:`ResampledEncoder`.
        """
        return getattr(self.backbone, 'frames', None)

    def predict(
        self,
        inputs: Sequence[SequenceBatch],
        data_samples: Sequence[ActionDataSample],
    ) -> list[ActionDataSample]:
        """Give every data sample its embeddings.

        Args:
            inputs (Sequence[SequenceBatch]): One batch of sequences.
            data_samples (Sequence[ActionDataSample]): Theirs.

        Returns:
            list[ActionDataSample]: The same, with ``embedding`` ``(T, D)``.
        """
        embeddings = self.embed(inputs)
        lengths = inputs[0].host_lengths or inputs[0].lengths.tolist()
        for sample, embedding, length in zip(
            data_samples, embeddings, lengths, strict=True
        ):
            # A view would keep, and pickle, the whole padded batch.
            sample.embedding = embedding[:length].clone()
        return list(data_samples)


def _project(
    model: nn.ModuleDict, view1: SequenceBatch, view2: SequenceBatch
) -> tuple[SequenceBatch, SequenceBatch]:
    """Embed and project two views.

    Args:
        model (nn.ModuleDict): With ``backbone`` and perhaps ``neck``.
        view1 (SequenceBatch): The first views.
        view2 (SequenceBatch): The second.

    Returns:
        tuple[SequenceBatch, SequenceBatch]: The views with Z' ``(B, M, D)``
        and Z'' ``(B, N, D)`` as values.
    """
    z1, z2 = model['backbone'](
        view1.values,
        view1.mask,
        view2.values,
        view2.mask,
        view1.host_lengths,
        view2.host_lengths,
    )
    if 'neck' in model:
        z1 = model['neck'](z1, view1.mask, view1.host_lengths)
        z2 = model['neck'](z2, view2.mask, view2.host_lengths)
    return view1._replace(values=z1), view2._replace(values=z2)
