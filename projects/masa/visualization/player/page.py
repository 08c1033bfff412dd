import json
from html import escape
from importlib.resources import files
from itertools import islice
from string import Template

import numpy as np

from ... import __version__
from ...extraction.limits import DEFAULT_LIMITS, MediaLimits
from ..video import USUAL_RATE, frame_interval
from .pictures import show_tracks
from .tracks import Player, Track

# Of the pictures of videos, in pixels.
HEIGHT = 240
# Tracks that show at first beside the clock, unless the player says which.
SHOWN = 6


def player_page(
    player: Player,
    title: str,
    height: int = HEIGHT,
    limits: MediaLimits = DEFAULT_LIMITS,
) -> str:
    """Write a page of one file that plays sequences in step.

    Args:
        player (Player): What is played. A sequence that has a video shows it,
            with its joints if they are in 2D, any other its skeleton.
        title (str): The heading.
        height (int): Height of the pictures of videos in pixels.
        limits (MediaLimits): Limits above which a video is refused.

    Returns:
        str: HTML that loads nothing from elsewhere, of about 50 MB at most:
        of long recordings fewer than 30 pictures a second are shown, and a
        warning says so.

    Raises:
        OSError: If a video cannot be read.
        ValueError: If a video has fewer frames than its sequence.

    Example:
        >>> timeline = model.align_all(videos)  # doctest: +SKIP
        >>> player = aligned_player(videos, timeline)  # doctest: +SKIP
        >>> page = player_page(player, 'Squats')  # doctest: +SKIP
    """
    return Template(_read('page.html')).substitute(
        title=escape(title),
        section=player_section(player, height, limits, everywhere=True),
        version=__version__,
        height=height_script(),
    )


def player_section(
    player: Player,
    height: int = HEIGHT,
    limits: MediaLimits = DEFAULT_LIMITS,
    everywhere: bool = False,
) -> str:
    """Write the player as a part of a page, which may hold one.

    Args:
        player (Player): What is played.
        height (int): Height of the pictures of videos in pixels.
        limits (MediaLimits): Limits above which a video is refused.
        everywhere (bool): Whether the keys of the player work on the whole
            page, not only where it was clicked. Defaults to False.

    Returns:
        str: HTML with style, data and script.

    Raises:
        OSError: As :func:`player_page`.
        ValueError: As :func:`player_page`.
    """
    tracks = player.tracks
    videos, seen = show_tracks(tracks, height, limits)
    shown = player.shown
    if shown is None:
        others = (i for i in range(len(tracks)) if i != player.clock)
        shown = list(islice(others, SHOWN))
    data = dict(
        clock=player.clock,
        curveTitle=player.curve_title,
        scoreTitle=player.score_title,
        everywhere=everywhere,
        marks=[one._asdict() for one in player.marks],
        videos=videos,
        tracks=[
            dict(
                name=track.name,
                first=track.first_frame,
                times=np.round(track.times, 4).tolist(),
                interval=frame_interval(track.times),
                frames=track.frames.tolist(),
                curve=_rounded(track.curve),
                score=None if track.score is None else f'{track.score:.3g}',
                mirrored=track.mirrored,
                shown=i == player.clock or i in shown,
                **what,
            )
            for i, (track, what) in enumerate(zip(tracks, seen, strict=True))
        ],
    )
    return Template(_read('player.html')).substitute(
        style=_read('player.css'),
        note=escape(_note_of_times(tracks)),
        # Nothing in it may end the script element.
        data=json.dumps(data, separators=(',', ':')).replace('<', '\\u003c'),
        script=_read('player.js'),
    )


def height_script() -> str:
    """Write the script by which a page tells its height to a parent window.

    Returns:
        str: HTML for the end of the body. In a frame it posts
        ``{height: pixels}`` at first and after each change; elsewhere it does
        nothing.
    """
    return f'<script>\n{_read("height.js")}</script>'


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding='utf-8')


def _note_of_times(tracks: list[Track]) -> str:
    names = [one.name for one in tracks if one.sequence.timestamps is None]
    if not names:
        return ''
    return (
        f'{", ".join(names)}: no frame rate is known; {USUAL_RATE:g} frames a '
        'second are assumed.'
    )


def _rounded(curve: np.ndarray | None) -> list[float | None] | None:
    """Round to what a plot shows; JSON has no NaN."""
    if curve is None:
        return None
    return [
        float(f'{value:.4g}') if np.isfinite(value) else None
        for value in curve.tolist()
    ]
