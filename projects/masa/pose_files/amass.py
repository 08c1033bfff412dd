"""Bodies of AMASS, https://amass.is.tue.mpg.de: ``.npz`` of SMPL-H or SMPL-X.

Other tools write the same: ``poses`` or ``root_orient`` and ``pose_body``, in
axis times angle; ``trans`` in meters, z up; ``betas``; and a frame rate.
"""

import zipfile
from collections.abc import Iterable

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.npy_file import read_npz
from ..datasets.skeletons import SMPL_24
from .pose_file import PoseFile
from .sequence import RecordedPeople, choose_layout
from .smpl import WIDTHS, place_smpl

_WHOLE = 'poses'
_PARTS = ('root_orient', 'pose_body')
_RATES = ('mocap_framerate', 'mocap_frame_rate')
_KEYS = (_WHOLE, *_PARTS, 'trans', 'betas', *_RATES)


def is_amass(file: PoseFile) -> bool:
    """Tell whether an ``.npz`` file holds the motion of a body model."""
    try:
        with zipfile.ZipFile(file.path) as archive:
            names = {name.removesuffix('.npy') for name in archive.namelist()}
    except zipfile.BadZipFile:
        return False
    return 'trans' in names and (_WHOLE in names or names.issuperset(_PARTS))


def read_amass(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[RecordedPeople]:
    """Read the motion of a body as joints, ``SMPL_24`` in meters, z up.

    The joints are those of :func:`~.smpl.place_smpl`: on the body model of the
    file, if the user gave one, else on an average body.

    Args:
        files (Iterable[PoseFile]): The one file.
        layout (dict, optional): Another layout of its 24 joints.

    Returns:
        list[RecordedPeople]: The one sequence.

    Raises:
        AnnotationError: If the file is damaged, or a key has another shape.
        OSError: If it cannot be opened.
    """
    (file,) = files
    path = file.path
    try:
        arrays = read_npz(path, _KEYS)
    except ValueError as error:
        raise AnnotationError(f'{path} cannot be read: {error}') from error
    if _WHOLE not in arrays:
        arrays[_WHOLE] = np.concatenate(
            [
                _numbers(arrays, key, str(path), (None, width))
                for key, width in zip(_PARTS, (3, 63), strict=True)
            ],
            axis=1,
        )
    pose = _numbers(arrays, _WHOLE, str(path), (None, None))
    if pose.shape[1] not in WIDTHS:
        raise AnnotationError(
            f'{path}: {_WHOLE} is expected to have '
            f'{" or ".join(map(str, WIDTHS))} numbers a frame, but has '
            f'{pose.shape[1]}'
        )
    trans = _numbers(arrays, 'trans', str(path), (len(pose), 3))
    betas = None
    if 'betas' in arrays:
        # Some tools give every frame its own.
        shape = (None,) * max(1, arrays['betas'].ndim)
        betas = _numbers(arrays, 'betas', str(path), shape[:2])
        betas = np.atleast_2d(betas).mean(0)
    joints = place_smpl(pose, trans, betas, file.body_model)
    upright = SMPL_24 | dict(up_axis='z')
    return [
        RecordedPeople(
            skeleton=choose_layout(24, {24: upright}, layout, str(path)),
            keypoint=joints[None],
            frame_rate=_frame_rate(arrays, str(path)),
        )
    ]


def _frame_rate(arrays: dict[str, np.ndarray], where: str) -> float | None:
    for key in _RATES:
        if key in arrays:
            (rate,) = _numbers({key: arrays[key].ravel()}, key, where, (1,))
            if not 0 < rate < np.inf:
                raise AnnotationError(
                    f'{where}: {key} is expected to be above 0, but is {rate}'
                )
            return float(rate)
    return None


def _numbers(
    arrays: dict[str, np.ndarray],
    key: str,
    where: str,
    shape: tuple[int | None, ...],
) -> np.ndarray:
    """Return an array as float64, of a shape in which None may be anything."""
    array = arrays[key]
    if (
        array.dtype.kind not in 'iuf'
        or array.ndim != len(shape)
        or any(
            wanted not in (None, size)
            for wanted, size in zip(shape, array.shape, strict=True)
        )
    ):
        wanted = ', '.join('any' if n is None else str(n) for n in shape)
        raise AnnotationError(
            f'{where}: {key} is expected to be numbers of the shape '
            f'({wanted}), but is {array.dtype} of shape {array.shape}'
        )
    return array.astype(np.float64)
