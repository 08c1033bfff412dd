import json
import os
import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

# With the value json, progress is told to another program: lines of JSON with
# the frames done and all.
PROGRESS_VARIABLE = 'MASA_PROGRESS'
# Seconds between two of these lines at least.
_INTERVAL = 0.3


class FrameProgress:
    """A progress bar of frames with the time left; lines without a terminal.

    A context manager that writes to standard error.

    Args:
        claimed (list[int | None]): Number of frames of each sequence, if
            known.
        visible (bool): Whether to show anything.
    """

    def __init__(self, claimed: list[int | None], visible: bool = True):
        console = Console(stderr=True)
        self.count = len(claimed)
        self.done = 0
        self._claimed = sum(n or 0 for n in claimed)
        self._told = 0.0
        self._tells = visible and os.environ.get(PROGRESS_VARIABLE) == 'json'
        self._lines = visible and not (console.is_terminal or self._tells)
        self._start = time.monotonic()
        self._frames = 0
        self._bar = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('frames'),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            console=console,
            disable=not visible or self._lines or self._tells,
        )
        self._task = self._bar.add_task(self._title(), total=self._claimed)

    def advance(self, frames: int) -> None:
        """Add the frames processed since the last call."""
        self._frames += frames
        self._bar.advance(self._task, frames)
        if time.monotonic() - self._told > _INTERVAL:
            self._tell()

    def finish(self, name: str, claimed: int | None, text: str) -> None:
        """Count a sequence that is finished or has failed.

        ``claimed`` is its number of frames as given at the start, ``text`` a
        summary.
        """
        self.done += 1
        # Replace the claimed number of frames by the actual one.
        self._claimed -= claimed or 0
        total = self._frames + self._claimed
        self._bar.update(self._task, description=self._title(), total=total)
        if self._lines:
            seconds = time.monotonic() - self._start
            print(
                f'{self.done}/{self.count} {name}: {text}, '
                f'{self._frames / max(seconds, 1e-9):.1f} frames/s',
                file=sys.stderr,
                flush=True,
            )

    def _tell(self) -> None:
        if not self._tells:
            return
        self._told = time.monotonic()
        total = max(self._claimed, self._frames)
        told = dict(frames=self._frames, total=total)
        print(json.dumps(told), file=sys.stderr, flush=True)

    def _title(self) -> str:
        return f'{self.done}/{self.count} sequences'

    def __enter__(self) -> 'FrameProgress':
        self._bar.start()
        # Other programs learn that models are loaded now.
        self._tell()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()
