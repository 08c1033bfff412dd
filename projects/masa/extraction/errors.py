from ..support.broken_inputs import describe_problems


class ExtractionError(ValueError):
    """Something that the user can put right. The message says how.

    Args:
        message (str): What is wrong.
        problems (dict[str, str], optional): For an error of single
            sequences or inputs, why each cannot be used. Defaults to none:
            the error concerns all of them.

    Attributes:
        problems (dict[str, str]): By the id of the sequence, or by the path
            of an input that has none.
    """

    def __init__(self, message: str, problems: dict[str, str] | None = None):
        super().__init__(message)
        self.problems = dict(problems or {})

    @classmethod
    def of_sequences(cls, problems: dict[str, str]) -> 'ExtractionError':
        """Make the error of sequences that cannot be used, with reasons."""
        return cls(describe_problems(problems), problems)


class SequenceError(ExtractionError):
    """One sequence that cannot be used; others are not concerned.

    The message names the file or folder.
    """
