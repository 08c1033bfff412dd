import inspect
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets.npy_file import map_npy
from ..datasets.people import find_joints
from ..datasets.records import read_records
from ..datasets.skeletons import LAYOUTS, layouts_of
from ..extraction.content_cache import ContentCache
from ..extraction.errors import ExtractionError
from ..extraction.extraction_run import extract, plan_extraction
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from ..extraction.output_folder import SETTINGS_FILE
from ..extraction.sequences import VIDEO_SUFFIXES
from ..support.extras import explain_missing


def record_of_array(
    array: np.ndarray,
    name: str,
    modality: str,
    skeleton: dict | None,
    may_miss: bool = False,
    any_body: bool = False,
) -> dict:
    """Make a record of an array.

    Args:
        array (np.ndarray): Joints (T, V, C) or (M, T, V, C), or features
            (T, D).
        name (str): Id of the sequence.
        modality (str): ``keypoint`` or ``feature``, as the model needs.
        skeleton (dict, optional): Layout of the joints.
        may_miss (bool): Whether NaN stands for a joint that is missing.
            Defaults to False.
        any_body (bool): Whether the layout may be another. Defaults to
            False.

    Returns:
        dict: The record.

    Raises:
        ValueError: If the shape does not fit the modality or the layout, a
            number is not finite, or there is nothing but zeros.
    """
    array = np.asarray(array)
    joints = len(skeleton['joints']) if skeleton else None
    if array.dtype.kind not in 'fiu' or not (
        array.ndim == 2
        if modality == 'feature'
        else array.ndim in (3, 4) and joints in (None, array.shape[-2])
    ):
        expected = dict(
            keypoint='joints of the shape (frames, joints, coordinates), '
            f'here (T, {joints or "V"}, 2 or 3)',
            feature='features of the shape (frames, channels)',
        )[modality]
        raise ValueError(
            f'the model takes {expected}, but got {array.dtype} of the shape '
            f'{array.shape}{_hint_at_extracted(array, modality, joints)}'
            f'{_hint_at_layout(array, modality, any_body)}'
        )
    if not array.size:
        raise ValueError(f'it has no frames: its shape is {array.shape}')
    array = array.astype(np.float32)
    missing = np.isnan(array).any(-1)
    if may_miss:
        array[missing] = 0
    if not np.isfinite(array).all():
        raise ValueError(
            'finite numbers are expected; missing joints are filled in by '
            '"masa extract" and "masa convert"'
        )
    if missing.all():
        raise ValueError(
            f'all of its numbers are NaN (shape {array.shape}): it shows '
            'nothing'
        )
    if not array.any():
        raise ValueError(
            f'all of its numbers are 0 (shape {array.shape}): it shows nothing'
        )
    if modality == 'keypoint' and array.ndim == 3:
        array, missing = array[None], missing[None]
    frames = array.shape[1] if modality == 'keypoint' else len(array)
    record = {
        'frame_dir': name,
        'total_frames': frames,
        modality: array,
        'skeleton': skeleton,
    }
    if missing.any():
        found = find_joints(array) & ~missing
        record['keypoint_score'] = found.astype(np.float32)
    return record


def _hint_at_layout(array: np.ndarray, modality: str, any_body: bool) -> str:
    if not any_body or modality != 'keypoint' or array.ndim not in (3, 4):
        return ''
    names = layouts_of(array.shape[-2]) or LAYOUTS
    return (
        '; joints of another layout need its name, --layout (in Python '
        f'layout): {" or ".join(names)}'
    )


def _hint_at_extracted(
    array: np.ndarray, modality: str, joints: int | None
) -> str:
    # Coordinates and score of all joints are side by side in these files.
    if modality != 'keypoint' or array.ndim != 2 or not joints:
        return ''
    if array.shape[1] not in (3 * joints, 4 * joints):
        return ''
    return (
        '; for a file of "masa extract skeletons" give the annotation file '
        'that it wrote (--ann-file)'
    )


def read_array(path: Path) -> np.ndarray:
    """Read joints or features of a ``.npy`` file.

    Args:
        path (Path): The file.

    Returns:
        np.ndarray: The array of the file.

    Raises:
        ValueError: If it cannot be read, or was written by
            ``masa extract skeletons``: only the annotation file that it wrote
            has positions for joints that were not found.
    """
    try:
        array = np.array(map_npy(path))
    except (OSError, ValueError) as error:
        raise ValueError(f'{path} cannot be read: {error}') from error
    if _holds_extracted_poses(path):
        raise ValueError(
            f'{path} holds poses of "masa extract skeletons", in which '
            'joints that were not found are missing: give the annotation '
            'file that it wrote (--ann-file), which has them filled in'
        )
    return array


