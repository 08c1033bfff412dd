from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

from ..datasets.parts import Part, crop_record, places_among
from ..registry import MODELS
from ..support.checkpoints import check_fit, read_checkpoint, weights_of
from ..support.config_checks import (
    check_config,
    read_config,
    report_wrong_values,
)
from .model_files import find_model_files


class TrainedModel:
    """A model of a config and a checkpoint, run by PyTorch.

    Args:
        model (str | Path | Config): A config file, a config, or the work
            directory of a training, which holds both config and weights.
        weights (str | Path, optional): The checkpoint. Defaults to the last
            one of the work directory.
        device (str, optional): Such as ``cuda:0``. Defaults to the device
            that is available.
        unsafe_load (bool): Whether the checkpoint may run code. Defaults to
            False.

    Attributes:
        config (Config): The config.
        network (nn.Module): The network.
        transforms (list[Callable]): Those of the config's test pipeline.
        skeleton (dict, optional): Layout of the joints of arrays.
        from_video (dict, optional): How a video becomes the model's input.
        moments (int, optional): At how many moments it encodes a sequence,
            however long; None if at every frame.
        device (str): The device.

    Raises:
        ConfigError: If the config has unknown names, or values that the
            model's constructors refuse.
        FileNotFoundError: If there is no config or no checkpoint.
        CheckpointError: If the checkpoint is damaged, holds code or does not
            fit the model.
        ValueError: If a work directory has several configs.
    """

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path | None = None,
        device: str | None = None,
        unsafe_load: bool = False,
    ):
        if isinstance(model, (str, Path)):
            model, weights = find_model_files(Path(model), weights)
            model = read_config(model)
        check_config(model, scope='mmaction')
        if weights is None:
            raise FileNotFoundError(
                'no checkpoint is given: an untrained model aligns nothing'
            )
        init_default_scope('mmaction')
        self.config = model
        self.device = device or get_device()
        self.from_video = model.get('from_video')
        checkpoint = read_checkpoint(weights, unsafe_load)
        with report_wrong_values(model):
            network = MODELS.build(model.model)
        state = weights_of(checkpoint, weights)
        check_fit(state, network, weights)
        network.load_state_dict(state)
        self.moments: int | None = network.moments
        self.network: nn.Module = network.to(self.device).eval()
        meta = checkpoint.get('meta', {}).get('dataset_meta') or {}
        self.skeleton: dict | None = meta.get('skeleton')
        with DefaultScope.overwrite_default_scope('mmaction'):
            self._pipeline = Compose(model.test_dataloader.dataset.pipeline)
        self.transforms = self._pipeline.transforms

    def prepare(self, record: dict) -> dict:
        """Run the test pipeline on a record.

        Args:
            record (dict): Its record, which is not changed.

        Returns:
            dict: What the pipeline makes of it.

        Raises:
            ValueError: If the record is not what the model takes.
            KeyError: If it lacks something.
        """
        packed = self._pipeline(dict(record))
        for view in packed['inputs']:
            try:
                self.network.check_width(view['values'].shape[-1])
            except ValueError as error:
                raise ValueError(
                    f'{record["frame_dir"]} is not what the model takes: '
                    f'{error}'
                ) from error
        return packed

    def part_preparation(
        self, record: dict
    ) -> Callable[[Sequence[Part]], list[dict]]:
        """Prepare a sequence so that parts of it can be embedded.

        Args:
            record (dict): A record with joints, which is not changed.

        Returns:
            Callable: Takes parts, first frame and the one after the last, and
            returns what :meth:`prepare` makes of each.
        """
        return lambda parts: [
            self.prepare(crop_record(record, *part)) for part in parts
        ]

    @torch.no_grad()
    def embed(
        self, prepared: Sequence[dict], moments: int | None = None
    ) -> list[np.ndarray]:
        """Embed sequences as a batch.

        Args:
            prepared (Sequence[dict]): Of :meth:`prepare`.
            moments (int, optional): See :meth:`ExportedModel.embed`.

        Returns:
            list[np.ndarray]: (T, D) float32 each.
        """
        network = self.network
        data = network.data_preprocessor(pseudo_collate(prepared))
        (batch,) = data['inputs']
        places = None
        if moments is not None and moments < (self.moments or 0):
            places = torch.from_numpy(places_among(self.moments, moments))
            places = places.to(batch.values)
        embeddings = network.encode(
            batch.values, batch.mask, batch.host_lengths, places
        )
        return [
            # A view would keep the whole padded batch.
            embedding[:length].cpu().numpy().copy()
            for embedding, length in zip(
                embeddings, batch.host_lengths, strict=True
            )
        ]
