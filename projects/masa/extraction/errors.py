class ExtractionError(ValueError):
    """Something that the user can put right. The message says how."""


class SequenceError(ExtractionError):
    """One sequence that cannot be used; others are not concerned.

    The message names the file or folder.
    """
