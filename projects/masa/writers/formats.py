"""Which command writes which formats, and which module does.

The help of the commands lists the suffixes, so that nothing is imported here.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..support.files import alike_on_disk, atomic_path, output_path

if TYPE_CHECKING:
    from ..embeddings import EmbeddedSequence
    from .tracks import Track


class TrackFormat(NamedTuple):
    """A format of labeled intervals.

    Attributes:
        module (str): Module of this package that writes it.
        function (str): Its function ``(path, tracks)``.
        single (bool): Whether a file is of one sequence.
        labels (bool): Whether intervals need labels from a small set, unlike
            the moments of a reference.
        times (bool): Whether the times of the frames must be known.
        video (bool): Whether the sequence must be one of a video.
    """

    module: str
    function: str
    single: bool = False
    labels: bool = False
    times: bool = False
    video: bool = False


TRACK_FORMATS = {
    '.srt': TrackFormat('subtitles', 'write_srt', single=True, times=True),
    '.vtt': TrackFormat('subtitles', 'write_vtt', single=True, times=True),
    '.eaf': TrackFormat('elan', 'write_eaf', times=True),
    '.labelstudio.json': TrackFormat(
        'label_studio', 'write_label_studio', labels=True
    ),
    '.cvat.xml': TrackFormat(
        'cvat', 'write_cvat', single=True, labels=True, video=True
    ),
}
PAGE_SUFFIX, PICTURE_SUFFIX = '.html', '.png'
TABLE_SUFFIXES = ('.csv', '.json')
ANNOTATION_SUFFIXES = ('.pkl', '.npz', '.json')
VIDEO_SUFFIXES = ('.mp4', '.gif')
# A folder or an archive of pictures.
FOLDER_SUFFIXES = ('', '.zip')
# What masa compare writes of several repetitions, not of a single attempt.
REPETITION_FORMATS = ('.csv', *TRACK_FORMATS)
# Of what a command writes, by its name.
OUTPUTS = {
    'align': (
        *(PAGE_SUFFIX, *VIDEO_SUFFIXES, *TABLE_SUFFIXES),
        *(*TRACK_FORMATS, *FOLDER_SUFFIXES),
    ),
    'find': (
        *(PAGE_SUFFIX, PICTURE_SUFFIX, *TABLE_SUFFIXES),
        *(*TRACK_FORMATS, *FOLDER_SUFFIXES),
    ),
    'compare': (PAGE_SUFFIX, *TABLE_SUFFIXES, *TRACK_FORMATS),
    'live': (*VIDEO_SUFFIXES, *TABLE_SUFFIXES),
    'label': (*TABLE_SUFFIXES, *TRACK_FORMATS),
    'search': (*TABLE_SUFFIXES, *FOLDER_SUFFIXES),
    'anomaly': TABLE_SUFFIXES,
    'discover': (PAGE_SUFFIX, '.csv'),
}


def output_suffix(path: Path) -> str:
    """Return what tells the format of an output.

    Args:
        path (Path): The file, or a folder.

    Returns:
        str: One of ``TRACK_FORMATS``, such as ``.cvat.xml``, or the part from
        the last dot on, in lower case; '' for a folder.

    Example:
        >>> output_suffix(Path('found.cvat.xml')), output_suffix(Path('a.b.C'))
        ('.cvat.xml', '.c')
    """
    for suffix in TRACK_FORMATS:
        if path.name.lower().endswith(suffix):
            return suffix
    return path.suffix.lower()


def check_sequences(
    paths: Sequence[Path], sequences: Sequence[EmbeddedSequence]
) -> None:
    """Check, before the work, that tracks of sequences can be written.

    Args:
        paths (Sequence[Path]): Outputs, of any format.
        sequences (Sequence[EmbeddedSequence]): What the tracks will be of.

    Raises:
        ValueError: If a format needs times or a video that a sequence lacks.
    """
    from .tracks import Track, video_of

    for path in paths:
        form = TRACK_FORMATS.get(output_suffix(path))
        for one in sequences if form else ():
            if form.times:
                Track(one, '', []).milliseconds()
            if form.video:
                video_of(one)


def write_tracks(
    path: str | Path, tracks: Sequence[Track], overwrite: bool = False
) -> None:
    """Write tracks in the format that the suffix names, and say so.

    Args:
        path (str | Path): The file. If it can be of one sequence only and
            there are several, each gets ``NAME.srt``, for instance, in a
            folder that is named like ``path`` without its suffix.
        tracks (Sequence[Track]): One or several, of different sequences.
        overwrite (bool): Whether files in such a folder may be replaced.
            Defaults to False.

    Raises:
        ValueError: If a track cannot be written in this format, or such a
            file exists.
        OSError: If a file cannot be written.
    """
    path = Path(path)
    suffix = output_suffix(path)
    form = TRACK_FORMATS[suffix]
    module, function, single = form.module, form.function, form.single
    write = getattr(
        importlib.import_module(f'{__package__}.{module}'), function
    )
    if single and len(tracks) > 1:
        files = _file_of_each(path, suffix, tracks)
        existing = [one for one in files if one.exists()]
        if existing and not overwrite:
            raise ValueError(f'{existing[0]} exists; --overwrite replaces it')
        # All or none.
        with ExitStack() as stack:
            for file, track in files.items():
                write(stack.enter_context(atomic_path(file)), track)
    else:
        files = {path: tracks}
        write(path, tracks)
    for file, written in files.items():
        listed = ', '.join(one.sequence.name for one in written)
        count = sum(len(one.intervals) for one in written)
        print(f'{file}: {count} {written[0].kind} of {listed}')


def _file_of_each(
    path: Path, suffix: str, tracks: Sequence[Track]
) -> dict[Path, list[Track]]:
    names = [one.sequence.name for one in tracks]
    alike = alike_on_disk(names)
    if alike:
        raise ValueError(
            f'{alike[0]} and {alike[1]} are one file on some systems: write '
            'one of them at a time (--only)'
        )
    folder = path.with_name(path.name[: -len(suffix)])
    return {
        output_path(folder, name, suffix): [track]
        for name, track in zip(names, tracks, strict=True)
    }
