"""Running commands of masa for the page, one at a time."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ..extraction.progress import PROGRESS_VARIABLE
from ..writers.formats import OUTPUTS, REPETITION_FORMATS

# Commands of the page, and the formats that it offers of what they write.
COMMANDS = ('align', 'find', 'compare')
_FORMATS = ('.html', '.mp4', '.png', '.csv', '.json')
# Seconds that a process has to end by itself.
_PATIENCE = 5


@dataclass
class Job:
    """A command that runs in a process of its own.

    Attributes:
        command (str): Such as ``align``.
        inputs (Path): Folder of the inputs.
        folder (Path): Folder of the results, made by :meth:`start`.
        state (str): ``running``, ``done``, ``failed`` or ``stopped``.
        frames (int): Frames of videos whose poses were estimated.
        total (int): Frames of all videos, as far as is known; 0 before.
        said (list[str]): Lines that the command printed as its result.
        warned (list[str]): Lines of its warnings and errors.
        outputs (list[str]): Names of the files that were written.
    """

    command: str
    inputs: Path
    folder: Path
    state: str = 'running'
    frames: int = 0
    total: int = 0
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def status(self) -> dict:
        """Return what the page shows."""
        return dict(
            state=self.state,
            frames=self.frames,
            total=self.total,
            said=self.said,
            warned=self.warned,
            outputs=self.outputs,
        )

    def start(
        self, inputs: Sequence[str], options: Sequence[str], cache: Path
    ) -> None:
        """Start the process.

        Args:
            inputs (Sequence[str]): Names of files in the folder.
            options (Sequence[str]): Further arguments.
            cache (Path): Keeps what is extracted from videos.
        """
        self.folder.mkdir(parents=True)
        formats = set(_FORMATS)
        if self.command == 'compare' and '--repetitions' not in options:
            formats.difference_update(REPETITION_FORMATS)
        results = [
            f'{self.command}{suffix}'
            for suffix in OUTPUTS[self.command]
            if suffix in formats
        ]
        self._process = subprocess.Popen(
            [
                *(sys.executable, '-m', 'masa', self.command),
                # Names may begin with a dash.
                *(f'./{name}' for name in inputs),
                *(
                    word
                    for name in results
                    for word in ('-o', str(self.folder / name))
                ),
                *('--cache', str(cache), *options),
            ],
            # Messages name files as the user knows them.
            cwd=self.inputs,
            env=os.environ | {PROGRESS_VARIABLE: 'json', 'PYTHONUTF8': '1'},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding='utf-8',
            errors='replace',
            # The processes that it starts itself are stopped with it.
            start_new_session=os.name != 'nt',
        )
        readers = [
            self._read(self._process.stdout, self.said.append),
            self._read(self._process.stderr, self._take_progress_or_warning),
        ]

        def wait() -> None:
            status = self._process.wait()
            for reader in readers:
                reader.join()
            self.outputs = [
                name for name in results if (self.folder / name).is_file()
            ]
            if self.state == 'running':
                self.state = 'done' if status == 0 else 'failed'

        self._waiting = threading.Thread(target=wait, daemon=True)
        self._waiting.start()

    def stop(self) -> None:
        """Stop the process, if it runs, and wait for its end."""
        if self.state != 'running':
            return
        self.state = 'stopped'
        self._signal(signal.SIGTERM)
        self._waiting.join(_PATIENCE)
        if self._waiting.is_alive():
            self._signal(getattr(signal, 'SIGKILL', signal.SIGTERM))
            self._waiting.join()

    def _signal(self, number: int) -> None:
        try:
            if os.name == 'nt':
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)
        except ProcessLookupError:
            # It has just ended.
            pass

    @staticmethod
    def _read(stream: IO[str], use: Callable[[str], None]) -> threading.Thread:
        def read() -> None:
            for line in stream:
                use(line.rstrip('\n'))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def _take_progress_or_warning(self, line: str) -> None:
        if line.startswith('{"frames": '):
            told = json.loads(line)
            self.frames, self.total = told['frames'], told['total']
        else:
            self.warned.append(line)
