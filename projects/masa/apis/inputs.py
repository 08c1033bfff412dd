import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets import SequenceDataset
from ..extraction.extraction_run import run
from ..extraction.limits import DEFAULT_LIMITS
from ..extraction.sequences import VIDEO_SUFFIXES, find_sequences

ANNOTATION_SUFFIXES = ('.pkl', '.npz', '.json')

# What the extraction tools ask for, with their defaults.
_RUNNING = dict(
    overwrite=True,
    labels=None,
    merge=None,
    replace=False,
    phases=None,
    device=None,
    skip_broken=False,
    dry_run=False,
    random_weights=None,
    max_pixels=DEFAULT_LIMITS.max_pixels,
    max_seconds=DEFAULT_LIMITS.max_seconds,
)
_DEFAULTS = dict(
    skeletons=dict(
        target='body2d',
        person=1,
        min_found=0.5,
        pose_model=None,
        pose_weights=None,
        detector=None,
        detector_weights=None,
        lifter=None,
        lifter_weights=None,
    ),
    features=dict(
        model='dinov2_giant',
        weights=None,
        image_size=None,
        crop_mode=None,
        dtype='float32',
        batch_size=32,
        workers=1,
        amp=False,
        amp_dtype=None,
    ),
)


def records_of_file(path: Path, features: Path) -> list[dict]:
    """Read the records of an annotation file.

    Args:
        path (Path): The file.
        features (Path): Folder that every ``feature_path`` is relative to.

    Returns:
        list[dict]: As :class:`SequenceDataset` gives them.

    Raises:
        AnnotationError: If the file has problems.
        FileNotFoundError: If there is none.
    """
    dataset = SequenceDataset(
        str(path), pipeline=[], data_prefix=dict(feature=str(features))
    )
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def record_of_array(
    array: np.ndarray, name: str, modality: str, skeleton: dict | None
) -> dict:
    """Make a record of bare numbers.

    Args:
        array (np.ndarray): Joints (T, V, C) or (M, T, V, C), or features
            (T, D).
        name (str): The sequence's id.
        modality (str): ``keypoint`` or ``feature``, which the model takes.
        skeleton (dict, optional): Layout of the joints.

    Returns:
        dict: The record.

    Raises:
        ValueError: If the shape is not that of the modality, or a number is
            not finite.
    """
    array = np.asarray(array)
    shapes = dict(keypoint=(3, 4), feature=(2,))[modality]
    if array.ndim not in shapes or array.dtype.kind not in 'fiu':
        wanted = dict(
            keypoint='joints, (frames, joints, coordinates)',
            feature='features, (frames, channels)',
        )[modality]
        raise ValueError(
            f'{name}: the model takes {wanted}, but got {array.dtype} of the '
            f'shape {array.shape}'
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            f'{name}: finite numbers are expected; joints that are not seen '
            'are filled by tools/extract_skeletons.py and the converters'
        )
    if modality == 'keypoint' and array.ndim == 3:
        array = array[None]
    frames = array.shape[1] if modality == 'keypoint' else len(array)
    return {
        'frame_dir': name,
        'total_frames': frames,
        modality: array,
        'skeleton': skeleton,
    }


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
    paths: Sequence[Path], source: dict | None, cache: Path, device: str
) -> list[dict]:
    """Make records of videos, by the extraction tools.

    Args:
        paths (Sequence[Path]): Videos, folders of videos or of images.
        source (dict, optional): ``from_video`` of the config: ``type`` is
            ``skeletons`` or ``features``, and the rest options of
            tools/extract_skeletons.py or tools/extract_features.py.
        cache (Path): Folder for what is extracted. What is there already is
            not made again.
        device (str): Such as ``cpu``.

    Returns:
        list[dict]: Records, with ``video``, the path.

    Raises:
        ValueError: If the config does not say how, or has an option that the
            tool has not.
        ExtractionError: If a video cannot be used.
    """
    from ..extraction.feature_run import FeatureExtraction
    from ..extraction.pose_run import PoseExtraction

    if source is None:
        raise ValueError(
            f'{paths[0]} is a video, and the config does not say what the '
            'model takes of one: from_video=dict(type="skeletons", '
            'backend="mediapipe", target="body3d") for one, or '
            'dict(type="features", model="dinov2_giant"); else extract it '
            'beforehand and give the annotation file'
        )
    source = dict(source)
    kind = source.pop('type', None)
    if kind not in _DEFAULTS:
        raise ValueError(
            f'from_video.type is expected to be one of {list(_DEFAULTS)}, '
            f'but is {kind!r}'
        )
    known = dict(_RUNNING, **_DEFAULTS[kind], device=device)
    unknown = source.keys() - known.keys() - {'backend'}
    if unknown:
        raise ValueError(f'from_video has unknown options {sorted(unknown)}')
    args = argparse.Namespace(
        **dict(known, **source),
        inputs=list(paths),
        output=cache / kind,
        ann_file=cache / f'{kind}.pkl',
    )
    run(args, PoseExtraction if kind == 'skeletons' else FeatureExtraction)
    videos = {one.name: one.path for one in find_sequences(paths)}
    return [
        dict(record, video=videos[record['frame_dir']])
        for record in records_of_file(args.ann_file, args.output)
    ]
