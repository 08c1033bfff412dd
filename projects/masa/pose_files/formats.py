from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.errors import AnnotationError
from ..datasets.text_files import read_json
from . import alphapose, mmpose, openpose
from .sequence import PoseSequence


class PoseFormat(NamedTuple):
    """A kind of pose file.

    Attributes:
        title (str): Whose it is, for messages.
        one_frame (bool): Whether a file is one frame, else a sequence.
        recognizes (Callable[[Any], bool]): Tells it by a file's content.
        read (Callable): Makes a :class:`PoseSequence` of pairs of file and
            content, and a layout of the joints or None.
    """

    title: str
    one_frame: bool
    recognizes: Callable[[Any], bool]
    read: Callable[[Iterable[tuple[Path, Any]], dict | None], PoseSequence]


# The first that recognizes a file reads it.
FORMATS = (
    PoseFormat('OpenPose', True, openpose.is_openpose, openpose.read_openpose),
    PoseFormat('mmpose', False, mmpose.is_video, mmpose.read_video),
    PoseFormat('images of mmpose', True, mmpose.is_image, mmpose.read_images),
    PoseFormat(
        'AlphaPose', False, alphapose.is_alphapose, alphapose.read_alphapose
    ),
)
# The endings of pose files, in lower case.
SUFFIXES = ('.json',)


def detect_format(paths: Iterable[Path]) -> PoseFormat:
    """Find out the format of files, all of one format, by their content.

    They are read until one is not empty. An AnnotationError says that a file
    is of no known format, or all are empty.
    """
    path = None
    for path in paths:
        content = read_json(path)
        # Of an image or a video without people.
        if content == []:
            continue
        for form in FORMATS:
            if form.recognizes(content):
                return form
        raise AnnotationError(
            f'{path} is no pose file of a known format: expected one of '
            f'{", ".join(one.title for one in FORMATS)}'
        )
    raise AnnotationError(f'{path}: no frame shows anybody')


def read_pose_file(
    paths: Path | Sequence[Path], layout: dict | None = None
) -> PoseSequence:
    """Read the poses of one sequence.

    Args:
        paths (Path | Sequence[Path]): The file; or the files of all frames,
            in order.
        layout (dict, optional): Of the joints. Defaults to what the file
            says, or what its format has of that number.

    Returns:
        PoseSequence: The people in its frames.

    Raises:
        AnnotationError: If a file is of no known format, of another than the
            others or damaged, or there is nobody. The file is named.
        OSError: If one cannot be opened.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    form = detect_format(paths)
    sequence = form.read(_contents(paths), layout)
    if not any(sequence.frames):
        raise AnnotationError(
            f'{paths[0]}: no joint is found in any of the '
            f'{len(sequence.frames)} frames'
        )
    return sequence


def _contents(paths: Sequence[Path]) -> Iterator[tuple[Path, Any]]:
    for path in paths:
        yield path, read_json(path)
