import numpy as np

from ..embeddings import SequenceCollection
from ..support.argument_checks import check_choice

# Width of the embedding of the RGB models.
POSITION_WIDTH = 128
# Frames that a window takes beside each frame.
WINDOW = np.arange(-8, 9, 2)
# Values of a frame up to which the evaluation computes windows: those of
# joints, not of frame features, which would take gigabytes.
WIDEST_WINDOW = 256


def baseline_embeddings(
    collection: SequenceCollection, name: str
) -> SequenceCollection:
    """Replace the embeddings by those of a training-free baseline.

    - 'raw': the raw inputs of the model.
    - 'window': those of the 9 frames within 8 frames to either side in steps
      of 2, side by side; the first and the last frame are repeated.
    - 'clock': time only, t / T.
    - 'position': the sinusoidal positional encoding of t (Vaswani et al.
      2017), 128 wide, base 10000.
    - 'raw+clock', 'window+clock': raw inputs, or their window, and time side
      by side. Time is scaled to the total variance of the former over the
      collection.

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
    if needs_inputs(name) and collection.inputs is None:
        raise ValueError(
            f'the baseline {name!r} needs the inputs of all sequences, '
            'and the collection has none'
        )
    return collection.with_embeddings(BASELINES[name](collection))


def needs_inputs(name: str) -> bool:
    """Tell whether a baseline is made of the model's inputs.

    Args:
        name (str): Name of the baseline.

    Returns:
        bool: Whether it is.
    """
    return name.startswith(('raw', 'window'))


def why_left_out(collection: SequenceCollection, name: str) -> str:
    """Explain why the evaluation leaves out a baseline.

    Args:
        collection (SequenceCollection): All sequences, of all splits.
        name (str): Name of the baseline.

    Returns:
        str: The reason; '' if it does not.
    """
    if not needs_inputs(name):
        return ''
    if collection.inputs is None:
        return 'the inputs are not known'
    width = collection.inputs[0].shape[1] if len(collection) else 0
    if name.startswith('window') and width > WIDEST_WINDOW:
        return (
            f'a window of {width} values a frame is too wide (at most '
            f'{WIDEST_WINDOW})'
        )
    return ''


def _raw(collection):
    return collection.inputs


def _window(collection):
    windows = []
    for values in collection.inputs:
        frames = np.arange(len(values))[:, None] + WINDOW
        frames = frames.clip(0, len(values) - 1)
        windows.append(values[frames].reshape(len(values), -1))
    return windows


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


def _window_and_clock(collection):
    return _side_by_side(_window(collection), _clock(collection))


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
    'window': _window,
    'clock': _clock,
    'position': _position,
    'raw+clock': _raw_and_clock,
    'window+clock': _window_and_clock,
    'raw+model': _raw_and_model,
}
