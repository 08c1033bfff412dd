import numpy as np

from ..embeddings import SequenceCollection
from ..support.argument_checks import check_choice

# Width of the embedding of the RGB models.
POSITION_WIDTH = 128


def baseline_embeddings(
    collection: SequenceCollection, name: str
) -> SequenceCollection:
    """Replace the embeddings by those of a training-free baseline.

    - 'raw': the raw inputs of the model.
    - 'clock': time only, t / T.
    - 'position': the sinusoidal positional encoding of t (Vaswani et al.
      2017), 128 wide, base 10000.
    - 'raw+clock': raw inputs and time side by side. Time is scaled to the
      total variance of the inputs over the collection.

    One more combination shows whether an embedding holds information that
    its input does not, and the other way round:

    - 'raw+model': raw inputs and embeddings side by side, the embeddings
      scaled likewise.

    Args:
        collection (SequenceCollection): All sequences, of all splits.
        name (str): Name of the baseline.

    Returns:
        SequenceCollection: The same sequences with these embeddings.

    Raises:
        ValueError: If there is no such baseline, or it needs inputs that the
            collection does not have.

    Example:
        >>> import numpy as np
        >>> from masa.apis import EmbeddedSequence
        >>> from masa.evaluation import SequenceCollection
        >>> from masa.evaluation import baseline_embeddings
        >>> sequence = EmbeddedSequence('a', np.random.rand(4, 8))
        >>> collection = SequenceCollection.from_sequences([sequence])
        >>> time = baseline_embeddings(collection, 'clock').embeddings[0]
        >>> time.ravel().tolist()
        [0.0, 0.25, 0.5, 0.75]
    """
    check_choice('baseline', name, sorted(BASELINES))
    if name.startswith('raw') and collection.inputs is None:
        raise ValueError(
            f'the baseline {name!r} needs the inputs of all sequences, '
            'and the collection has none'
        )
    return collection.with_embeddings(BASELINES[name](collection))


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
    # The time of one-frame sequences has no variance, nor have constant
    # inputs.
    scale = np.sqrt(spread / (_total_variance(others) or 1)) or 1
    return [
        np.concatenate([values, scale * other], axis=1)
        for values, other in zip(inputs, others, strict=True)
    ]


def _total_variance(sequences):
    frames = np.concatenate(sequences)
    return float(frames.var(axis=0, dtype=np.float64).sum())


BASELINES = {
    'raw': _raw,
    'clock': _clock,
    'position': _position,
    'raw+clock': _raw_and_clock,
    'raw+model': _raw_and_model,
}
