"""Messages about inputs that cannot be used, shared by all tools."""

import sys


def show_problems(problems: dict[str, str]) -> None:
    """Print to standard error which sequences cannot be used.

    Args:
        problems (dict[str, str]): Reasons by sequence id; prints nothing if
            empty.
    """
    if problems:
        print(describe_problems(problems), file=sys.stderr)


def show_broken(problems: dict[str, str]) -> None:
    """Print which sequences cannot be used and how to skip them.

    Args:
        problems (dict[str, str]): Reasons by sequence id.
    """
    show_problems(problems)
    print('--skip-broken leaves them out', file=sys.stderr)


def describe_problems(problems: dict[str, str]) -> str:
    """List the sequences that cannot be used.

    Args:
        problems (dict[str, str]): Reasons by sequence id; not empty.

    Returns:
        str: A heading and one line per sequence.
    """
    count = len(problems)
    lines = [f'{count} sequence{"s"[: count > 1]} cannot be used:']
    for name, problem in problems.items():
        lines.append(f'  {name}: {" ".join(problem.split())}')
    return '\n'.join(lines)
