import numpy as np

from ..embeddings import SequenceCollection

# As wide as the embedding of the RGB models.
POSITION_WIDTH = 128


def control_embeddings(
    collection: SequenceCollection, name: str
) -> SequenceCollection:
    """Replace the embeddings by others to judge them by.

    A method is as good as what it adds to those that nothing was learnt for:

    - 'raw': the model's inputs.
    - 'clock': t / T and nothing else.
    - 'position': the sine and cosine code of t (Vaswani et al. 2017), 128
      wide, base 10000.
    - 'raw+clock': inputs and clock side by side, the clock scaled to the
      same total variance over the collection as all inputs together.

    And whether it holds something that its input does not, the other way
    round, is said by:

    - 'raw+model': inputs and embeddings side by side, the embeddings scaled
      likewise.

    Args:
        collection (SequenceCollection): All sequences, of all splits.
        name (str): Which control.

    Returns:
        SequenceCollection: The same sequences with the control's embeddings.

    Raises:
        ValueError: If there is no such control, or it needs the inputs and
            the collection has none.
    """
    if name not in CONTROLS:
        raise ValueError(
            f'controls are expected to be among {sorted(CONTROLS)}, '
            f'but got {name!r}'
        )
    if name.startswith('raw') and collection.inputs is None:
        raise ValueError(
            f'the control {name!r} needs the inputs of all sequences, '
            'and the collection has none'
        )
    return collection.with_embeddings(CONTROLS[name](collection))


def _raw(collection):
    return collection.inputs


def _clock(collection):
    return [
        np.arange(len(sequence))[:, None] / len(sequence)
        for sequence in collection.embeddings
    ]


def _position(collection):
    longest = max(map(len, collection.embeddings), default=0)
    rate = 10000 ** (-np.arange(0, POSITION_WIDTH, 2) / POSITION_WIDTH)
    angles = np.arange(longest)[:, None] * rate
    code = np.stack([np.sin(angles), np.cos(angles)], axis=2)
    code = code.reshape(longest, POSITION_WIDTH)
    return [code[: len(sequence)] for sequence in collection.embeddings]


def _raw_and_clock(collection):
    return _side_by_side(collection.inputs, _clock(collection))


def _raw_and_model(collection):
    return _side_by_side(collection.inputs, collection.embeddings)


def _side_by_side(inputs, others):
    spread = _total_variance(inputs)
    # A clock of one-frame sequences has no variance; nor have dead inputs.
    scale = np.sqrt(spread / (_total_variance(others) or 1)) or 1
    return [
        np.concatenate([values, scale * other], axis=1)
        for values, other in zip(inputs, others, strict=True)
    ]


def _total_variance(sequences):
    frames = np.concatenate(sequences)
    return float(frames.var(axis=0, dtype=np.float64).sum())


CONTROLS = {
    'raw': _raw,
    'clock': _clock,
    'position': _position,
    'raw+clock': _raw_and_clock,
    'raw+model': _raw_and_model,
}
