from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.errors import AnnotationError
from . import (
    alphapose,
    amass,
    bvh,
    c3d,
    casa,
    coco,
    deeplabcut,
    hdf5,
    joint_tables,
    mediapipe,
    mmpose,
    ntu,
    openpose,
    trc,
)
from .pose_file import PoseFile
from .sequence import PoseSequence


class PoseFormat(NamedTuple):
    """A kind of pose file.

    Attributes:
        title (str): Whose it is, for messages.
        suffixes (tuple[str, ...]): Endings of its files, in lower case.
        recognizes (Callable[[PoseFile], bool]): Tells by the content whether
            a file with such an ending is of this kind.
        read (Callable): Makes :class:`PoseSequence` objects of a file, or of
            the files of all frames in order, and a layout of the joints or
            None.
        one_frame (bool): Whether a file is one frame, else all of them.
        named (bool): Whether the files say which joints they hold.
    """

    title: str
    suffixes: tuple[str, ...]
    recognizes: Callable[[PoseFile], bool]
    read: Callable[[Iterable[PoseFile], dict | None], list[PoseSequence]]
    one_frame: bool = False
    named: bool = False


def _of_json(
    title: str,
    recognizes: Callable[[Any], bool],
    read: Callable[[Iterable[tuple[Path, Any]], dict | None], PoseSequence],
    one_frame: bool = False,
) -> PoseFormat:
    """Make the format of JSON files whose content tells what they are."""

    def read_all(
        files: Iterable[PoseFile], layout: dict | None
    ) -> list[PoseSequence]:
        return [read(((one.path, one.json) for one in files), layout)]

    return PoseFormat(
        title,
        ('.json',),
        lambda file: recognizes(file.json),
        read_all,
        one_frame,
    )


TABLE_SUFFIXES = ('.csv', '.tsv')
# The first that recognizes a file reads it.
FORMATS = (
    _of_json('OpenPose', openpose.is_openpose, openpose.read_openpose, True),
    _of_json('mmpose', mmpose.is_video, mmpose.read_video),
    _of_json('images of mmpose', mmpose.is_image, mmpose.read_images, True),
    _of_json(
        'AlphaPose or results of COCO',
        alphapose.is_alphapose,
        alphapose.read_alphapose,
    ),
    PoseFormat(
        'annotations of COCO',
        ('.json',),
        lambda file: coco.is_coco(file.json),
        coco.read_coco,
    ),
    PoseFormat(
        'MediaPipe',
        ('.json',),
        lambda file: mediapipe.is_json(file.json),
        mediapipe.read_json,
    ),
    PoseFormat(
        'an array of MediaPipe',
        ('.npy',),
        mediapipe.is_array,
        mediapipe.read_array,
    ),
    PoseFormat(
        'DeepLabCut',
        TABLE_SUFFIXES,
        deeplabcut.is_csv,
        deeplabcut.read_csv,
        named=True,
    ),
    PoseFormat(
        'SLEAP or DeepLabCut',
        ('.h5', '.hdf5'),
        hdf5.is_hdf5,
        hdf5.read_hdf5,
        named=True,
    ),
    PoseFormat(
        'a table with a row for each joint (frame, landmark, x, y)',
        TABLE_SUFFIXES,
        joint_tables.is_long,
        joint_tables.read_long,
        named=True,
    ),
    PoseFormat(
        'a table with a row for each frame (frame, nose_x, nose_y, ...)',
        TABLE_SUFFIXES,
        joint_tables.is_wide,
        joint_tables.read_wide,
        named=True,
    ),
    PoseFormat('BVH', ('.bvh',), bvh.is_bvh, bvh.read_bvh, named=True),
    PoseFormat('C3D', ('.c3d',), c3d.is_c3d, c3d.read_c3d, named=True),
    PoseFormat('TRC', ('.trc',), trc.is_trc, trc.read_trc, named=True),
    PoseFormat(
        'NTU RGB+D', ('.skeleton',), ntu.is_ntu, ntu.read_ntu, named=True
    ),
    PoseFormat(
        'AMASS', ('.npz',), amass.is_amass, amass.read_amass, named=True
    ),
    PoseFormat('CASA', ('.npy',), casa.is_casa, casa.read_casa),
)
# The endings of pose files, in lower case.
SUFFIXES = tuple(
    dict.fromkeys(suffix for one in FORMATS for suffix in one.suffixes)
)


