class NonFiniteError(RuntimeError):
    """Training stopped at a loss or gradient that is infinite or NaN."""
