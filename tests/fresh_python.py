"""Runs programs as new interpreters do, without importing PyTorch each time.

One interpreter imports what takes longest and is not what is tested, and
forks for every program. It has no threads and has decoded nothing, so that
its forks are safe.
"""

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from types import SimpleNamespace

import pytest

_SERVER = """
import json, os, sys, tempfile, traceback
import torch, torch.distributed.optim, scipy.stats, cv2, matplotlib.figure
for line in sys.stdin:
    files = [tempfile.TemporaryFile('w+') for _ in range(2)]
    child = os.fork()
    if child == 0:
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        status = 0
        try:
            exec(json.loads(line), {'__name__': '__main__'})
        except SystemExit as error:
            status = error.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    outputs = []
    for file in files:
        file.seek(0)
        outputs.append(file.read())
        file.close()
    print(json.dumps([status, *outputs]), flush=True)
"""


@cache
def _server():
    server = subprocess.Popen(
        [sys.executable, '-c', _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def run_program(code):
    """Run code; return its ``returncode``, ``stdout`` and ``stderr``."""
    if not hasattr(os, 'fork'):
        pytest.skip('needs os.fork')
    server = _server()
    server.stdin.write(json.dumps(code) + '\n')
    server.stdin.flush()
    status, stdout, stderr = json.loads(server.stdout.readline())
    return SimpleNamespace(returncode=status, stdout=stdout, stderr=stderr)
