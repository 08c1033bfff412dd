import pytest

from masa.support.argument_checks import (
    check_above_zero,
    check_not_negative,
    check_one_or_more,
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
