"""Training runs in processes of their own, on files like Penn Action's."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from masa.datasets import save_annotations
from masa.datasets.skeletons import PENN_ACTION

from .workload import penn_lengths

ROOT = Path(__file__).resolve().parents[2]
FEATURE_WIDTH = 1536


def write_sequences(
    folder: Path, number: int, feature_width: int | None = None
) -> Path:
    """Write an annotation file of random sequences.

    Args:
        folder (Path): Where; features come beside it.
        number (int): Of sequences, all in the split 'train'.
        feature_width (int, optional): Channels of the features of every
            frame, in float16. Without, there are joints only.

    Returns:
        Path: The annotation file.
    """
    rng = np.random.default_rng(0)
    joints = len(PENN_ACTION['joints'])
    records = []
    for index, length in enumerate(penn_lengths(number)):
        name = f'{index:04d}'
        steps = rng.normal(size=(1, length, joints, 2))
        record = dict(
            frame_dir=name,
            total_frames=int(length),
            label=index % 2,
            keypoint=(100 + steps).astype(np.float32),
            keypoint_score=np.ones((1, length, joints), dtype=np.float32),
        )
        if feature_width:
            record['feature_path'] = f'{name}.npy'
            values = rng.standard_normal(
                (length, feature_width), dtype=np.float32
            )
            np.save(folder / f'{name}.npy', values.astype(np.float16))
        records.append(record)
    path = folder / 'sequences.pkl'
    save_annotations(
        dict(
            split=dict(train=[r['frame_dir'] for r in records]),
            annotations=records,
            skeleton=PENN_ACTION,
        ),
        path,
    )
    return path


def penn_options(path: Path) -> list[str]:
    """Return the options that make a Penn Action config read a file.

    Args:
        path (Path): From :func:`write_sequences`.

    Returns:
        list[str]: Of ``--cfg-options``.
    """
    dataset = 'train_dataloader.dataset'
    return [
        f'{dataset}.ann_file={path}',
        f'{dataset}.data_prefix.feature={path.parent}',
    ]


def run_training(
    config: str,
    options: list[str],
    threads: int,
    stop: bool = False,
    validate: bool = False,
) -> dict:
    """Train in a process of its own.

    Args:
        config (str): Name of a config, such as 'masa_demo'.
        options (list[str]): Of ``--cfg-options``.
        threads (int): Of PyTorch.
        stop (bool): Whether to end after the first iteration.
        validate (bool): Whether the run has a validation.

    Returns:
        dict: Seconds from the start by stage, ``stages``; and unless it
        stopped, ``data_time`` and ``time`` of every iteration.

    Raises:
        RuntimeError: If the training failed; says what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, 'times.json')
        command = [
            *(sys.executable, '-W', 'ignore'),
            str(Path(__file__).with_name('training_run.py')),
            *(str(result), str(int(stop))),
            str(ROOT / 'configs' / f'{config}.py'),
            *('--work-dir', folder),
            *([] if validate else ['--no-validate']),
            *(['--cfg-options', *options] if options else []),
        ]
        started = time.time()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | dict(OMP_NUM_THREADS=str(threads)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f'{" ".join(command)} ended with {done.returncode}:\n'
                f'{done.stderr[-2000:]}'
            )
        found = json.loads(result.read_text())
    found['stages'] = {name: at - started for name, at in found['stages']}
    return found
