import argparse
from collections.abc import Callable
from pathlib import Path

from .backends import BACKENDS
from .extraction_run import Extraction
from .output_folder import OutputFolder
from .plan import Job, Plan
from .poses import extract_poses, read_poses
from .record_contents import pose_contents


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
        poses = {
            name: read_poses(
                folder.path(name), len(skeleton['joints']), self._coordinates
            )
            for name in lengths
        }
        contents = pose_contents(
            poses,
            skeleton,
            plan.train_ids(),
            # A hand is no stand-in for the other one.
            mirror=self.args.target.startswith('body'),
        )
        for name, content in contents.items():
            content.update(folder.time_fields(name))
        return plan.annotate(contents, dict(skeleton=skeleton))
