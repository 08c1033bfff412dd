from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ..support.files import atomic_path


@register_backend('atomic')
class AtomicLocalBackend(LocalBackend):
    """A ``LocalBackend`` that writes files atomically.

    Selected by ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; see :func:`masa.support.files.atomic_path`."""
        with atomic_path(filepath) as temporary:
            temporary.write_bytes(obj)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write text; see :func:`masa.support.files.atomic_path`."""
        with atomic_path(filepath) as temporary:
            temporary.write_text(obj, encoding=encoding)
