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
