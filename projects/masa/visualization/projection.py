from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from ..embeddings.checks import check_sequences
from .style import PROGRESS, class_style, evenly, new_figure, styled


class Projection(NamedTuple):
    """Frames projected to two dimensions.

    Attributes:
        points (np.ndarray): Coordinates, (P, 2) float32.
        sequence (np.ndarray): Index of the sequence of each point, (P,) int64.
        progress (np.ndarray): Relative time of each point in its sequence,
            (P,), in [0, 1].
    """

    points: np.ndarray
    sequence: np.ndarray
    progress: np.ndarray


def project_frames(
    embeddings: Sequence[np.ndarray], max_frames: int = 3000, seed: int = 0
) -> Projection:
    """Project frames to two dimensions by t-SNE.

    Args:
        embeddings (Sequence[np.ndarray]): Arrays of shape (T_i, D).
        max_frames (int): Largest number of frames, evenly spaced in every
            sequence.
        seed (int): Seed of t-SNE.

    Returns:
        Projection: The projected frames.

    Raises:
        ValueError: If there are fewer than two frames.
    """
    embeddings = check_sequences(embeddings)
    total = sum(map(len, embeddings))
    if total < 2:
        raise ValueError(f'two frames are expected at least, but got {total}')
    share = min(max_frames / total, 1)
    chosen = [
        evenly(len(sequence), max(int(len(sequence) * share), 1))
        for sequence in embeddings
    ]
    frames = np.concatenate(
        [
            sequence[index]
            for sequence, index in zip(embeddings, chosen, strict=True)
        ]
    )
    points = TSNE(
        init='pca' if min(frames.shape) > 1 else 'random',
        # scikit-learn's default; it must be below the number of points.
        perplexity=min(30, (len(frames) - 1) / 3 + 0.1),
        random_state=seed,
    ).fit_transform(frames.astype(np.float32))
    return Projection(
        points,
        np.repeat(np.arange(len(chosen)), [len(index) for index in chosen]),
        np.concatenate(
            [
                index / max(len(sequence) - 1, 1)
                for sequence, index in zip(embeddings, chosen, strict=True)
            ]
        ),
    )


@styled
def embedding_map(
    projections: dict[str, Projection],
    activities: Sequence[str],
) -> Figure:
    """Draw frames by activity and by progress (Fig. 1, 3, S1 of the paper).

    Args:
        projections (dict[str, Projection]): Projections by title, such as
            ``before training`` and ``after training``; one row each.
        activities (Sequence[str]): Activity of each sequence; '' if not known.

    Returns:
        Figure: Activities on the left, progress on the right.

    Raises:
        ValueError: If there is no projection, or not one activity per
            sequence.
    """
    if not projections:
        raise ValueError('one projection is expected at least, but got none')
    names = sorted(set(activities))
    figure = new_figure(9.5, 4 * len(projections))
    axes = figure.subplots(len(projections), 2, squeeze=False)
    for row, (title, projection) in zip(
        axes, projections.items(), strict=True
    ):
        if projection.sequence.max() >= len(activities):
            raise ValueError(
                f'{title}: an activity is expected for each of the '
                f'{projection.sequence.max() + 1} sequences, but got '
                f'{len(activities)}'
            )
        of = np.array([names.index(name) for name in activities])
        for i, name in enumerate(names):
            chosen = of[projection.sequence] == i
            color, marker = class_style(i)
            row[0].scatter(
                *projection.points[chosen].T,
                s=7,
                c=color,
                marker=marker,
                linewidths=0,
                label=name or 'no activity',
            )
        shown = row[1].scatter(
            *projection.points.T,
            s=7,
            c=projection.progress,
            cmap=PROGRESS,
            vmin=0,
            vmax=1,
            linewidths=0,
        )
        row[0].set_title(f'{title}: activity')
        row[1].set_title(f'{title}: progress')
        figure.colorbar(shown, ax=row[1], ticks=[0, 1], label='start to end')
        for cell in row:
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc='outside lower left',
        ncols=4,
        markerscale=2,
    )
    return figure
