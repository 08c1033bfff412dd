from collections.abc import Sequence


class AnnotationError(ValueError):
    """An annotation file that cannot be used. The message names the file.

    Args:
        message (str): What is wrong.
        problems (Sequence[Problem]): All that checks have found, of which the
            message may show the first. Defaults to none.
    """

    def __init__(self, message: str, problems: Sequence = ()):
        super().__init__(message)
        self.problems = list(problems)


def refuse_problems(
    heading: str, problems: Sequence, most: int | None = None, note: str = ''
) -> None:
    """Raise an AnnotationError that lists problems, if there are any.

    Args:
        heading (str): What has them.
        problems (Sequence[Problem]): The problems.
        most (int, optional): How many to list. Defaults to all.
        note (str): What to say after them. Defaults to nothing.
    """
    if problems:
        lines = [f'{heading}:', *map(str, problems[:most])]
        if len(lines) <= len(problems):
            lines.append(f'and {len(problems) - len(lines) + 1} more')
        text = '\n  '.join(lines)
        raise AnnotationError(f'{text}\n{note}'.rstrip(), problems)
