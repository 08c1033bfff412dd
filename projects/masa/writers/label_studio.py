"""Label Studio's JSON of tasks with predictions.

See https://labelstud.io/guide/predictions and
https://labelstud.io/tags/timelinelabels.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import __version__
from ..support.files import atomic_path
from .tracks import Track, one_line


def write_label_studio(path: Path, tracks: Sequence[Track]) -> None:
    """Write tracks for Label Studio, a task with a prediction for each.

    Args:
        path (Path): The file.
        tracks (Sequence[Track]): One or several.

    Raises:
        OSError: If the file cannot be written.
    """
    tasks = [_task(track) for track in tracks]
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(tasks, indent=1) + '\n')


def _task(track: Track) -> dict:
    sequence = track.sequence
    video = sequence.name if sequence.video is None else sequence.video
    data = {'video': one_line(video)}
    frames = np.arange(len(sequence) + 1)
    times = sequence.timestamps
    if times is not None and len(times) > 1:
        # Label Studio's frames are as many a second throughout the video.
        rate = round((len(times) - 1) / float(times[-1] - times[0]), 3)
        data['fps'] = rate
        frames = np.append(times, 2 * times[-1] - times[-2]) * rate
        frames = frames.round().astype(np.int64)
    result = []
    for number, one in enumerate(track.intervals, 1):
        start = int(frames[one.start_frame])
        end = max(start + 1, int(frames[one.end_frame]))
        region = dict(
            id=f'{track.kind}-{number}',
            from_name='timelineLabels',
            to_name='video',
            type='timelinelabels',
            value=dict(
                # Counted from 1, both inclusive.
                ranges=[dict(start=start + 1, end=end)],
                timelinelabels=[one.label],
            ),
        )
        if one.score is not None:
            region['score'] = one.score
        result.append(region)
    prediction = dict(model_version=f'masa {__version__}', result=result)
    return dict(data=data, predictions=[prediction])
