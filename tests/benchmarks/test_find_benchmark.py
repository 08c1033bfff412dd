import find
import numpy as np
import pytest


def repetitions():
    """Ten repetitions of every exercise and subject, told apart by a joint."""
    made = {}
    for exercise in find.EXERCISES:
        for number, subject in enumerate(find.SUBJECTS['choice']):
            pool = []
            for i in range(10):
                joints = np.random.default_rng(i).normal(size=(30, 13, 3))
                joints[:, 0] = exercise, number, i
                pool.append(joints)
            made[exercise, subject] = pool
    return made


@pytest.mark.parametrize('seed', range(8))
def test_the_truth_is_where_the_exercise_is(seed):
    rng = np.random.default_rng(seed)
    others = [np.zeros((300, 13, 3))]
    subjects = find.SUBJECTS['choice']
    task = find.draw_recording(repetitions(), others, subjects, seed, rng)
    marks = {
        kind: [one[0, 0] for one in found]
        for kind, found in task.references.items()
    }
    (own,) = marks['one, own']
    exercise, person, _ = own
    assert person == seed % 4
    assert all(
        one[0] == exercise and one[1] != person
        for one in marks['three, of others']
    )
    assert len(task.truth) in (0, 2, 3, 4, 5)
    for start, end in task.truth:
        assert end - start == 30
        # Moved in x and z to where everything begins, the height stays.
        assert task.joints[start, 0, 1] == person
    # The reference is no repetition of the recording.
    plain = repetitions()[int(exercise), subjects[int(person)]][int(own[2])]
    heights = [task.joints[start:end, 1:, 1] for start, end in task.truth]
    assert not any(np.array_equal(one, plain[:, 1:, 1]) for one in heights)


def test_figures_by_hand():
    results = [
        # One right, one missed, one at a wrong place.
        ([(0, 10), (50, 60)], [(2, 11), (20, 30)]),
        ([], []),
        ([(5, 9)], []),
    ]
    f1, exact, alarms = find.judge(results)
    assert f1 == pytest.approx(100 * 2 / (2 + 2 + 1))
    assert exact == pytest.approx(100 * 2 / 3)
    assert alarms == 50


def test_errors_of_ends_by_hand():
    results = [
        ([(0, 10), (50, 60)], [(2, 11), (20, 30)]),
        ([(100, 200)], [(90, 206)]),
    ]
    start, end = find.errors_of_ends(results)
    assert start == pytest.approx((2 + 10) / 2 / find.RATE)
    assert end == pytest.approx((1 + 6) / 2 / find.RATE)
    assert np.isnan(find.errors_of_ends([([], [(0, 5)])])).all()


def test_half_of_the_union_is_right():
    assert find.is_right((0, 10), (0, 5))
    assert not find.is_right((0, 10), (0, 4))
    assert not find.is_right((0, 10), (10, 20))
