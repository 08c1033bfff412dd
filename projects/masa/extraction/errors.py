from ..support.broken_inputs import describe_problems


class ExtractionError(ValueError):
    """An error that the user can fix. The message says how.

    Args:
        message (str): What is wrong.
        problems (dict[str, str], optional): Why each sequence or input cannot
            be used. Defaults to none: the error concerns all of them.

    Attributes:
        problems (dict[str, str]): Reasons by sequence id, or by path for an
            input without an id.
    """

    def __init__(self, message: str, problems: dict[str, str] | None = None):
        super().__init__(message)
        self.problems = dict(problems or {})

    @classmethod
    def of_sequences(cls, problems: dict[str, str]) -> 'ExtractionError':
        """Make an error from the reasons why sequences cannot be used."""
        return cls(describe_problems(problems), problems)


class SequenceError(ExtractionError):
    """One sequence cannot be used; the others can.

    The message names the file or folder.
    """