def _holds_extracted_poses(path: Path) -> bool:
    # Ids of sequences may have folders in them.
    for folder in path.resolve().parents:
        if (folder / SETTINGS_FILE).is_file():
            try:
                settings = json.loads((folder / SETTINGS_FILE).read_bytes())
            except (OSError, ValueError):
                return False
            return isinstance(settings, dict) and (
                {'backend', 'target', 'min_found'} <= settings.keys()
            )
    return False


def is_video(path: Path) -> bool:
    """Tell whether a path is a video file, or a folder of videos or images.

    Args:
        path (Path): The path.

    Returns:
        bool: True if so.
    """
    if path.is_dir():
        return True
    return path.suffix.lower() in VIDEO_SUFFIXES


def records_of_videos(
    paths: Sequence[Path],
    source: dict | None,
    folder: Path,
    cache: Path | None,
    device: str,
    limits: MediaLimits = DEFAULT_LIMITS,
    show_progress: bool = False,
    time_step: float = 0.0,
) -> tuple[list[dict], dict[str, str]]:
    """Extract records from videos.

    Args:
        paths (Sequence[Path]): Videos, folders of videos or of images.
        source (dict, optional): ``from_video`` of the config: ``type`` is
            ``skeletons`` or ``features``; the rest are arguments of
            :class:`PoseExtraction` or :class:`FeatureExtraction`.
        folder (Path): For what is extracted, which is to be there as long as
            the records are used.
        cache (Path, optional): Folder of a :class:`ContentCache`, or the
            folder that ``masa extract`` wrote to. What it holds already is
            not extracted again. None keeps nothing.
        device (str): Such as ``cpu``, unless ``source`` has one.
        limits (MediaLimits): Limits above which a video is refused, unless
            ``source`` has some.
        show_progress (bool): Whether to show progress on standard error.
            Defaults to False.
        time_step (float): Of :class:`PoseExtraction`, unless ``source`` has
            one. Defaults to 0.

    Returns:
        tuple[list[dict], dict[str, str]]: Records, with ``video``, the path;
        and why other sequences cannot be used, by their id or path.

    Raises:
        ValueError: If the config has no ``from_video``, or an unknown option
            in it.
        ExtractionError: If the extraction as a whole cannot be done.
    """
    defaults = dict(device=device, **limits._asdict())
    if time_step:
        defaults['time_step'] = time_step
    extraction = _make_extraction(source, paths[0], defaults)
    kept = None
    if cache is not None and (cache / SETTINGS_FILE).is_file():
        # One that masa extract wrote is taken as it is.
        folder = cache
    elif cache is not None:
        kept = ContentCache(cache)
    plan = plan_extraction(extraction, paths, folder)
    with tempfile.TemporaryDirectory() as temporary:
        ann_file = Path(temporary, 'sequences.pkl')
        try:
            result = extract(
                *(extraction, plan, folder, ann_file),
                skip_broken=True,
                show_progress=show_progress,
                cache=kept,
            )
        except ExtractionError as error:
            if not error.problems:
                raise
            return [], error.problems
        records = read_records(ann_file, folder)
    videos = {job.sequence.name: job.sequence.path for job in plan.jobs}
    records = [dict(r, video=videos[r['frame_dir']]) for r in records]
    return records, result.problems


def _make_extraction(source: dict | None, path: Path, defaults: dict):
    if source is None:
        raise ValueError(
            f'{path} is read as video or images, and the config does not say '
            'what the model takes of them: from_video=dict(type="skeletons", '
            'backend="mediapipe", target="body3d") for one, or '
            'dict(type="features", model="dinov2_giant"); else extract it '
            'beforehand and give the annotation file'
        )
    options = dict(defaults, **source)
    kind = options.pop('type', None)
    if kind not in EXTRACTIONS:
        raise ValueError(
            f'from_video.type is expected to be one of {list(EXTRACTIONS)}, '
            f'but is {kind!r}'
        )
    extraction = EXTRACTIONS[kind]()
    known = inspect.signature(extraction).parameters
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ValueError(
            f'from_video has unknown options {unknown}; known are '
            f'{", ".join(known)}'
        )
    if kind == 'skeletons' and 'backend' not in options:
        raise ValueError('from_video is expected to have a backend')
    return extraction(**options)


def _pose_extraction() -> type:
    from ..extraction.pose_run import PoseExtraction

    return PoseExtraction


def _feature_extraction() -> type:
    try:
        from ..extraction.feature_run import FeatureExtraction
    except ModuleNotFoundError as error:
        raise explain_missing(
            'frame features', 'train,features', error
        ) from error
    return FeatureExtraction


# By the type that a config names; each imports what it needs.
EXTRACTIONS = dict(skeletons=_pose_extraction, features=_feature_extraction)
