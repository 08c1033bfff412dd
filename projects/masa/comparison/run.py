import contextlib
import copy
import time
from pathlib import Path

from mmengine.config import Config

from ..datasets import check_named_splits
from ..engine import build_runner
from ..evaluation.evaluator import MODEL
from ..support.files import atomic_path
from ..support.work_dir import LAST_CHECKPOINT
from .results import ComparisonResult, read_result, write_result
from .trainings import CONTROLS, Training, labels_used

CONFIG_FILE = 'config.py'
LOG_FILE = 'log.txt'


def train_and_test(
    training: Training, config: Config, folder: Path
) -> ComparisonResult:
    """Train and test a model, or resume an interrupted training.

    Args:
        training (Training): The training.
        config (Config): Its config, of :func:`training_config`.
        folder (Path): Work directory of the comparison.

    Returns:
        ComparisonResult: The result, which is written as well. If the
        training was finished before, it is only read.

    Raises:
        ValueError: If the folder holds the same training with another
            config.
        AnnotationError: If the data lack a split.
    """
    work_dir = folder / training.folder
    keep_config(config, work_dir / CONFIG_FILE)
    done = read_result(folder, training)
    if done is not None:
        return done
    # A missing test split is an error before the training.
    check_named_splits(config, ('train_dataloader', 'test_dataloader'))
    config = copy.deepcopy(config)
    config.work_dir = str(work_dir)
    config.experiment_name = '_'.join(training.folder.parts)
    config.resume = True
    resumed = (work_dir / LAST_CHECKPOINT).is_file()
    with (
        open(work_dir / LOG_FILE, 'a', encoding='utf-8') as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        runner = build_runner(config)
        start = time.perf_counter()
        if training.method != CONTROLS:
            runner.train()
        seconds = time.perf_counter() - start
        runner.test()
    result = ComparisonResult(
        training,
        labels_used(config),
        None if resumed else seconds,
        runner.test_loop.evaluator.report,
    )
    if training.method == CONTROLS:
        # The model was not trained.
        del result.report['rows'][MODEL]
    write_result(folder, result)
    return result


def keep_config(config: Config, path: Path) -> None:
    """Write a training's config, or check that it has not changed.

    Args:
        config (Config): The config.
        path (Path): The file.

    Raises:
        ValueError: If the file holds another config.
    """
    text = config.pretty_text
    if path.is_file():
        if path.read_text(encoding='utf-8') != text:
            raise ValueError(
                f'{path} is of another training: take another --work-dir, or '
                f'remove {path.parent}'
            )
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
