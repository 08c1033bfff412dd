"""Subtitles: SubRip, and WebVTT (https://www.w3.org/TR/webvtt1/)."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from ..support.files import atomic_path
from .tracks import Track


def write_srt(path: Path, tracks: Sequence[Track]) -> None:
    """Write a track as SubRip.

    Args:
        path (Path): The file.
        tracks (Sequence[Track]): The track alone.

    Raises:
        ValueError: If the times of the frames are unknown.
        OSError: If the file cannot be written.
    """
    (track,) = tracks
    cues = [
        # The format has no escapes, and the arrow would be read as times.
        f'{number}\n{times}\n{caption.replace("-->", "→")}\n\n'
        for number, (times, caption) in enumerate(_cues(track, ','), 1)
    ]
    with atomic_path(path) as temporary:
        temporary.write_text(''.join(cues), encoding='utf-8')


def write_vtt(path: Path, tracks: Sequence[Track]) -> None:
    """Write a track as WebVTT.

    Args:
        path (Path): The file.
        tracks (Sequence[Track]): The track alone.

    Raises:
        ValueError: If the times of the frames are unknown.
        OSError: If the file cannot be written.
    """
    (track,) = tracks
    cues = [
        f'\n{times}\n{escape(caption, quote=False)}\n'
        for times, caption in _cues(track, '.')
    ]
    with atomic_path(path) as temporary:
        temporary.write_text(
            'WEBVTT\n' + ''.join(cues), encoding='utf-8', newline='\n'
        )


def _cues(track: Track, point: str) -> Iterator[tuple[str, str]]:
    """Yield the line of the times, and the caption, of every interval."""
    for (start, end), interval in zip(
        track.milliseconds(), track.intervals, strict=True
    ):
        times = f'{_time(start, point)} --> {_time(end, point)}'
        yield times, interval.caption


def _time(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours:02}:{minutes:02}:{seconds:02}{point}{rest:03}'
