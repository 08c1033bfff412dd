import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from .errors import ExtractionError
from .extraction_run import Extraction
from .feature_model import build_model, describe_model
from .features import extract_features
from .output_folder import OutputFolder
from .plan import Job, Plan


class FeatureExtraction(Extraction):
    """Computes features of frames.

    Args:
        args (argparse.Namespace): Of tools/extract_features.py.
        device (str): Such as ``cuda:0``.

    Raises:
        ExtractionError: If there is no such model, or the device cannot do
            what is asked for.
    """

    content = 'features'
    fields = ('feature_path',)

    def __init__(self, args: argparse.Namespace, device: str):
        super().__init__(args, device)
        self.dtype = args.dtype
        self.settings = dict(
            describe_model(
                args.model,
                args.image_size,
                args.crop_mode,
                _precision(args, device),
            ),
            dtype=args.dtype,
            random_weights=args.random_weights,
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
            self.args.model,
            self.settings,
            self.device,
            self.args.weights,
            self.args.random_weights,
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
            self.args.batch_size,
            self.args.workers,
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


def _precision(args: argparse.Namespace, device: str) -> str:
    if not args.amp:
        return 'float32'
    if torch.device(device).type != 'cuda':
        raise ExtractionError(f'--amp needs a CUDA device, not {device}')
    if args.amp_dtype:
        return args.amp_dtype
    # Older GPUs only emulate bfloat16, slower than float32.
    major, _ = torch.cuda.get_device_capability(device)
    return 'bfloat16' if major >= 8 else 'float16'
