from collections.abc import Sequence

import numpy as np

# The sum of the squares of many such numbers is in the range of float64.
LARGEST = 1e150


def check_sequences(
    sequences: Sequence[np.ndarray],
    name: str = 'embeddings',
    ids: Sequence[str] | None = None,
) -> list[np.ndarray]:
    """Check a list of per-frame vectors.

    Args:
        sequences (Sequence[np.ndarray]): Arrays of shape (T_i, D), T_i >= 1,
            all of one width D, of real numbers of any type.
        name (str): What an error calls the list.
        ids (Sequence[str], optional): What an error calls each sequence.
            Defaults to its position.

    Returns:
        list[np.ndarray]: The same arrays, those of a type longer than
        float64 as float64.

    Raises:
        ValueError: If an array has another shape, width or type, or a value
            that is not finite or above 1e150.
    """
    sequences = [np.asarray(sequence) for sequence in sequences]
    called = _array_names(name, ids, len(sequences))
    for number, (sequence, one) in enumerate(
        zip(sequences, called, strict=True)
    ):
        if sequence.ndim == 1:
            raise ValueError(
                f'{one} is expected to have shape (T, D), but got '
                f'{sequence.shape}: reshape(-1, 1) makes a frame of every '
                'number, reshape(1, -1) one frame of all'
            )
        if sequence.ndim != 2 or 0 in sequence.shape:
            raise ValueError(
                f'{one} is expected to have shape (T, D) with at least one '
                f'frame and one dimension, but got {sequence.shape}'
            )
        if sequence.dtype.kind not in 'biuf':
            raise ValueError(
                f'{one} is expected to hold real numbers, but its type is '
                f'{sequence.dtype}'
            )
        if sequence.shape[1] != sequences[0].shape[1]:
            raise ValueError(
                f'{one} is expected to have the width of {called[0]}, '
                f'{sequences[0].shape[1]}, but got {sequence.shape[1]}'
            )
        wrong = ~np.isfinite(sequence)
        if wrong.any():
            raise ValueError(
                f'{one} is expected to be finite, but frame '
                f'{np.argwhere(wrong)[0, 0]} is not ({wrong.sum()} of '
                f'{wrong.size} values)'
            )
        if not -LARGEST <= sequence.min() <= sequence.max() <= LARGEST:
            raise ValueError(
                f'{one} is expected to hold numbers up to {LARGEST:g}, whose '
                'squares float64 can hold: scale the embeddings down'
            )
        # The padding bytes of a long double differ between equal numbers.
        if sequence.dtype.itemsize > 8:
            sequences[number] = sequence.astype(np.float64)
    return sequences


def check_frame_values(
    values: Sequence[np.ndarray],
    sequences: Sequence[np.ndarray],
    name: str = 'phases',
    ids: Sequence[str] | None = None,
) -> list[np.ndarray]:
    """Check that there is one value for every frame of every sequence.

    Args:
        values (Sequence[np.ndarray]): Arrays of shape (T_i,).
        sequences (Sequence[np.ndarray]): Arrays of shape (T_i, D).
        name (str): What an error calls the values.
        ids (Sequence[str], optional): What an error calls each sequence.
            Defaults to its position.

    Returns:
        list[np.ndarray]: The same arrays.

    Raises:
        ValueError: If the numbers of sequences or of frames differ.
    """
    check_same_length(sequences, values, name)
    values = [np.asarray(value) for value in values]
    for value, sequence, one in zip(
        values, sequences, _array_names(name, ids, len(values)), strict=True
    ):
        if value.shape != (len(sequence),):
            raise ValueError(
                f'{one} is expected to have shape {(len(sequence),)}, as its '
                f'sequence has {len(sequence)} frames, but got {value.shape}'
            )
    return values


def _array_names(
    name: str, ids: Sequence[str] | None, count: int
) -> list[str]:
    if ids is None:
        return [f'{name}[{number}]' for number in range(count)]
    return [f'{name} of {sequence!r}' for sequence in ids]


def check_same_length(
    sequences: Sequence[np.ndarray], values: Sequence, name: str
) -> None:
    """Check that there is one value for every sequence.

    Args:
        sequences (Sequence[np.ndarray]): The sequences.
        values (Sequence): One item for each.
        name (str): What an error calls the values.

    Raises:
        ValueError: If there are more or fewer.
    """
    if len(values) != len(sequences):
        raise ValueError(
            f'{name} is expected to have one item for each of the '
            f'{len(sequences)} sequences, but got {len(values)}'
        )


def check_distinct(names: Sequence[str]) -> None:
    """Check that every sequence has an id of its own.

    Args:
        names (Sequence[str]): The ids.

    Raises:
        ValueError: If an id occurs more than once.
    """
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise ValueError(
            'sequences are expected to have names of their own, but these '
            f'come more than once: {twice}; name the files differently, or '
            'give the folder above them, which makes its folders part of names'
        )
