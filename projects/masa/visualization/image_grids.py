from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .similarity import phase_colors
from .style import RIGHT, WRONG, new_figure, styled


@styled
def retrieval_grid(
    queries: Sequence[np.ndarray],
    found: Sequence[Sequence[np.ndarray]],
    right: Sequence[Sequence[bool | None]],
    captions: Sequence[Sequence[str]],
) -> Figure:
    """Draw queries and retrieved frames (Fig. S4 of the paper).

    Args:
        queries (Sequence[np.ndarray]): N images, RGB (H, W, 3) uint8.
        found (Sequence[Sequence[np.ndarray]]): Up to K images for each query.
        right (Sequence[Sequence[bool]]): Whether each of these is correct;
            None where unknown.
        captions (Sequence[Sequence[str]]): 1 + K captions for every query.

    Returns:
        Figure: One row per query. A mark and the color of the frame show
        whether a result is correct.

    Raises:
        ValueError: If there is no query, or the lengths differ.
    """
    if not queries or not len(queries) == len(found) == len(right):
        raise ValueError(
            f'as many lists of results as queries are expected, but got '
            f'{len(found)} and {len(right)} for {len(queries)}'
        )
    columns = 1 + max(map(len, found))
    figure = new_figure(1.5 * columns, 1.75 * len(queries))
    grid = figure.subplots(len(queries), columns, squeeze=False)
    for axes, query, images, marks, lines in zip(
        grid, queries, found, right, captions, strict=True
    ):
        for cell in axes:
            cell.set_axis_off()
        _show(axes[0], query, lines[0], '#444444')
        for cell, image, mark, line in zip(
            axes[1:], images, marks, lines[1:], strict=False
        ):
            if mark is None:
                _show(cell, image, line, '#999999')
                continue
            sign, color = ('✓', RIGHT) if mark else ('✗', WRONG)
            _show(cell, image, f'{sign} {line}', color)
    return figure


@styled
def alignment_strips(
    strips: Sequence[Sequence[np.ndarray]],
    names: Sequence[str],
    captions: Sequence[str] = (),
) -> Figure:
    """Draw sequences at the same moments (Fig. S5 to S7 of the paper).

    Args:
        strips (Sequence[Sequence[np.ndarray]]): M images of every sequence,
            RGB (H, W, 3) uint8.
        names (Sequence[str]): Names of the sequences.
        captions (Sequence[str]): Captions of the moments.

    Returns:
        Figure: One row per sequence, one column per moment.

    Raises:
        ValueError: If the rows differ in length, or there are none.
    """
    lengths = {len(strip) for strip in strips}
    if len(lengths) != 1 or len(names) != len(strips):
        raise ValueError(
            'rows of one length and a name each are expected, but got '
            f'lengths {sorted(lengths)} and {len(names)} names of '
            f'{len(strips)}'
        )
    (columns,) = lengths
    figure = new_figure(1.25 * columns + 0.8, 1.4 * len(strips))
    grid = figure.subplots(len(strips), columns, squeeze=False)
    for axes, images, name in zip(grid, strips, names, strict=True):
        for cell, image in zip(axes, images, strict=True):
            _show(cell, image, '', '#bbbbbb')
        axes[0].set_axis_on()
        axes[0].set_ylabel(
            name, rotation=0, ha='right', va='center', fontsize=8
        )
    for cell, caption in zip(grid[0], captions, strict=False):
        cell.set_title(caption, fontsize=8)
    return figure


@styled
def phase_strips(
    phases: Sequence[np.ndarray],
    frames: np.ndarray,
    names: Sequence[str] = (),
) -> Figure:
    """Draw the phases of sequences as recorded and on one timeline.

    Args:
        phases (Sequence[np.ndarray]): N arrays of (T_i,) integers; negative
            where unknown.
        frames (np.ndarray): ``frames`` of a
            :class:`~masa.alignment.Timeline`, (N, T).
        names (Sequence[str]): Names of the sequences.

    Returns:
        Figure: Phases as recorded on the left, aligned on the right.

    Raises:
        ValueError: If the numbers of sequences differ.
    """
    if len(phases) != len(frames) or not len(phases):
        raise ValueError(
            f'phases of {len(frames)} sequences are expected, but got '
            f'{len(phases)}'
        )
    longest = max(map(len, phases))
    recorded = np.full((len(phases), longest), -1)
    for row, phase in zip(recorded, phases, strict=True):
        row[: len(phase)] = phase
    aligned = np.stack(
        [phase[row] for phase, row in zip(phases, frames, strict=True)]
    )
    figure = new_figure(9, 0.28 * len(phases) + 1)
    left, right = figure.subplots(1, 2)
    for axes, values, title in (
        (left, recorded, 'as recorded'),
        (right, aligned, 'aligned'),
    ):
        axes.imshow(
            phase_colors(values), aspect='auto', interpolation='nearest'
        )
        axes.set(title=title, xlabel='frame', yticks=[])
        axes.spines[:].set_visible(False)
        for i in range(1, len(phases)):
            axes.axhline(i - 0.5, color='white', lw=2)
    if names:
        left.set_yticks(range(len(phases)), names, fontsize=8)
        left.tick_params(left=False)
    return figure


def _show(axes, image: np.ndarray, caption: str, color: str) -> None:
    axes.imshow(image)
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=color, linewidth=2.5)
    axes.set_xlabel(caption, fontsize=8, color=color)
