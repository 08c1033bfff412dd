import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.records import read_records
from ..datasets.skeletons import LAYOUTS
from ..datasets.transforms.formatting import STORED
from ..embeddings import EmbeddedSequence
from ..embeddings.checks import check_distinct
from ..extraction.limits import MediaLimits
from ..extraction.sequences import VIDEO_SUFFIXES
from ..pose_files.conversion import pose_records
from ..pose_files.formats import SUFFIXES, describe_unknown
from ..pose_files.pose_file import PoseFile
from ..pose_files.search import files_below, holds_media, holds_poses
from ..support.wording import listed
from ..writers.formats import ANNOTATION_SUFFIXES
from .inputs import (
    is_video,
    read_array,
    record_of_array,
    records_of_videos,
)

# What AlignmentInferencer accepts as a sequence, or as several.
Input = str | Path | np.ndarray | dict | EmbeddedSequence


@dataclass
class InputReader:
    """Reads videos, files, arrays and dicts as records of sequences.

    Args:
        modalities (Sequence[str]): Modalities of the model.
        skeleton (dict, optional): Layout of the joints of arrays, unless
            ``layout`` is given.
        features (Path): Folder that the ``feature_path`` of records is
            relative to.
        from_video (dict, optional): What the model takes of a video, as in
            the config.
        work (Path): Folder for what is extracted from videos.
        cache (Path, optional): Folder that keeps it, or the folder that
            ``masa extract`` wrote to. None keeps nothing.
        device (str): Device of the extraction, such as ``cuda:0``.
        limits (MediaLimits): Limits above which a video is refused.
        show_progress (bool): Whether to show the progress of extraction.
            Defaults to False.
        any_body (bool): Whether the model takes any layout, by the names of
            its joints. Defaults to False.
        layout (dict, optional): Layout of the joints of what does not say
            it. Defaults to None.
        up_axis (str, optional): Which way is up in 3D joints, instead of
            what the layouts say. Defaults to None.
        time_step (float): Seconds between frames of a video in which poses
            are estimated. Defaults to 0, every frame.
    """

    modalities: Sequence[str]
    skeleton: dict | None
    features: Path
    from_video: dict | None
    work: Path
    cache: Path | None
    device: str
    limits: MediaLimits
    show_progress: bool = False
    any_body: bool = False
    layout: dict | None = None
    up_axis: str | None = None
    time_step: float = 0.0

    def read(
        self, inputs: Sequence[Input]
    ) -> tuple[list[dict], dict[str, str]]:
        """Read all inputs that can be used.

        Args:
            inputs (Sequence[Input]): The inputs, none of them embedded.

        Returns:
            tuple[list[dict], dict[str, str]]: Records in the order of the
            inputs; and why others cannot be used, by the id of the sequence
            or the path or position of the input.

        Raises:
            ValueError: If two sequences have one id, or there are videos and
                the config does not say what the model takes of them.
            TypeError: If an input is of another kind.
        """
        groups: list[list[dict]] = [[] for _ in inputs]
        problems: dict[str, str] = {}
        videos: dict[int, Path] = {}
        for i, item in enumerate(inputs):
            is_path = isinstance(item, (str, Path))
            if is_path and not Path(item).exists():
                problems[str(item)] = 'there is no such file or folder'
                continue
            try:
                if is_path and holds_media(Path(item)):
                    videos[i] = Path(item)
                    _warn_of_poses(Path(item))
                    continue
                poses = self._read_poses(Path(item)) if is_path else None
                if poses is not None:
                    groups[i], broken = poses
                    problems.update(broken)
                elif is_path and is_video(Path(item)):
                    videos[i] = Path(item)
                else:
                    groups[i] = self._read_single(item, str(i))
            except (ValueError, OSError) as error:
                problems[str(item) if is_path else str(i)] = str(error)
        if videos:
            # Together, so that the extraction loads its models once.
            found, broken = records_of_videos(
                list(videos.values()),
                self.from_video,
                # Another call may have another video of the same name.
                Path(tempfile.mkdtemp(dir=self.work)),
                self.cache,
                self.device,
                self.limits,
                self.show_progress,
                self.time_step,
            )
            problems.update(broken)
            for i, path in videos.items():
                groups[i] = [
                    record
                    for record in found
                    if path in (record['video'], *record['video'].parents)
                ]
        records = [record for group in groups for record in group]
        if self.up_axis is not None:
            flat = [one['frame_dir'] for one in records if _is_flat(one)]
            if flat and len(flat) == len(records):
                warnings.warn(
                    f'{", ".join(flat)}: the joints are 2D, for which '
                    '--up-axis (in Python up_axis) does not count: y is '
                    'expected to point down, as in images',
                    stacklevel=4,
                )
            turned = {'up_axis': self.up_axis}
            records = [
                record | {'skeleton': (record.get('skeleton') or {}) | turned}
                for record in records
            ]
        check_distinct([record['frame_dir'] for record in records])
        return records, problems

    def _read_poses(
        self, path: Path
    ) -> tuple[list[dict], dict[str, str]] | None:
        """Read a pose file, or a folder of such files and of arrays.

        None if it is neither.
        """
        arrays = _arrays_in(path)
        usable, problems = self._read_arrays(arrays, path)
        if not holds_poses(path):
            return (usable, problems) if arrays else None
        records, broken = pose_records(
            path, self.layout, 'missing' in self.modalities, ('.npy',)
        )
        problems.update(broken)
        for record in records:
            joints = record['skeleton']['joints']
            if self.any_body or joints == (self.skeleton or {}).get('joints'):
                usable.append(record)
                continue
            expected = ', '.join((self.skeleton or {}).get('joints', ()))
            problems[record['frame_dir']] = (
                f'{path}: the model takes the joints '
                f'{expected or "of its config alone"}, but the file has '
                f'{", ".join(joints)}'
            )
        return usable, problems

    def _read_arrays(
        self, paths: Sequence[Path], folder: Path
    ) -> tuple[list[dict], dict[str, str]]:
        """Read arrays in a folder; their ids are their paths there."""
        records, problems = [], {}
        for path in paths:
            name = path.relative_to(folder).with_suffix('').as_posix()
            try:
                records.append(self._record_of_array(read_array(path), name))
            except ValueError as error:
                problems[str(path)] = str(error)
        return records, problems

    def _read_single(self, item: Input, name: str) -> list[dict]:
        """Read an input other than a video; an array is called ``name``."""
        if isinstance(item, dict):
            layout = self.layout or self.skeleton
            return [{'frame_dir': name, 'skeleton': layout} | item]
        if isinstance(item, np.ndarray):
            return [self._record_of_array(item, name)]
        if not isinstance(item, (str, Path)):
            raise TypeError(
                'an input is expected to be a path, an array or a record, '
                f'but is a {type(item).__name__}'
            )
        path = Path(item)
        if path.suffix.lower() in ANNOTATION_SUFFIXES:
            return self._with_layout(read_records(path, self.features), path)
        if path.suffix.lower() == '.npy':
            return [self._record_of_array(read_array(path), path.stem)]
        if path.suffix.lower() in SUFFIXES:
            raise ValueError(describe_unknown(PoseFile(path)))
        raise ValueError(
            f'{path} is expected to be a video '
            f'({", ".join(VIDEO_SUFFIXES)}), a folder of videos, images or '
            '.npy files, a .npy file, an annotation file '
            f'({", ".join(ANNOTATION_SUFFIXES)}), or a pose file '
            f'({", ".join(SUFFIXES)}) or a folder of them'
        )

    def _with_layout(self, records: list[dict], path: Path) -> list[dict]:
        """Give the records of a file that names no layout the one meant."""
        if not self.any_body or records[0]['skeleton']:
            return records
        if self.layout is None:
            raise ValueError(
                f'{path} does not say which joints it holds: give --layout '
                f'(in Python layout), one of {", ".join(LAYOUTS)}'
            )
        return [record | {'skeleton': self.layout} for record in records]

    def _record_of_array(self, array: np.ndarray, name: str) -> dict:
        needed = [key for key in self.modalities if key in STORED]
        if len(needed) > 1:
            raise ValueError(
                f'{name}: the model takes {" and ".join(needed)}: '
                'give records or an annotation file that have what these need'
            )
        return record_of_array(
            *(array, name, needed[0], self.layout or self.skeleton),
            may_miss='missing' in self.modalities,
            any_body=self.any_body,
        )


def _arrays_in(folder: Path) -> list[Path]:
    """Return the ``.npy`` files of a folder that are no pose files."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in files_below(folder)
        if path.suffix.lower() == '.npy' and not holds_poses(path)
    )


def _warn_of_poses(folder: Path) -> None:
    """Warn of what is not read of a folder, as there are videos in it."""
    left = sorted(
        path.name
        for path in files_below(folder)
        if path.suffix.lower() in ('.npy', *SUFFIXES) and _is_pose_file(path)
    )
    if left:
        warnings.warn(
            f'{folder}: of a folder with videos or images only these are '
            f'read; left out are {listed(left, 5)}: name these '
            'files, or put them into a folder of their own',
            stacklevel=4,
        )


def _is_pose_file(path: Path) -> bool:
    try:
        return path.suffix.lower() == '.npy' or holds_poses(path)
    except AnnotationError:
        # A damaged file that nobody asked for.
        return False


def _is_flat(record: dict) -> bool:
    keypoint = record.get('keypoint')
    return keypoint is not None and keypoint.shape[-1] == 2
