"""The optional parts of an installation."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra of this package.

    Args:
        extra (str): Its name in ``pyproject.toml``, or several with commas.

    Returns:
        str: The command.
    """
    return f"pip install 'masa-mmaction2[{extra}]'"


def explain_missing(what: str, extra: str, error: ImportError) -> ImportError:
    """Make an error of a missing package say how it is installed.

    Args:
        what (str): What needs the package.
        extra (str): The extra that brings it.
        error (ImportError): The error of its import.

    Returns:
        ImportError: To be raised from ``error``.
    """
    return ImportError(
        f'{what} needs the extra "{extra}": {how_to_install(extra)} ({error})',
        name=error.name,
    )
