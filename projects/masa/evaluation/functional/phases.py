from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from ...embeddings.checks import check_frame_values, check_sequences
from ...support.argument_checks import check_range
from .classifiers import fit_predict


def phase_classification_accuracy(
    train_embeddings: Sequence[np.ndarray],
    train_phases: Sequence[np.ndarray],
    val_embeddings: Sequence[np.ndarray],
    val_phases: Sequence[np.ndarray],
    fraction: float = 1.0,
    estimator: str = 'logistic',
) -> float:
    """Compute the accuracy of a classifier of the phase of single frames.

    The classifier is fitted on the frames of the first
    ``max(1, int(fraction * N))`` of the N training sequences, in their order
    (TCC, CASA, CARL). Frames of unknown phase are left out.

    Args:
        train_embeddings (Sequence[np.ndarray]): Training sequences of one
            activity, arrays of shape (T_i, D).
        train_phases (Sequence[np.ndarray]): Phase of every frame, integer
            arrays of shape (T_i,), negative where unknown.
        val_embeddings (Sequence[np.ndarray]): Evaluated sequences.
        val_phases (Sequence[np.ndarray]): Their phases.
        fraction (float): Share of the training sequences, in (0, 1].
        estimator (str): 'logistic' or 'svc'.

    Returns:
        float: Accuracy over frames, in [0, 1]; NaN if either side has no
        frame of known phase.

    Raises:
        ValueError: If an argument is out of its range, shapes do not agree
            or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation import functional as F
        >>> frames, phases = [np.arange(6)[:, None]], [np.repeat([0, 1], 3)]
        >>> moved = [frames[0] + 1]
        >>> F.phase_classification_accuracy(frames, phases, moved, phases)
        0.833
    """
    check_range('fraction', fraction, 0, 1, open_low=True)
    count = max(1, int(fraction * len(train_embeddings)))
    train, labels = _labelled_frames(
        train_embeddings[:count], train_phases[:count]
    )
    val, truth = _labelled_frames(val_embeddings, val_phases)
    if not (len(labels) and len(truth)):
        return np.nan
    predicted = fit_predict(estimator, train, labels, val)
    return float((predicted == truth).mean())


def predict_phases(
    train_embeddings: Sequence[np.ndarray],
    train_phases: Sequence[np.ndarray],
    val_embeddings: Sequence[np.ndarray],
    estimator: str = 'logistic',
) -> list[np.ndarray]:
    """Classify the phase of single frames.

    Args:
        train_embeddings (Sequence[np.ndarray]): Training sequences of one
            activity, arrays of shape (T_i, D).
        train_phases (Sequence[np.ndarray]): Phase of every frame, integer
            arrays of shape (T_i,), negative where unknown.
        val_embeddings (Sequence[np.ndarray]): Sequences to classify.
        estimator (str): 'logistic' or 'svc'.

    Returns:
        list[np.ndarray]: Predicted phases, (T_i,) each.

    Raises:
        ValueError: If no training frame's phase is known, shapes do not
            agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import predict_phases
        >>> frames, phases = [np.arange(6)[:, None]], [np.repeat([0, 1], 3)]
        >>> predict_phases(frames, phases, [np.array([[1], [4]])])[0].tolist()
        [0, 1]
    """
    train, labels = _labelled_frames(train_embeddings, train_phases)
    val = check_sequences(val_embeddings, 'val_embeddings')
    if not (len(labels) and val):
        raise ValueError(
            'training frames of known phase and sequences to classify are '
            f'expected, but got {len(labels)} and {len(val)}'
        )
    predicted = fit_predict(estimator, train, labels, np.concatenate(val))
    return np.split(predicted, np.cumsum([len(s) for s in val])[:-1])


def _labelled_frames(embeddings, phases):
    sequences = check_sequences(embeddings)
    phases = check_frame_values(phases, sequences)
    if not sequences:
        return np.empty((0, 0)), np.empty(0)
    phases = np.concatenate(phases)
    return np.concatenate(sequences)[phases >= 0], phases[phases >= 0]


