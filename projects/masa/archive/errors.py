class ArchiveError(ValueError):
    """An archive cannot be used as asked for."""


class NameTakenError(ArchiveError):
    """A sequence of another source has the name."""
