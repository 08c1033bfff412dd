import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope

from masa.visualization.style import COLOURS, new_figure, styled

from ..section import Expectation, Section, Settings, table
from ..training_processes import (
    FEATURE_WIDTH,
    ROOT,
    penn_options,
    run_training,
    write_sequences,
)

RUNS = {'2D joints': 'masa_penn_pose2d', 'RGB features': 'masa_penn_rgb'}
WORKERS = (0, 1, 2)


def measure(
    settings: Settings,
    sequences: int,
    batch_size: int,
    epochs: int,
    frames: int,
) -> dict:
    """Measure how long training waits for data, and what loading copies.

    Args:
        settings (Settings): Threads.
        sequences (int): Of the data set.
        batch_size (int): Sequences of a step.
        epochs (int): All but the very first iteration are counted.
        frames (int): Of the sequence whose loading is followed.

    Returns:
        dict: The result.
    """
    waits: dict[str, list[dict]] = {name: [] for name in RUNS}
    with tempfile.TemporaryDirectory() as folder:
        path = write_sequences(Path(folder), sequences, FEATURE_WIDTH)

        def wait(config: str, workers: int, *options: str) -> dict:
            found = run_training(
                config,
                [
                    *penn_options(path),
                    f'train_dataloader.batch_size={batch_size}',
                    f'train_dataloader.num_workers={workers}',
                    f'train_dataloader.persistent_workers={workers > 0}',
                    f'train_cfg.max_epochs={epochs}',
                    f'default_hooks.checkpoint.interval={epochs}',
                    *options,
                ],
                settings.threads,
            )
            whole = np.sum(found['time'][1:])
            return dict(
                workers=workers,
                iterations=len(found['time']) - 1,
                seconds=float(np.mean(found['time'][1:])),
                waiting=float(np.sum(found['data_time'][1:]) / whole),
            )

        for workers in WORKERS:
            for name, config in RUNS.items():
                waits[name].append(wait(config, workers))
        tensor_by_tensor = wait(
            RUNS['2D joints'],
            WORKERS[-1],
            'train_dataloader.collate_fn.type=pseudo_collate',
        )
        copies = {
            dtype: count_copies(Path(folder), frames, dtype)
            for dtype in ('float32', 'float16')
        }
    return dict(
        waits=waits,
        tensor_by_tensor=tensor_by_tensor,
        copies=copies,
        frames=frames,
        figures=dict(
            joints=waits['2D joints'][-1]['waiting'],
            features=waits['RGB features'][-1]['waiting'],
            joints_alone=waits['2D joints'][0]['waiting'],
            tensor_by_tensor=tensor_by_tensor['waiting'],
            float32=copies['float32'],
            float16=copies['float16'],
        ),
    )


def count_copies(folder: Path, frames: int, dtype: str) -> float:
    """Follow the training pipeline of RGB features on one sequence.

    Args:
        folder (Path): For the feature file.
        frames (int): Of the sequence.
        dtype (str): Of the file.

    Returns:
        float: Memory added at the peak, as a multiple of what the packed
        views hold.
    """
    init_default_scope('mmaction')
    path = folder / f'{dtype}.npy'
    np.save(path, np.ones((frames, FEATURE_WIDTH), dtype=dtype))
    base = ROOT / 'configs' / '_base_' / 'datasets' / 'frame_features.py'
    pipeline = Compose(
        [
            TRANSFORMS.build(step)
            for step in Config.fromfile(base)['train_pipeline']
        ]
    )
    record = dict(
        feature_path=str(path),
        total_frames=frames,
        frame_dir='one',
        rng=np.random.default_rng(0),
    )
    tracemalloc.start()
    try:
        views = pipeline(record)['inputs']
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak / sum(view['values'].nbytes for view in views)


def describe(result: dict) -> str:
    """Write the section."""
    rows = [
        [
            name,
            str(point['workers']),
            f'{point["seconds"]:.2f}',
            f'{point["waiting"]:.1%}',
        ]
        for name, points in result['waits'].items()
        for point in points
    ]
    iterations = result['waits']['2D joints'][0]['iterations']
    copies = result['copies']
    other = result['tensor_by_tensor']
    return f"""\
`masa_penn_pose2d` and `masa_penn_rgb` ({FEATURE_WIDTH:,} channels in float16)
on random files of the size of Penn Action's training split, trained by
MMEngine's runner, {iterations} iterations; waiting is the share of the log's
`data_time` in its `time`. The workers share the cores with the model.

{table(['', 'workers', 'seconds an iteration', 'waiting for data'], rows)}

![Waiting for data](figures/performance_data.png)

A batch leaves a worker as one tensor for each type of number
(`collate_for_transport`). With MMEngine's `pseudo_collate` every tensor of
every sequence is sent by itself: waiting takes
{other['waiting']:.1%} of the time for 2D joints and {other['workers']}
workers.

Features are memory-mapped, and only the frames of a view are read. Loading a
sequence of {result['frames']} frames adds {copies['float32']:.2f} times the
memory of its packed views at the peak from a float32 file, so one copy and
what the check for finite values takes; from a float16 file
{copies['float16']:.2f} times, as the frames are read before they are
converted. Counted with `tracemalloc`.

**What bounds it.** The model, where waiting is a small share. On as many cores
as the model has threads, workers take time from it: compare the seconds of an
iteration.
"""


@styled
def draw(result: dict) -> dict:
    """Draw seconds of an iteration, the waiting part apart."""
    figure = new_figure(6, 2.6)
    panels = figure.subplots(1, 2)
    for axes, (name, points) in zip(
        panels, result['waits'].items(), strict=True
    ):
        for point in points:
            waiting = point['seconds'] * point['waiting']
            busy = point['seconds'] - waiting
            first = point['workers'] == 0
            axes.bar(
                point['workers'],
                busy,
                color=COLOURS[0],
                label='model' if first else None,
            )
            axes.bar(
                point['workers'],
                waiting,
                bottom=busy,
                color=COLOURS[1],
                label='waiting for data' if first else None,
            )
        axes.set_title(name)
        axes.set_xticks(list(WORKERS))
        axes.set_xlabel('workers')
        axes.set_ylabel('seconds an iteration')
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc='outside upper center',
        ncols=2,
        fontsize=8,
    )
    return dict(data=figure)


SECTION = Section(
    name='data',
    title='Data',
    expectations=(
        Expectation(
            'joints',
            'share of the time waiting for data, 2D joints, 2 workers',
            predicted=0.03,
            at_most=0.05,
        ),
        Expectation(
            'features',
            'the same, RGB features',
            predicted=0.03,
            at_most=0.05,
        ),
        Expectation(
            'joints_alone', 'the same, 2D joints, no workers', predicted=0.12
        ),
        Expectation(
            'tensor_by_tensor',
            "the same, 2 workers, MMEngine's `pseudo_collate`",
            predicted=0.13,
        ),
        Expectation(
            'float32',
            'memory added by loading over that of the views, float32',
            predicted=1.25,
            at_most=1.5,
        ),
        Expectation('float16', 'the same, float16', predicted=1.6),
    ),
    full=dict(sequences=1172, batch_size=64, epochs=2, frames=600),
    small=dict(sequences=16, batch_size=8, epochs=1, frames=40),
    measure=measure,
    describe=describe,
    draw=draw,
)
