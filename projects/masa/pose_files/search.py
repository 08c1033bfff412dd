import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ..datasets.errors import AnnotationError
from ..extraction.frames import IMAGE_SUFFIXES
from ..extraction.sequences import VIDEO_SUFFIXES
from .formats import SUFFIXES, detect_format, find_format
from .pose_file import PoseFile

# AlphaPose gives every video a folder, and the file in it always this name.
_ALPHAPOSE = 'alphapose-results'
# Beside it, the same poses again, a file a frame.
_ALPHAPOSE_FRAMES = 'sep-json'


class PoseSource(NamedTuple):
    """Where the poses of a sequence are.

    Attributes:
        name (str): The sequence's id.
        paths (list[Path]): Its file, or those of its frames in order.
    """

    name: str
    paths: list[Path]


def find_pose_files(
    inputs: Iterable[Path], others: Collection[str] = ()
) -> list[PoseSource]:
    """Find the sequences that pose files and folders of them hold.

    Folders are searched through all levels, hidden files left out; tables
    and arrays in them that hold no poses are named in a warning. Files of
    single frames belong to one sequence if they are in one folder and have
    one name before the number: ``squat_000000000012_keypoints.json``. The id
    of a sequence is its path below the given folder and that name, or that
    of the file.

    Args:
        inputs (Iterable[Path]): Files and folders.
        others (Collection[str]): Endings of files in folders that are read
            otherwise if they hold no poses, and are not warned of.

    Returns:
        list[PoseSource]: In the order of the inputs.

    Raises:
        AnnotationError: If an input holds no pose file, two sequences have
            one id, or a frame has no number or is missing.
        OSError: If a file cannot be opened.
    """
    found: dict[str, PoseSource] = {}
    for path in inputs:
        if path.is_dir():
            sources = list(_search(path, path, others))
        elif path.exists():
            sources = [PoseSource(_name(path, path.parent), [path])]
        else:
            raise AnnotationError(f'there is no file or folder {path}')
        if not sources:
            raise AnnotationError(
                f'{path} holds no pose file: expected files that end in '
                f'{", ".join(SUFFIXES)}'
            )
        for source in sources:
            other = found.setdefault(source.name, source)
            if other is not source:
                raise AnnotationError(
                    f'two sequences have the id {source.name!r}: '
                    f'{other.paths[0]} and {source.paths[0]}; rename one, or '
                    'give a folder above both, whose folders become part of '
                    'the ids'
                )
    return list(found.values())


def holds_poses(path: Path) -> bool:
    """Tell whether a path is a pose file, or a folder of them.

    A folder in which there are videos or images is one of these.

    Args:
        path (Path): A file or folder.

    Returns:
        bool: True if so.

    Raises:
        AnnotationError: If a file is damaged.
        OSError: If a file cannot be opened.
    """
    if path.is_dir():
        return not holds_media(path) and any(
            map(holds_poses, files_below(path))
        )
    if path.suffix.lower() not in SUFFIXES:
        return False
    return find_format(PoseFile(path)) is not None


def holds_media(folder: Path) -> bool:
    """Tell whether a path is a folder, with videos or images below it."""
    return folder.is_dir() and any(
        one.name.lower().endswith((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES))
        for one in folder.rglob('*')
    )


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden."""
    for path in folder.rglob('*'):
        if path.is_file() and path.name[0] != '.':
            yield path


def _search(
    folder: Path, top: Path, elsewhere: Collection[str]
) -> Iterator[PoseSource]:
    entries = sorted(p for p in folder.iterdir() if p.name[0] != '.')
    files = [
        p for p in entries if p.suffix.lower() in SUFFIXES and p.is_file()
    ]
    texts = [path for path in files if path.suffix.lower() == '.json']
    if texts and detect_format(map(PoseFile, texts)).one_frame:
        yield from _frames(texts, folder, top)
        files = [path for path in files if path not in set(texts)]
    others = []
    for path in files:
        # Whether a JSON file holds poses is told when it is read as a whole.
        if path in texts or find_format(PoseFile(path)) is not None:
            yield PoseSource(_name(path, top), [path])
        elif path.suffix.lower() not in elsewhere:
            others.append(path.name)
    if others:
        warnings.warn(
            f'{folder}: left out, as they hold no poses of a known format: '
            f'{", ".join(others)}',
            stacklevel=2,
        )
    whole = any(path.stem == _ALPHAPOSE for path in files)
    for path in entries:
        if path.is_dir() and not (whole and path.name == _ALPHAPOSE_FRAMES):
            yield from _search(path, top, elsewhere)


def _name(path: Path, top: Path) -> str:
    """Return the id of a file of a whole sequence."""
    if path.stem == _ALPHAPOSE:
        return _folder_name(path.parent, top)
    return path.relative_to(top).with_name(path.stem).as_posix()


def _folder_name(folder: Path, top: Path) -> str:
    if folder == top:
        return folder.resolve().name or 'poses'
    return folder.relative_to(top).as_posix()


def _frames(
    files: list[Path], folder: Path, top: Path
) -> Iterator[PoseSource]:
    """Divide the frames in a folder into sequences."""
    groups: dict[str, dict[int, Path]] = {}
    for path in files:
        found = re.fullmatch(r'(.*?)[ ._-]*(\d+)(?:_keypoints)?', path.stem)
        if found is None:
            raise AnnotationError(
                f'{path} is a frame: its name is expected to end in the '
                "frame's number, as in squat_000000000012_keypoints.json"
            )
        group = groups.setdefault(found[1], {})
        other = group.setdefault(int(found[2]), path)
        if other is not path:
            raise AnnotationError(f'{other} and {path} are the same frame')
    for prefix, by_number in groups.items():
        numbers = sorted(by_number)
        steps = [b - a for a, b in pairwise(numbers)]
        # Every nth frame of a video is a sequence as well.
        step = min(steps, default=1)
        gap = next((i for i, other in enumerate(steps) if other != step), None)
        if gap is not None:
            raise AnnotationError(
                f'{folder}: after frame {numbers[gap]} of {prefix!r} comes '
                f'frame {numbers[gap + 1]}, but {numbers[gap] + step} is '
                'expected'
            )
        name = _folder_name(folder, top)
        if prefix and Path(name).name != prefix:
            name = prefix if folder == top else f'{name}/{prefix}'
        yield PoseSource(name, [by_number[number] for number in numbers])
