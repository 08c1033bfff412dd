import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets.conversion import joint_fields
from ..datasets.errors import AnnotationError
from .backends import BACKENDS
from .errors import ExtractionError
from .extraction_run import Extraction
from .output_folder import OutputFolder
from .plan import Job, Plan
from .poses import extract_poses, read_poses


class _Poses(NamedTuple):
    """The poses of a sequence, as the converters' helper takes them."""

    name: str
    activity: str
    is_train: bool
    keypoint: np.ndarray
    visible: np.ndarray


class PoseExtraction(Extraction):
    """Estimates the poses of a person.

    Args:
        args (argparse.Namespace): Of tools/extract_skeletons.py.
        device (str): Such as ``cuda:0``.

    Raises:
        ExtractionError: If the backend is not installed or cannot do what is
            asked for.
    """

    content = 'poses'
    fields = ('keypoint', 'keypoint_score', 'skeleton')
    dtype = 'float32'

    def __init__(self, args: argparse.Namespace, device: str):
        super().__init__(args, device)
        self.estimator = BACKENDS[args.backend](args, device)
        self.settings = self._settings()
        joints = len(self.estimator.skeleton['joints'])
        self.per_frame = f'{joints} joints in {self._coordinates}D'

    @property
    def _coordinates(self) -> int:
        return self.estimator.num_coordinates

    def _settings(self) -> dict:
        return dict(
            backend=self.args.backend,
            target=self.args.target,
            person=self.args.person,
            min_found=self.args.min_found,
            **self.estimator.settings,
        )

    def describe(self) -> str:
        """Name the model; see :class:`Extraction`."""
        return f'{self.args.backend} ({self.args.target}: {self.per_frame})'

    def prepare(self) -> None:
        """Load the model; see :class:`Extraction`."""
        self.estimator.prepare()
        self.settings = self._settings()

    def process(
        self, job: Job, output: Path, advance: Callable[[int], None]
    ) -> str:
        """Write the file of a sequence; see :class:`Extraction`."""
        frames, found = extract_poses(
            job.sequence,
            output,
            self.estimator,
            self.args.person,
            self.args.min_found,
            job.expected,
            self.limits,
            advance,
        )
        return f'found in {found} of {frames} frames'

    def annotate(
        self, plan: Plan, folder: OutputFolder, lengths: dict[str, int]
    ) -> dict:
        """Make the annotations; see :class:`Extraction`."""
        skeleton = self.estimator.skeleton
        train = plan.train_ids()
        sequences, scores = [], []
        for name in lengths:
            keypoint, score = read_poses(
                folder.path(name), len(skeleton['joints']), self._coordinates
            )
            visible = np.isfinite(keypoint).all(-1)
            sequences.append(
                _Poses(
                    name, '', train is None or name in train, keypoint, visible
                )
            )
            scores.append(np.where(visible, score, 0)[None])
        try:
            # A hand is no stand-in for the other one.
            fields = joint_fields(
                sequences, skeleton, mirror=self.args.target.startswith('body')
            )
        except AnnotationError as error:
            raise ExtractionError(
                f'joints that were not found cannot be filled in: {error}'
            ) from error
        contents = {
            one.name: dict(
                field, keypoint_score=score, **folder.time_fields(one.name)
            )
            for one, field, score in zip(
                sequences, fields, scores, strict=True
            )
        }
        return plan.annotate(contents, dict(skeleton=skeleton))
