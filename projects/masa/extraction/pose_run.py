from collections.abc import Callable
from pathlib import Path

from .backends import BACKENDS
from .errors import ExtractionError
from .extraction_run import Extraction
from .limits import DEFAULT_LIMITS
from .output_folder import OutputFolder
from .plan import Job, Plan
from .poses import extract_poses, read_poses
from .record_contents import pose_contents


class PoseExtraction(Extraction):
    """Extract the poses of one person.

    Args:
        backend (str): One of ``BACKENDS``.
        target (str): ``body2d``, ``body3d``, ``hands2d`` or ``hands3d``.
        person (int): Rank of the person by prominence over the whole sequence,
            from 1.
        min_found (float): Smallest share of frames with the person, in [0, 1].
        time_step (float): Poses are estimated in frames that are so many
            seconds apart and interpolated in between. Defaults to 0, in all
            frames.
        device (str, optional): Such as ``cuda:0``, for mmpose; MediaPipe runs
            on the CPU. Defaults to CUDA if available.
        pose_model, pose_weights, detector, detector_weights, lifter,
            lifter_weights, random_weights (optional): See
            :class:`MMPoseEstimator`. ``pose_weights`` is the model file of
            :class:`MediaPipeEstimator`, too; the others are of mmpose alone.
        max_pixels, max_seconds: See :class:`MediaLimits`.

    Raises:
        ExtractionError: If the backend is unknown or not installed, or does
            not support the options.
    """

    content = 'poses'
    fields = ('keypoint', 'keypoint_score', 'skeleton')
    dtype = 'float32'

    def __init__(
        self,
        backend: str,
        target: str = 'body2d',
        person: int = 1,
        min_found: float = 0.5,
        time_step: float = 0.0,
        device: str | None = None,
        pose_model: str | None = None,
        pose_weights: str | Path | None = None,
        detector: str | None = None,
        detector_weights: str | Path | None = None,
        lifter: str | None = None,
        lifter_weights: str | Path | None = None,
        random_weights: int | None = None,
        max_pixels: int = DEFAULT_LIMITS.max_pixels,
        max_seconds: float = DEFAULT_LIMITS.max_seconds,
    ):
        # MediaPipe has no other device, and PyTorch is not asked for one.
        device = 'cpu' if backend == 'mediapipe' else device
        super().__init__(device, max_pixels, max_seconds)
        if backend not in BACKENDS:
            raise ExtractionError(
                f'backend is expected to be one of {list(BACKENDS)}, but is '
                f'{backend!r}'
            )
        self.backend, self.target = backend, target
        self.person, self.min_found = person, min_found
        self.time_step = time_step
        self.estimator = BACKENDS[backend](
            target,
            self.device,
            pose_model=pose_model,
            pose_weights=pose_weights and Path(pose_weights),
            detector=detector,
            detector_weights=detector_weights and Path(detector_weights),
            lifter=lifter,
            lifter_weights=lifter_weights and Path(lifter_weights),
            random_weights=random_weights,
        )
        self.in_processes = self.estimator.one_core
        self.settings = self._settings()
        joints = len(self.estimator.skeleton['joints'])
        self.per_frame = f'{joints} joints in {self._coordinates}D'

    @property
    def _coordinates(self) -> int:
        return self.estimator.num_coordinates

    def _settings(self) -> dict:
        return dict(
            backend=self.backend,
            target=self.target,
            person=self.person,
            min_found=self.min_found,
            time_step=self.time_step,
            **self.estimator.settings,
        )

    def describe(self) -> str:
        """Name the model; see :class:`Extraction`."""
        return f'{self.backend} ({self.target}: {self.per_frame})'

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
            self.person,
            self.min_found,
            job.expected,
            self.limits,
            advance,
            self.time_step,
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
            # A hand must not replace the other one.
            mirror=self.target.startswith('body'),
        )
        for name, content in contents.items():
            content.update(folder.time_fields(name))
        return plan.annotate(contents, dict(skeleton=skeleton))
