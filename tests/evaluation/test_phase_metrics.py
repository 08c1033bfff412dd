import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

from masa.evaluation import functional as F


def data(rng, count, width=5):
    embeddings, phases = [], []
    for _ in range(count):
        length = rng.integers(6, 15)
        phases.append(np.sort(rng.integers(0, 3, length)))
        embeddings.append(
            np.eye(width)[phases[-1]] + 0.6 * rng.normal(size=(length, width))
        )
    return embeddings, phases


@pytest.mark.parametrize('fraction', [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize('estimator', ['logistic', 'svc'])
def test_classification_is_that_of_scikit_learn(fraction, estimator):
    rng = np.random.default_rng(0)
    train, val = data(rng, 11), data(rng, 7)
    count = {0.1: 1, 0.3: 3, 0.5: 5, 1.0: 11}[fraction]
    model = {
        'logistic': LogisticRegression(max_iter=100000, solver='lbfgs'),
        'svc': SVC(),
    }[estimator]
    model.fit(
        np.concatenate(train[0][:count]), np.concatenate(train[1][:count])
    )
    expected = model.score(np.concatenate(val[0]), np.concatenate(val[1]))
    accuracy = F.phase_classification_accuracy(
        *train, *val, fraction, estimator
    )
    assert accuracy == pytest.approx(expected, abs=1e-12)


def test_a_class_missing_from_the_fraction_is_never_predicted():
    embedding = np.array([[0.0], [1.0], [2.0]] * 3)
    two, three = np.array([0, 1, 1] * 3), np.array([0, 1, 2] * 3)
    accuracy = F.phase_classification_accuracy(
        [embedding, embedding], [two, three], [embedding], [three], 0.5
    )
    assert accuracy == pytest.approx(2 / 3)
    one = np.zeros(9, int)
    accuracy = F.phase_classification_accuracy(
        [embedding], [one], [embedding], [three]
    )
    assert accuracy == pytest.approx(1 / 3)


def test_frames_of_unknown_phase_are_left_out():
    rng = np.random.default_rng(0)
    train, val = data(rng, 6), data(rng, 4)
    expected = F.phase_classification_accuracy(*train, *val)
    for embeddings, phases in (train, val):
        embeddings[0] = np.concatenate([embeddings[0], 9 * np.ones((3, 5))])
        phases[0] = np.append(phases[0], [-1, -1, -1])
    assert F.phase_classification_accuracy(*train, *val) == expected
    nothing = [np.full(len(p), -1) for p in val[1]]
    assert np.isnan(F.phase_classification_accuracy(*train, val[0], nothing))
    assert np.isnan(F.phase_classification_accuracy([], [], *val))


def test_a_constant_embedding_gets_the_commonest_phase():
    rng = np.random.default_rng(0)
    train, val = data(rng, 6), data(rng, 6)
    flat = [[np.ones((len(p), 3)) for p in part[1]] for part in (train, val)]
    accuracy = F.phase_classification_accuracy(
        flat[0], train[1], flat[1], val[1]
    )
    shares = np.bincount(np.concatenate(val[1])) / sum(map(len, val[1]))
    assert accuracy in shares
    r2 = F.phase_progress_r2(flat[0], train[1], flat[1], val[1])
    assert r2 <= 0


def loop_targets(phases, num_phases):
    targets = []
    for t in range(len(phases)):
        row = []
        for event in range(num_phases - 1):
            last = max(i for i, phase in enumerate(phases) if phase == event)
            row.append((t - last) / len(phases))
        targets.append(row)
    return np.array(targets)


def test_progress_targets_equal_the_loop():
    phases = np.array([0, 0, 1, 1, 1, 2, 3, 3])
    np.testing.assert_allclose(
        F.phase_progress_targets(phases, 4), loop_targets(phases, 4)
    )
    assert F.phase_progress_targets(phases, 4)[4, 1] == 0


def test_progress_targets_of_missing_phases():
    # Phase 1 does not occur: it ends where phase 0 does.
    targets = F.phase_progress_targets(np.array([0, 0, 2, 2]), 3)
    np.testing.assert_array_equal(targets[:, 0], targets[:, 1])
    np.testing.assert_array_equal(targets[:, 0], [-0.25, 0, 0.25, 0.5])
    # The first event lies before the sequence, the last not yet within it.
    targets = F.phase_progress_targets(np.array([1, 1]), 3)
    np.testing.assert_array_equal(targets, [[0.5, -0.5], [1, 0]])
    assert F.phase_progress_targets(np.zeros(3, int), 1).shape == (3, 0)
    with pytest.raises(ValueError, match='num_phases=2'):
        F.phase_progress_targets(np.array([0, 2]), 2)


def test_progress_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    train, val = data(rng, 9), data(rng, 5)
    for part in (train, val):
        # The loop wants every phase.
        for phase in part[1]:
            phase[:] = np.sort(np.r_[0, 1, 2, phase[3:]])
    model = LinearRegression().fit(
        np.concatenate(train[0]),
        np.concatenate([loop_targets(p, 3) for p in train[1]]),
    )
    truth = np.concatenate([loop_targets(p, 3) for p in val[1]])
    error = (model.predict(np.concatenate(val[0])) - truth) ** 2
    spread = (truth - truth.mean(axis=0)) ** 2
    expected = (1 - error.sum(axis=0) / spread.sum(axis=0)).mean()
    r2 = F.phase_progress_r2(*train, *val)
    assert r2 == pytest.approx(expected, abs=1e-10)


def test_progress_needs_an_event_and_two_sides():
    frames = [np.arange(4.0)[:, None]]
    two, one = [np.array([0, 0, 1, 1])], [np.zeros(4, int)]
    assert F.phase_progress_r2(frames, two, frames, two) == pytest.approx(1)
    assert np.isnan(F.phase_progress_r2(frames, one, frames, one))
    assert np.isnan(F.phase_progress_r2([], [], frames, two))
    unknown = [np.full(4, -1)]
    assert np.isnan(F.phase_progress_r2(frames, two, frames, unknown))


def test_bad_arguments_raise():
    frames, phases = [np.arange(4.0)[:, None]], [np.array([0, 0, 1, 1])]
    for fraction in (0, 1.5):
        with pytest.raises(ValueError, match='fraction'):
            F.phase_classification_accuracy(
                frames, phases, frames, phases, fraction
            )
    with pytest.raises(ValueError, match=r"'logistic', 'svc'.*'forest'"):
        F.phase_classification_accuracy(
            frames, phases, frames, phases, estimator='forest'
        )
