class AnnotationError(ValueError):
    """An annotation file that cannot be used. The message names the file."""
