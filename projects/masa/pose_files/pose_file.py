from functools import cached_property
from pathlib import Path
from typing import Any

from ..datasets.text_files import read_json

# Bytes that are enough to recognize a format.
_HEAD = 4096


class PoseFile:
    """A file whose content is read when it is first asked for.

    Args:
        path (Path): The file.
        body_model (Path, optional): The user's file of the body model whose
            rotations the file may hold. Defaults to none.

    Attributes:
        path (Path): The file.
        suffix (str): Its ending in lower case, such as ``.json``.
        body_model (Path | None): The file of the body model.
    """

    def __init__(self, path: Path, body_model: Path | None = None):
        self.path = path
        self.body_model = body_model
        self.suffix = path.suffix.lower()

    @cached_property
    def head(self) -> bytes:
        """The first 4,096 bytes; raises OSError if it cannot be opened."""
        with open(self.path, 'rb') as file:
            return file.read(_HEAD)

    @cached_property
    def json(self) -> Any:
        """The content of a JSON file; raises AnnotationError if it is none."""
        return read_json(self.path)
