class ArchiveError(ValueError):
    """An archive cannot be used as asked for."""


class RefusedSequenceError(ArchiveError):
    """A sequence cannot be archived as it is; others can."""
