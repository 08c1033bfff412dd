import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..evaluation.table import save_report
from .trainings import Training

RESULT_FILE = 'result.json'


@dataclass
class ComparisonResult:
    """The result of one training.

    Args:
        training (Training): The training.
        labels (str): See :func:`labels_used`.
        seconds (float or None): Duration of the training alone; None if it
            was interrupted.
        report (dict): The report of ``SequenceEvaluator``.
    """

    training: Training
    labels: str
    seconds: float | None
    report: dict


def write_result(folder: Path, result: ComparisonResult) -> None:
    """Write a result whole or not at all.

    Args:
        folder (Path): Work directory of the comparison.
        result (ComparisonResult): The result.
    """
    path = folder / result.training.folder / RESULT_FILE
    save_report(asdict(result), path)


def read_result(folder: Path, training: Training) -> ComparisonResult | None:
    """Read a result.

    Args:
        folder (Path): Work directory of the comparison.
        training (Training): The training.

    Returns:
        ComparisonResult | None: None if the training is not done.
    """
    path = folder / training.folder / RESULT_FILE
    if not path.is_file():
        return None
    return _parse(path)


def read_results(folder: Path) -> list[ComparisonResult]:
    """Read all results of a comparison.

    Args:
        folder (Path): Its work directory.

    Returns:
        list[ComparisonResult]: In the order of their paths.
    """
    return [_parse(path) for path in sorted(folder.rglob(RESULT_FILE))]


def _parse(path: Path) -> ComparisonResult:
    fields = json.loads(path.read_text(encoding='utf-8'))
    return ComparisonResult(
        **dict(fields, training=Training(**fields['training']))
    )
