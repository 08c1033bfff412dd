from collections.abc import Callable
from pathlib import Path

import torch

from .errors import ExtractionError
from .extraction_run import Extraction
from .feature_model import build_model, describe_model
from .features import extract_features
from .limits import DEFAULT_LIMITS
from .output_folder import OutputFolder
from .plan import Job, Plan


class FeatureExtraction(Extraction):
    """Extract frame features with an image model.

    Args:
        model (str): A key of ``model_names.ALIASES`` or any model of timm.
        weights (str | Path, optional): File of weights. By default timm
            downloads them.
        image_size (int, optional): Side of the model's input in pixels.
            Defaults to 224 for DINOv2, else to the model's own.
        crop_mode (str, optional): ``center``, ``squash`` or ``border``.
            Defaults to the model's own.
        dtype (str): Data type of the features, ``float16`` or ``float32``.
        batch_size (int): Frames per batch.
        workers (int): Number of threads that preprocess frames.
        amp (bool): Whether to use mixed precision; needs CUDA.
        amp_dtype (str, optional): Type for ``amp``, ``bfloat16`` or
            ``float16``. Defaults to bfloat16 if the GPU supports it.
        device (str, optional): Such as ``cuda:0``. Defaults to CUDA if
            available.
        random_weights (int, optional): Seed of random weights, for a trial
            run.
        max_pixels, max_seconds: See :class:`MediaLimits`.

    Raises:
        ExtractionError: If there is no such model, or the device does not
            support the options.
    """

    content = 'features'
    fields = ('feature_path',)

    def __init__(
        self,
        model: str = 'dinov2_giant',
        weights: str | Path | None = None,
        image_size: int | None = None,
        crop_mode: str | None = None,
        dtype: str = 'float32',
        batch_size: int = 32,
        workers: int = 1,
        amp: bool = False,
        amp_dtype: str | None = None,
        device: str | None = None,
        random_weights: int | None = None,
        max_pixels: int = DEFAULT_LIMITS.max_pixels,
        max_seconds: float = DEFAULT_LIMITS.max_seconds,
    ):
        super().__init__(device, max_pixels, max_seconds)
        self.dtype = dtype
        self.batch_size, self.workers = batch_size, workers
        self.name = model
        self.weights = weights and Path(weights)
        self.random_weights = random_weights
        precision = _precision(amp, amp_dtype, self.device)
        self.settings = dict(
            describe_model(model, image_size, crop_mode, precision),
            dtype=dtype,
            random_weights=random_weights,
        )

    def describe(self) -> str:
        """Name the model; see :class:`Extraction`."""
        preprocessing = self.settings['preprocessing']
        size = 'x'.join(map(str, preprocessing['input_size'][1:]))
        return (
            f'{self.settings["model"]}, {size} pixels '
            f'({preprocessing["crop_mode"]}), computed in '
            f'{self.settings["precision"]}'
        )

    def prepare(self) -> None:
        """Load the model; see :class:`Extraction`."""
        self.model, self.settings = build_model(
            self.name,
            self.settings,
            self.device,
            self.weights,
            self.random_weights,
        )
        self.per_frame = f'{self.model.channels} numbers'

    def process(
        self, job: Job, output: Path, advance: Callable[[int], None]
    ) -> str:
        """Write the file of a sequence; see :class:`Extraction`."""
        frames = extract_features(
            job.sequence,
            output,
            self.model,
            self.dtype,
            self.batch_size,
            self.workers,
            job.expected,
            self.limits,
            advance,
        )
        return f'{frames} frames'

    def annotate(
        self, plan: Plan, folder: OutputFolder, lengths: dict[str, int]
    ) -> dict:
        """Make the annotations; see :class:`Extraction`."""
        return plan.annotate(
            {
                name: dict(
                    total_frames=frames,
                    feature_path=folder.path(name)
                    .relative_to(folder.root)
                    .as_posix(),
                    **folder.time_fields(name),
                )
                for name, frames in lengths.items()
            }
        )


def _precision(amp: bool, amp_dtype: str | None, device: str) -> str:
    if not amp:
        return 'float32'
    if torch.device(device).type != 'cuda':
        raise ExtractionError(f'--amp needs a CUDA device, not {device}')
    if amp_dtype:
        return amp_dtype
    # Older GPUs only emulate bfloat16, slower than float32.
    major, _ = torch.cuda.get_device_capability(device)
    return 'bfloat16' if major >= 8 else 'float16'
