"""Draw the README's picture from dumped embeddings.

Every row is a held-out performance, its colours the true phases: on the left
as recorded, on the right each frame of the first row's timeline matched to
its nearest neighbour in the embedding. Phases are drawn, never used.

    python tools/test.py configs/masa_demo.py \
        work_dirs/masa_demo/epoch_80.pth --dump embeddings.npz
    python docs/figures/alignment.py embeddings.npz docs/figures/alignment.png
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from masa.evaluation import SequenceCollection
from masa.evaluation.functional import nearest_frames

ACTIVITIES = ('clean_and_press', 'sit_down', 'jumping_jack')


def phase_rows(phases: list[np.ndarray], width: int) -> np.ndarray:
    """Stack phases as the rows of a picture, empty where a row has ended."""
    rows = np.full((len(phases), width), np.nan)
    for row, phase in zip(rows, phases, strict=True):
        row[: len(phase)] = phase
    return rows


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('embeddings', type=Path)
    parser.add_argument('output', type=Path)
    args = parser.parse_args()
    collection = SequenceCollection.load(args.embeddings)
    figure, axes = plt.subplots(
        len(ACTIVITIES), 2, figsize=(9, 6), layout='constrained'
    )
    for (left, right), activity in zip(axes, ACTIVITIES, strict=True):
        chosen = [
            i
            for i, name in enumerate(collection.names)
            if name.startswith(f'val/{activity}_')
        ]
        phases = [collection.phases[i] for i in chosen]
        embeddings = [collection.embeddings[i] for i in chosen]
        width = max(map(len, phases))
        nearest = nearest_frames(embeddings[0], embeddings).T
        aligned = [
            phase[frames]
            for phase, frames in zip(phases, nearest, strict=True)
        ]
        style = dict(aspect='auto', cmap='viridis', interpolation='nearest')
        left.imshow(phase_rows(phases, width), **style)
        right.imshow(np.stack(aligned), **style)
        left.set_ylabel(activity.replace('_', ' '))
        for axis in (left, right):
            axis.set_yticks([])
    axes[0, 0].set_title('as recorded')
    axes[0, 1].set_title("on the first performer's timeline")
    axes[-1, 0].set_xlabel('frame')
    axes[-1, 1].set_xlabel('frame of the first performer')
    figure.savefig(args.output, dpi=110)


if __name__ == '__main__':
    main()
