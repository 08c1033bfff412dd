from itertools import product

import compare
import numpy as np
import pytest


def test_auc_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    negative, positive = rng.integers(0, 5, 7), rng.integers(1, 6, 9)
    pairs = [(a < b) + 0.5 * (a == b) for a, b in product(negative, positive)]
    assert compare.auc(negative, positive) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize('others', [range(1, 9), [1, 2, 3]])
def test_what_is_judged_is_no_reference(others):
    names = {
        compare.key(kind, 1, person, repetition)
        for kind in ('correct', 'incorrect')
        for person in range(1, 9)
        for repetition in range(1, 11)
    } - {'incorrect/m01_s02_e04'}
    kinds = []
    for kind, references, correct, incorrect in compare.trials(
        names, 1, 2, others, 3
    ):
        kinds.append(kind)
        assert len(set(references)) == (1 if 'one' in kind else 5)
        assert not {*references} & {*correct, *incorrect}
        assert len(incorrect) == 9
        assert all('s02' in name for name in (*correct, *incorrect))
        people = {name[12:15] for name in references}
        if 'own' in kind:
            assert people == {'s02'}
        else:
            assert 's02' not in people
            assert people <= {f's{one:02d}' for one in others}
    assert kinds == ['others', 'own', 'one of others', 'one of own'] * 3


def test_within_and_across():
    """Each person's repetitions are told apart, all together are not."""

    def side(*scores):
        return [(dict(score=one), False) for one in scores]

    judged = {
        (1, 0, 5): [side(0, 1), side(2, 3)],
        (1, 0, 6): [side(10, 11), side(12, 13)],
    }
    table = compare.tabulate({'own': judged})
    assert table['own']['score']['within'] == [1]
    assert table['own']['score']['across'] == [0.75]
    levels = compare.describe(judged)
    assert levels['median'] == [5.5, 7.5]
    assert levels['above'] == [0.5, 1]
