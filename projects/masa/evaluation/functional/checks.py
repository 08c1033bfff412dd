from collections.abc import Sequence

import numpy as np

# The sum of the squares of many of these is in the range of float64.
LARGEST = 1e150


def check_sequences(
    sequences: Sequence[np.ndarray], name: str = 'embeddings'
) -> list[np.ndarray]:
    """Check a list of per-frame vectors.

    Args:
        sequences (Sequence[np.ndarray]): Arrays of shape (T_i, D), T_i >= 1,
            all of one width D, of real numbers of any type.
        name (str): What to call the list in an error.

    Returns:
        list[np.ndarray]: The same arrays, those of a type longer than
        float64 as float64.

    Raises:
        ValueError: If one has another shape, width or type, or a value that
            is not finite or above 1e150, whose square would not be.
    """
    sequences = [np.asarray(sequence) for sequence in sequences]
    for number, sequence in enumerate(sequences):
        if sequence.ndim == 1:
            raise ValueError(
                f'{name}[{number}] is expected to have shape (T, D), but got '
                f'{sequence.shape}: reshape(-1, 1) makes a frame of every '
                'number, reshape(1, -1) one frame of all'
            )
        if sequence.ndim != 2 or 0 in sequence.shape:
            raise ValueError(
                f'{name}[{number}] is expected to have shape (T, D) with at '
                f'least one frame and one dimension, but got {sequence.shape}'
            )
        if sequence.dtype.kind not in 'biuf':
            raise ValueError(
                f'{name}[{number}] is expected to hold real numbers, but its '
                f'type is {sequence.dtype}'
            )
        if sequence.shape[1] != sequences[0].shape[1]:
            raise ValueError(
                f'{name} are expected to have one width, but {name}[0] has '
                f'{sequences[0].shape[1]} and {name}[{number}] has '
                f'{sequence.shape[1]}'
            )
        if not np.isfinite(sequence).all():
            raise ValueError(
                f'{name}[{number}] is expected to be finite, but '
                f'{np.count_nonzero(~np.isfinite(sequence))} of its '
                f'{sequence.size} values are not'
            )
        if not -LARGEST <= sequence.min() <= sequence.max() <= LARGEST:
            raise ValueError(
                f'{name}[{number}] is expected to hold numbers up to '
                f'{LARGEST:g}, whose squares float64 can hold: scale the '
                'embeddings down'
            )
        # The bytes that fill up a long double differ between equal numbers.
        if sequence.dtype.itemsize > 8:
            sequences[number] = sequence.astype(np.float64)
    return sequences


def check_frame_values(
    values: Sequence[np.ndarray],
    sequences: Sequence[np.ndarray],
    name: str = 'phases',
) -> list[np.ndarray]:
    """Check that there is one value for every frame of every sequence.

    Args:
        values (Sequence[np.ndarray]): Arrays of shape (T_i,).
        sequences (Sequence[np.ndarray]): Arrays of shape (T_i, D).
        name (str): What to call the values in an error.

    Returns:
        list[np.ndarray]: The same arrays.

    Raises:
        ValueError: If the numbers of sequences or of frames differ.
    """
    check_same_length(sequences, values, name)
    values = [np.asarray(value) for value in values]
    for number, (value, sequence) in enumerate(
        zip(values, sequences, strict=True)
    ):
        if value.shape != (len(sequence),):
            raise ValueError(
                f'{name}[{number}] is expected to have shape '
                f'{(len(sequence),)}, as many as its sequence has frames, '
                f'but got {value.shape}'
            )
    return values


def check_same_length(
    sequences: Sequence[np.ndarray], values: Sequence, name: str
) -> None:
    """Check that there is one value for every sequence.

    Args:
        sequences (Sequence[np.ndarray]): The sequences.
        values (Sequence): One item for each.
        name (str): What to call the values in an error.

    Raises:
        ValueError: If there are more or fewer.
    """
    if len(values) != len(sequences):
        raise ValueError(
            f'{name} is expected to have one item for each of the '
            f'{len(sequences)} sequences, but got {len(values)}'
        )


def check_stride(stride: int) -> None:
    """Check a frame stride.

    Args:
        stride (int): Every how many frames one is taken, at least 1.

    Raises:
        ValueError: If it is below 1.
    """
    if stride < 1:
        raise ValueError(f'stride is expected to be >= 1, but got {stride}')
