import contextlib
import hashlib
import io
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from ..datasets.skeletons import COCO_17, HALPE_26
from ..support.extras import how_to_install
from .errors import ExtractionError
from .pose_estimator import Detection, PoseEstimator

DETECTORS = ('yolox', 'rtmdet', 'none')
# Layouts by the number of joints of a model; of a whole body the first are
# the body's.
LAYOUTS = {17: COCO_17, 26: HALPE_26, 133: COCO_17}


class RTMLibEstimator(PoseEstimator):
    """Estimate poses with RTMPose in ONNX Runtime, without PyTorch.

    rtmlib (https://github.com/Tau-J/rtmlib) prepares the pictures and reads
    the models' outputs. Model files are the user's own; nothing is
    downloaded.

    Args:
        target (str): ``body2d``: COCO's or Halpe's joints in pixels, as the
            model has them.
        device (str): ``cpu``, or such as ``cuda:0`` with the GPU build of
            ONNX Runtime.
        model (Path): RTMPose of 17, 26 or 133 joints, ``.onnx``.
        detector (str): Kind of the detector: ``yolox``, ``rtmdet``, or
            ``none`` if one person fills the picture.
        detector_model (Path, optional): The detector, ``.onnx``.

    Raises:
        ExtractionError: If rtmlib is not installed, the target is unknown, or
            a file is missing.
    """

    num_coordinates = 2

    def __init__(
        self,
        target: str,
        device: str,
        model: Path | None,
        detector: str = 'yolox',
        detector_model: Path | None = None,
    ):
        try:
            release = version('rtmlib')
        except PackageNotFoundError as error:
            raise ExtractionError(
                f'--backend rtmlib needs rtmlib: {how_to_install("rtmlib")}'
            ) from error
        if target != 'body2d':
            raise ExtractionError(
                f'--backend rtmlib does body2d, not {target}'
            )
        if detector not in DETECTORS:
            raise ExtractionError(
                f'--detector is expected to be one of {", ".join(DETECTORS)} '
                f'with --backend rtmlib, but is {detector}'
            )
        files = {'--pose-weights': model}
        if detector != 'none':
            files['--detector-weights'] = detector_model
        for option, path in files.items():
            if path is None or not path.is_file():
                raise ExtractionError(
                    f'--backend rtmlib needs {option}, '
                    + (f'and there is no file {path}' if path else 'an .onnx')
                    + ' file: https://github.com/Tau-J/rtmlib lists models'
                )
        self.device = device
        self._kind = detector
        self._files = list(files.values())
        self._pose = self._detector = None
        self.skeleton = LAYOUTS[self._num_joints()]
        self.settings = dict(
            rtmlib=release,
            detector=detector,
            weights=[
                hashlib.sha256(path.read_bytes()).hexdigest()
                for path in self._files
            ],
        )

    def _num_joints(self) -> int:
        session = _open(self._files[0])
        shape = session.get_outputs()[0].shape
        if len(shape) != 3 or shape[1] not in LAYOUTS:
            raise ExtractionError(
                f'{self._files[0]} is expected to be RTMPose of '
                f'{", ".join(map(str, LAYOUTS))} joints, but its first output '
                f'has the shape {shape}'
            )
        return shape[1]

    def prepare(self) -> None:
        """Load the models; see :class:`PoseEstimator`."""
        from rtmlib import YOLOX, RTMDet, RTMPose

        options = dict(backend='onnxruntime', device=self.device)
        pose, *detector = self._files
        height, width = _input_size(pose)
        # It prints what it loads.
        with contextlib.redirect_stdout(io.StringIO()):
            self._pose = RTMPose(str(pose), (width, height), **options)
            if detector:
                build = YOLOX if self._kind == 'yolox' else RTMDet
                self._detector = build(
                    str(detector[0]), _input_size(detector[0]), **options
                )

    def detect(
        self, frames: Iterable[np.ndarray]
    ) -> Iterator[list[Detection]]:
        """Find people; see :class:`PoseEstimator`."""
        for frame in frames:
            boxes = self._boxes(frame)
            if not len(boxes):
                yield []
                continue
            # RTMPose was trained on RGB, which rtmlib leaves to its callers
            # (Tau-J/rtmlib#48).
            joints, scores = self._pose(frame, boxes)
            count = len(self.skeleton['joints'])
            yield [
                Detection(
                    np.asarray(box, np.float64),
                    float(score[:count].mean()),
                    keypoint[:count],
                    score[:count].clip(0, 1),
                )
                for box, keypoint, score in zip(
                    boxes, joints, scores, strict=True
                )
            ]

    def _boxes(self, frame: np.ndarray) -> np.ndarray:
        if self._detector is None:
            height, width = frame.shape[:2]
            return np.array([[0, 0, width, height]])
        # The detectors were trained on BGR.
        return self._detector(np.ascontiguousarray(frame[..., ::-1]))


def _open(path: Path):
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(
            str(path), providers=['CPUExecutionProvider']
        )
    # Its errors have no common base.
    except Exception as error:
        if not type(error).__module__.startswith('onnxruntime'):
            raise
        raise ExtractionError(
            f'{path} is no model that ONNX Runtime can read: {error}'
        ) from error


def _input_size(path: Path) -> tuple[int, int]:
    """Return the height and the width of the pictures that a model takes."""
    shape = _open(path).get_inputs()[0].shape
    if len(shape) != 4 or not all(isinstance(n, int) for n in shape[2:]):
        raise ExtractionError(
            f'{path} is expected to take pictures of one size, but its input '
            f'has the shape {shape}'
        )
    return shape[2], shape[3]
