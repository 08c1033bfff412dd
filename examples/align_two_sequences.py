"""Align two sequences of embeddings, and print the matched times.

The two sequences show the same movement. The second one starts slowly.
"""

import numpy as np

from masa.alignment import align_pair

FRAME_RATE = 10.0


def embed(progress: np.ndarray) -> np.ndarray:
    """Embed moments of the movement, (T,), as points of a curve, (T, 3)."""
    angle = 1.5 * np.pi * progress
    return np.stack([np.cos(angle), np.sin(angle), progress], axis=1)


def main() -> None:
    """Align the sequences."""
    steady = np.linspace(0, 1, 31)
    late = np.linspace(0, 1, 46) ** 2
    alignment = align_pair(embed(steady), embed(late))
    matched = alignment.match_first()
    print('first [s]  second [s]')
    for frame in range(0, len(steady), 5):
        times = frame / FRAME_RATE, matched[frame] / FRAME_RATE
        print('{:9.1f}  {:10.1f}'.format(*times))
    print(f'mean squared distance of the pairs: {alignment.cost:.4f}')
    error = np.abs(steady - late[matched]).mean()
    print(f'mean deviation from the ground truth: {error:.1%}')


if __name__ == '__main__':
    main()
