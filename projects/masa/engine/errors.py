class NonFiniteError(RuntimeError):
    """The loss or the gradient of a training is infinite or NaN."""
