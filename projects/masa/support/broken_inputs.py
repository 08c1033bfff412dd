"""Inputs that cannot be used: one wording for all tools."""

import sys


def show_problems(problems: dict[str, str]) -> None:
    """Print which sequences cannot be used, to standard error.

    Args:
        problems (dict[str, str]): Why, by sequence id. If there are none,
            nothing is printed.
    """
    if problems:
        print(describe_problems(problems), file=sys.stderr)


def show_broken(problems: dict[str, str]) -> None:
    """Print what keeps a tool from going on, and how to go on.

    Args:
        problems (dict[str, str]): Why sequences cannot be used.
    """
    show_problems(problems)
    print('--skip-broken leaves them out', file=sys.stderr)


def describe_problems(problems: dict[str, str]) -> str:
    """List the sequences that cannot be used.

    Args:
        problems (dict[str, str]): Why, by sequence; one at least.

    Returns:
        str: A heading, and a line for each.
    """
    count = len(problems)
    lines = [f'{count} sequence{"s"[: count > 1]} cannot be used:']
    for name, problem in problems.items():
        lines.append(f'  {name}: {" ".join(problem.split())}')
    return '\n'.join(lines)