def find_format(file: PoseFile) -> PoseFormat | None:
    """Find out the format of a file by its ending and content.

    Args:
        file (PoseFile): The file.

    Returns:
        PoseFormat | None: The format; None if it is no known one.

    Raises:
        AnnotationError: If it is damaged.
        OSError: If it cannot be opened.
    """
    for form in FORMATS:
        if file.suffix in form.suffixes and form.recognizes(file):
            return form
    return None


def detect_format(files: Iterable[PoseFile]) -> PoseFormat:
    """Find out the format of files, all of one format, by their content.

    They are read until one is not empty. An AnnotationError says that a file
    is of no known format, or all are empty.
    """
    file = None
    for file in files:
        if shows_nobody(file):
            continue
        form = find_format(file)
        if form is not None:
            return form
        raise AnnotationError(describe_unknown(file))
    raise AnnotationError(f'{file and file.path}: no frame shows anybody')


def describe_unknown(file: PoseFile) -> str:
    """Say what a file of no known format was expected to be."""
    titles = [one.title for one in FORMATS if file.suffix in one.suffixes]
    if not titles:
        return (
            f'{file.path} is expected to be a pose file, which ends in one of '
            f'{", ".join(SUFFIXES)}'
        )
    found = ''
    if file.suffix in TABLE_SUFFIXES:
        names = [' '.join(name.split()) for name in file.table.rows[0] if name]
        found = f', but has the columns {", ".join(names[:8]) or "none"}' + (
            ' and more' if len(names) > 8 else ''
        )
    return (
        f'{file.path} is no pose file of a known format: expected one of '
        f'{", ".join(titles)}{found}'
    )


def shows_nobody(file: PoseFile) -> bool:
    """Tell whether a file is the empty list of an image without people."""
    return file.suffix == '.json' and file.json == []


def read_pose_sequences(
    paths: Path | Sequence[Path],
    layout: dict | None = None,
    body_model: Path | None = None,
    if_unnamed: bool = False,
) -> list[PoseSequence]:
    """Read the poses of the sequences in a file.

    Args:
        paths (Path | Sequence[Path]): The file; or the files of all frames of
            one sequence, in order.
        layout (dict, optional): Of the joints. Defaults to what the file
            says, or what its format has of that number.
        body_model (Path, optional): ``.npz`` of the body model that places
            the joints of a file of rotations. Defaults to an average body.
        if_unnamed (bool): Whether the layout is only for files whose format
            does not say which joints they hold. Defaults to False.

    Returns:
        list[PoseSequence]: Most formats hold one sequence; where a file holds
        several, each has a ``name``.

    Raises:
        AnnotationError: If a file is of no known format, of another than the
            others or damaged, or there is nobody. The file is named.
        OSError: If one cannot be opened.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    files = [PoseFile(path, body_model) for path in paths]
    form = detect_format(files)
    sequences = form.read(
        _in_turn(files), None if if_unnamed and form.named else layout
    )
    for one in sequences:
        if one.is_empty():
            place = f'{paths[0]}, {one.name}' if one.name else paths[0]
            raise AnnotationError(
                f'{place}: no joint is found in any of the {len(one)} frames'
            )
    return sequences


def _in_turn(files: list[PoseFile]) -> Iterator[PoseFile]:
    """Yield files and let go of them, with what was read of them."""
    while files:
        yield files.pop(0)


def read_pose_file(
    paths: Path | Sequence[Path], layout: dict | None = None
) -> PoseSequence:
    """Read the poses of one sequence.

    Args:
        paths (Path | Sequence[Path]): As of :func:`read_pose_sequences`.
        layout (dict, optional): As there.

    Returns:
        PoseSequence: The people in its frames.

    Raises:
        AnnotationError: As there; and if the file holds several sequences.
        OSError: As there.
    """
    found = read_pose_sequences(paths, layout)
    if len(found) != 1:
        raise AnnotationError(
            f'{paths} is expected to hold one sequence, but holds '
            f'{len(found)}: {", ".join(one.name for one in found[:10])}'
        )
    return found[0]