def phase_progress_targets(phases: np.ndarray, num_phases: int) -> np.ndarray:
    """Compute the signed distance of every frame from every key event.

    The target of frame t for the event that ends phase i is (t - t_i) / T,
    with t_i the last frame of phase i (TCC, CASA, CARL). A phase that does
    not occur ends where the phases before it end, or before the first frame
    (t_i = -1).

    Args:
        phases (np.ndarray): Phase of every frame, (T,) integers in
            [0, num_phases), negative where unknown.
        num_phases (int): Number of phases of the activity, P >= 1.

    Returns:
        np.ndarray: Targets in (-1, 1], (T, P - 1) float64.

    Raises:
        ValueError: If a phase is not below ``num_phases``.

    Example:
        >>> from masa.evaluation.functional import phase_progress_targets
        >>> phase_progress_targets([0, 0, 1, 1], num_phases=2).ravel().tolist()
        [-0.25, 0.0, 0.25, 0.5]
    """
    phases = np.asarray(phases)
    if phases.max() >= num_phases:
        raise ValueError(
            f'phases are expected to be below num_phases={num_phases}, '
            f'but got {phases.max()}'
        )
    times = np.arange(len(phases))
    ends = np.full(num_phases, -1)
    np.maximum.at(ends, phases[phases >= 0], times[phases >= 0])
    for phase in range(1, num_phases):
        if ends[phase] < 0:
            ends[phase] = ends[:phase].max()
    return (times[:, None] - ends[:-1]) / len(phases)


def phase_progress_r2(
    train_embeddings: Sequence[np.ndarray],
    train_phases: Sequence[np.ndarray],
    val_embeddings: Sequence[np.ndarray],
    val_phases: Sequence[np.ndarray],
    num_phases: int | None = None,
) -> float:
    """Compute R^2 of a regression of the distance from every key event.

    Ordinary least squares predicts :func:`phase_progress_targets` from
    single frames. R^2 is computed over the evaluated frames and averaged
    over events. Sequences without a frame of known phase are left out.

    Args:
        train_embeddings (Sequence[np.ndarray]): Training sequences of one
            activity, arrays of shape (T_i, D).
        train_phases (Sequence[np.ndarray]): Phase of every frame, integer
            arrays of shape (T_i,), negative where unknown.
        val_embeddings (Sequence[np.ndarray]): Evaluated sequences.
        val_phases (Sequence[np.ndarray]): Their phases.
        num_phases (int, optional): Number of phases of the activity; by
            default one more than the largest that occurs.

    Returns:
        float: R^2, at most 1, without a lower bound; NaN if the activity has
        no key event, or one side no sequence with phases.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import phase_progress_r2
        >>> frames, phases = [np.arange(6)[:, None]], [np.repeat([0, 1], 3)]
        >>> noisy = [frames[0] + np.array([[0], [1], [0], [1], [0], [1]])]
        >>> phase_progress_r2(frames, phases, noisy, phases)
        0.829
    """
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    train = _known(train_embeddings, train_phases)
    val = _known(val_embeddings, val_phases)
    if not (train and val):
        return np.nan
    if num_phases is None:
        num_phases = 1 + max(int(p.max()) for _, p in train + val)
    if num_phases < 2:
        return np.nan
    (inputs, targets), (queries, truth) = (
        (
            np.concatenate([sequence for sequence, _ in part]),
            np.concatenate(
                [phase_progress_targets(p, num_phases) for _, p in part]
            ),
        )
        for part in (train, val)
    )
    if len(truth) < 2:
        return np.nan
    # In float64, as R^2 near 1 is a small difference. On one thread, as in
    # fit_predict.
    with threadpool_limits(limits=1, user_api='blas'):
        model = LinearRegression().fit(inputs.astype(np.float64), targets)
        predicted = model.predict(queries.astype(np.float64))
    return float(r2_score(truth, predicted))


def _known(embeddings, phases):
    sequences = check_sequences(embeddings)
    phases = check_frame_values(phases, sequences)
    return [
        (sequence, phase)
        for sequence, phase in zip(sequences, phases, strict=True)
        if (phase >= 0).any()
    ]
