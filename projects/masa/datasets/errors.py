from collections.abc import Sequence


class AnnotationError(ValueError):
    """An annotation file cannot be used. The message names the file.

    Args:
        message (str): What is wrong.
        problems (Sequence[Problem]): All problems found; the message may show
            only the first ones. Defaults to none.
    """

    def __init__(self, message: str, problems: Sequence = ()):
        super().__init__(message)
        self.problems = list(problems)


def refuse_problems(
    heading: str, problems: Sequence, most: int | None = None, note: str = ''
) -> None:
    """Raise AnnotationError with a list of problems, if there are any.

    Args:
        heading (str): First line of the message.
        problems (Sequence[Problem]): The problems.
        most (int, optional): Number of problems to list. Defaults to all.
        note (str): Last line of the message. Defaults to none.
    """
    if problems:
        lines = [f'{heading}:', *map(str, problems[:most])]
        if len(lines) <= len(problems):
            lines.append(f'and {len(problems) - len(lines) + 1} more')
        text = '\n  '.join(lines)
        raise AnnotationError(f'{text}\n{note}'.rstrip(), problems)
