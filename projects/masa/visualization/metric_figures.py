import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix as count_confusions

from ..evaluation.metric_titles import METRIC_TITLES
from .style import WRONG, class_style, new_figure, styled

# embedding_std is near 1 if the embeddings use all dimensions.
COLLAPSED = 0.1
# With more classes the numbers in the cells are not legible.
MOST_NUMBERS = 16


@styled
def confusion_matrix(
    true: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> Figure:
    """Draw a confusion matrix (Fig. S2, S3 of the paper).

    Args:
        true (np.ndarray): Ground-truth classes, (N,) integers in [0, C).
        predicted (np.ndarray): Predicted classes, (N,).
        names (Sequence[str]): Names of the C classes.

    Returns:
        Figure: Predictions in percent of each ground-truth class.

    Raises:
        ValueError: If the lengths differ, or a class has no name.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.ndim != 1 or not len(true):
        raise ValueError(
            'a predicted class for every true one is expected, but got the '
            f'shapes {true.shape} and {predicted.shape}'
        )
    classes = len(names)
    both = np.concatenate([true, predicted])
    if both.min() < 0 or both.max() >= classes:
        raise ValueError(
            f'classes are expected in [0, {classes}), which have names, but '
            f'reach from {both.min()} to {both.max()}'
        )
    counts = count_confusions(true, predicted, labels=np.arange(classes))
    shares = 100 * counts / counts.sum(axis=1, keepdims=True).clip(1)
    side = max(3.6, 0.45 * classes + 1.8)
    figure = new_figure(side + 0.6, side)
    axes = figure.subplots()
    shown = axes.imshow(shares, cmap='Blues', vmin=0, vmax=100)
    axes.set_xticks(range(classes), names, rotation=45, ha='right')
    axes.set_yticks(range(classes), names)
    axes.set(xlabel='predicted', ylabel='true')
    if classes <= MOST_NUMBERS:
        for i, j in np.argwhere(counts):
            axes.text(
                *(j, i, f'{shares[i, j]:.0f}'),
                ha='center',
                va='center',
                fontsize=8,
                color='white' if shares[i, j] > 55 else 'black',
            )
    figure.colorbar(shown, ax=axes, label='% of the true class', shrink=0.7)
    return figure


@styled
def label_share_curve(
    shares: Sequence[float], accuracies: dict[str, Sequence[float]]
) -> Figure:
    """Draw the accuracy over the share of labels.

    Args:
        shares (Sequence[float]): Shares of the labels, in (0, 1].
        accuracies (dict[str, Sequence[float]]): Accuracies of every method,
            in [0, 1].

    Returns:
        Figure: One line per method, with its name at the end.

    Raises:
        ValueError: If a method does not have one accuracy per share.
    """
    figure = new_figure(5.2, 3.4)
    axes = figure.subplots()
    ends = []
    for i, (name, values) in enumerate(accuracies.items()):
        if len(values) != len(shares):
            raise ValueError(
                f'{name} is expected to have {len(shares)} accuracies, but '
                f'has {len(values)}'
            )
        color, marker = class_style(i)
        percent = 100 * np.asarray(values, dtype=float)
        axes.plot(
            np.arange(len(shares)),
            percent,
            color=color,
            marker=marker,
            lw=3 if i == 0 else 1.5,
        )
        ends.append((percent[-1], name, color))
    low, high = axes.get_ylim()
    gap = (high - low) / 18
    # Move names up that would overlap.
    at = -np.inf
    for value, name, color in sorted(ends):
        at = max(value, at + gap)
        axes.annotate(
            name,
            (len(shares) - 1, at),
            xytext=(8, 0),
            textcoords='offset points',
            va='center',
            color=color,
            annotation_clip=False,
        )
    axes.set_xticks(range(len(shares)), [f'{s:.0%}' for s in shares])
    axes.set(xlabel='share of the labels', ylabel='phase classification, %')
    return figure


@styled
def training_curves(
    scalars: dict[str, tuple[np.ndarray, np.ndarray]],
) -> Figure:
    """Draw training curves.

    Args:
        scalars (dict[str, tuple]): Steps and values by name, see
            :func:`read_scalars`.

    Returns:
        Figure: One panel per curve, with collapsed ``embedding_std`` (below
        0.1) marked.

    Raises:
        ValueError: If none of the known curves is given.
    """
    titles = dict(
        loss='loss (eq. 9)',
        match_frames='matching error, frames',
        cluster_cos='agreement of the cluster predictor',
        embedding_std='spread of the embeddings',
        grad_norm='norm of the gradient',
        lr='learning rate',
    )
    shown = [name for name in titles if name in scalars]
    if not shown:
        raise ValueError(
            f'curves of {list(titles)} are expected, but got {list(scalars)}'
        )
    figure, panels = _panels(len(shown))
    for axes, name in zip(panels, shown, strict=True):
        steps, values = scalars[name]
        axes.plot(steps, values, color=class_style(0)[0], lw=1.2)
        axes.set(title=titles[name], xlabel='step')
        if name == 'embedding_std':
            axes.set_ylim(0, max(1.1, np.max(values) * 1.05))
            axes.axhspan(0, COLLAPSED, color=WRONG, alpha=0.25, lw=0)
            axes.text(
                *(0.98, COLLAPSED / 2 / axes.get_ylim()[1], 'collapsed'),
                transform=axes.transAxes,
                ha='right',
                va='center',
                color=WRONG,
                fontsize=8,
            )
    return figure


@styled
def validation_curves(
    runs: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]],
    levels: dict[str, dict[str, float]] | None = None,
) -> Figure:
    """Draw validation metrics over epochs.

    Args:
        runs (dict[str, dict[str, tuple]]): Epochs and values by name of the
            training and metric key (:func:`read_validations`).
        levels (dict[str, dict[str, float]], optional): Constant values, such
            as those of baselines, by name and metric key. Defaults to None.

    Returns:
        Figure: One panel per metric, one line per training, one dashed line
        per level.

    Raises:
        ValueError: If no training has a metric of this package.
    """
    found = {key for run in runs.values() for key in run}
    shown = [key for key in METRIC_TITLES if key in found]
    if not shown:
        raise ValueError(
            f'metrics among {list(METRIC_TITLES)} are expected, but got '
            f'{sorted(found)}'
        )
    # Space for the legend below the panels.
    figure, panels = _panels(len(shown), 0.3)
    for axes, key in zip(panels, shown, strict=True):
        title = METRIC_TITLES[key]
        factor = title.factor or 1
        for i, (name, run) in enumerate(runs.items()):
            if key in run:
                epochs, values = run[key]
                color, marker = class_style(i)
                axes.plot(
                    *(epochs, factor * np.asarray(values)),
                    color=color,
                    marker=marker,
                    ms=4,
                    lw=1.5,
                    label=name,
                )
        for i, (name, level) in enumerate((levels or {}).items(), len(runs)):
            if key in level:
                axes.axhline(
                    factor * level[key],
                    color=class_style(i)[0],
                    ls='--',
                    lw=1,
                    label=name,
                )
        axes.set(title=title.short, xlabel='epoch')
    lines = {
        name: handle
        for axes in panels
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        lines.values(), lines, loc='outside lower center', ncols=len(lines)
    )
    return figure


def _panels(count: int, space: float = 0.0) -> tuple[Figure, np.ndarray]:
    """Make panels in rows of three, with ``space`` inches below."""
    rows = -(-count // 3)
    figure = new_figure(9.5, 2.3 * rows + space)
    panels = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels[:count]


def read_scalars(path: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read the training curves that MMEngine logged.

    Args:
        path (str | Path): ``vis_data/scalars.json``, one JSON object per
            line.

    Returns:
        dict[str, tuple[np.ndarray, np.ndarray]]: Steps and values of every
        training curve. Validation lines have no loss and are skipped.

    Raises:
        ValueError: If a line is not JSON; it is named.
    """
    return _read_lines(path, lambda entry: 'loss' in entry)


def read_validations(
    path: str | Path,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read the validation metrics that MMEngine logged.

    Args:
        path (str | Path): ``vis_data/scalars.json``, one JSON object per
            line.

    Returns:
        dict[str, tuple[np.ndarray, np.ndarray]]: Epochs and values of every
        metric of this package.

    Raises:
        ValueError: If a line is not JSON; it is named.
    """
    found = _read_lines(path, lambda entry: 'loss' not in entry)
    return {key: found[key] for key in METRIC_TITLES if key in found}


def _read_lines(
    path: str | Path, wanted: Callable[[dict], bool]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found: dict[str, list] = {}
    text = Path(path).read_text('utf-8')
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f'{path}, line {number}: {error}') from error
        if not wanted(entry):
            continue
        for key, value in entry.items():
            if key != 'step' and isinstance(value, (int, float)):
                found.setdefault(key, []).append((entry['step'], value))
    return {
        key: tuple(np.array(pairs, dtype=float).T)
        for key, pairs in found.items()
    }
