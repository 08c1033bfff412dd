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


def show_broken(problems: dict[str, str], others: bool = True) -> None:
    """Print which sequences cannot be used and how to skip them.

    Args:
        problems (dict[str, str]): Reasons by sequence id.
        others (bool): Whether there are sequences that can be used. Without
            them, skipping leaves nothing and is not offered. Defaults to
            True.
    """
    show_problems(problems)
    if others:
        print('--skip-broken leaves them out', file=sys.stderr)


def describe_problems(problems: dict[str, str]) -> str:
    """List the sequences that cannot be used.

    Args:
        problems (dict[str, str]): Reasons by sequence id; not empty.

    Returns:
        str: A heading and one line per reason, with the sequences that it
        holds for.
    """
    count = len(problems)
    names_of: dict[str, list[str]] = {}
    for name, problem in problems.items():
        reason = ' '.join(problem.split())
        # Some begin with the name that the line has already.
        for start in f'{name}: ', f'{name} ', f'sequence {name!r} ':
            reason = reason.removeprefix(start)
        names_of.setdefault(reason, []).append(name)
    lines = [f'{count} sequence{"s"[: count > 1]} cannot be used:']
    for reason, names in names_of.items():
        lines.append(f'  {", ".join(names)}: {reason}')
    return '\n'.join(lines)
