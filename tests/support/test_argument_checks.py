import numpy as np
import pytest

from masa.support.argument_checks import (
    check_above_zero,
    check_choice,
    check_not_negative,
    check_one_or_more,
    check_range,
)

NAN = float('nan')


@pytest.mark.parametrize(
    ('check', 'least'),
    [
        (check_above_zero, 5e-324),
        (check_not_negative, 0),
        (check_one_or_more, 1),
    ],
)
def test_limits_pass(check, least):
    check()
    check(first=least, second=float('inf'))


@pytest.mark.parametrize(
    ('check', 'wrong', 'expected'),
    [
        (check_above_zero, 0, 'above 0'),
        (check_above_zero, -1, 'above 0'),
        (check_above_zero, NAN, 'above 0'),
        (check_not_negative, -5e-324, '0 or more'),
        (check_not_negative, NAN, '0 or more'),
        (check_one_or_more, 0, '1 or more'),
        (check_one_or_more, 0.999, '1 or more'),
        (check_one_or_more, NAN, '1 or more'),
    ],
)
def test_the_first_wrong_argument_is_named(check, wrong, expected):
    message = f'^second is expected to be {expected}, but got {wrong}$'
    with pytest.raises(ValueError, match=message):
        check(first=1, second=wrong, third=-2)


@pytest.mark.parametrize('value', [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_values_of_an_interval_pass(value):
    check_range('share', value, 0, 1)


@pytest.mark.parametrize('value', [-1, 2, NAN, float('inf'), True, '1', None])
def test_other_values_are_named(value):
    with pytest.raises(ValueError, match=r'^share .*\[0, 1\]'):
        check_range('share', value, 0, 1)


def test_bounds_may_be_excluded():
    for value, bound in ((0, 'open_low'), (1, 'open_high')):
        check_range('share', value, 0, 1)
        with pytest.raises(ValueError, match='share'):
            check_range('share', value, 0, 1, **{bound: True})


def test_choices():
    check_choice('mode', 'a', ('a', None))
    check_choice('mode', None, ('a', None))
    with pytest.raises(ValueError, match=r"^mode .*'b'$"):
        check_choice('mode', 'b', ('a', None))
