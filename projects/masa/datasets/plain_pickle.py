"""Read pickles of arrays and plain containers without running code."""

import io
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar

import numpy as np

from .errors import AnnotationError

# Placeholder for numpy.ndarray, which must not be called: its constructor
# takes any bytes for object pointers.
_NDARRAY = object()


def _reconstruct(subtype: Any, shape: Any, typecode: Any) -> np.ndarray:
    if subtype is not _NDARRAY:
        raise pickle.UnpicklingError('it holds a subclass of numpy.ndarray')
    # Shape, type and values follow in the state.
    return np.ndarray((0,), dtype='b')


def _scalar(dtype: np.dtype, *value: Any) -> np.generic:
    if dtype.kind not in 'biufcSU':
        raise pickle.UnpicklingError(f'it holds a scalar of type {dtype}')
    return np.frombuffer(_latin1(*value), dtype=dtype, count=1)[0]


def _from_buffer(
    buffer: Any, dtype: np.dtype, shape: tuple, order: str
) -> np.ndarray:
    # Copied, as arrays on bytes are read-only.
    flat = np.frombuffer(buffer, dtype=dtype).copy()
    return flat.reshape(shape, order=order)


def _dtype(kind: str, align: bool = False, copy: bool = True) -> np.dtype:
    dtype = np.dtype(kind, align=align)
    if dtype.kind not in 'biufcSUO':
        raise pickle.UnpicklingError(f'it holds an array of type {dtype}')
    # Copied, so that the state does not change NumPy's own dtype.
    return np.dtype(dtype, copy=True)


def _from_values(kind: type) -> Callable:
    def make(*values: Any) -> Any:
        # bytes(n) and bytearray(n) would allocate n zeros.
        if values and isinstance(values[0], int):
            raise pickle.UnpicklingError(
                f'it asks for {kind.__name__} of {values[0]} zeros'
            )
        return kind(*values)

    return make


def _latin1(text: str | bytes, encoding: str = 'latin1') -> bytes:
    if encoding not in ('latin1', 'latin-1'):
        raise pickle.UnpicklingError(f'it asks for the codec {encoding!r}')
    return text.encode('latin1') if isinstance(text, str) else text


# NumPy 2 names its core numpy._core, older ones numpy.core.
_ADMITTED = {
    ('numpy', 'ndarray'): _NDARRAY,
    ('numpy', 'dtype'): _dtype,
    **{
        (f'numpy.{core}.{module}', name): stand_in
        for core in ('core', '_core')
        for module, name, stand_in in (
            ('multiarray', '_reconstruct', _reconstruct),
            ('multiarray', 'scalar', _scalar),
            ('numeric', '_frombuffer', _from_buffer),
        )
    },
    ('collections', 'OrderedDict'): OrderedDict,
    # Protocols below 3 write non-empty bytes with it.
    ('_codecs', 'encode'): _latin1,
    **{
        (module, kind.__name__): _from_values(kind)
        for module in ('builtins', '__builtin__')
        for kind in (set, frozenset, bytes, bytearray)
    },
    **{(module, 'complex'): complex for module in ('builtins', '__builtin__')},
}


class _PlainUnpickler(pickle._Unpickler):
    """Read arrays and plain containers; refuse anything else.

    Based on the unpickler in Python: the memo of the one in C is as long as
    the largest index in the file, so that a few damaged bytes allocate
    gigabytes. It also allows checking states, which NumPy trusts.
    """

    dispatch: ClassVar[dict] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file, admit: Mapping[tuple[str, str], Callable]):
        super().__init__(file)
        self.admitted = {**_ADMITTED, **admit}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.admitted:
            raise pickle.UnpicklingError(
                f'it refers to {module}.{name}; only NumPy arrays and plain '
                'containers are read, because anything else can run code'
            )
        return self.admitted[module, name]

    def load_build(self) -> None:
        target, state = self.stack[-2:]
        checks = {np.dtype: _is_state_of_dtype, np.ndarray: _is_array_state}
        for kind, is_right in checks.items():
            if isinstance(target, kind) and is_right(target, state):
                super().load_build()
                return
        raise pickle.UnpicklingError(
            f'it gives a {type(target).__name__} an impossible state'
        )

    dispatch[pickle.BUILD[0]] = load_build


def _is_state_of_dtype(dtype: np.dtype, state: Any) -> bool:
    """Return whether a state changes only the byte order."""
    if not isinstance(state, tuple) or len(state) != 8:
        return False
    _, order, subtype, names, fields, size, alignment, flags = state
    return (
        order in ('<', '>', '|', '=')
        and subtype is names is fields is None
        and size in (-1, dtype.itemsize)
        and alignment in (-1, dtype.alignment)
        and flags == dtype.flags
    )


def _is_array_state(array: np.ndarray, state: Any) -> bool:
    return (
        isinstance(state, tuple)
        and len(state) == 5
        and isinstance(state[1], tuple)
        and all(type(size) is int and size >= 0 for size in state[1])
        and isinstance(state[2], np.dtype)
    )


def load_plain_pickle(
    path: str | os.PathLike,
    admit: Mapping[tuple[str, str], Callable] | None = None,
) -> Any:
    """Read a pickle of NumPy arrays and plain containers.

    References to any other class or function are rejected.

    Args:
        path (str | os.PathLike): The file.
        admit (Mapping[tuple[str, str], Callable], optional): Replacements for
            further names (module, name) that the file may refer to. Defaults
            to none.

    Returns:
        Any: The contents.

    Raises:
        AnnotationError: If the file refers to anything else or is damaged.
        FileNotFoundError: If there is no such file.
    """
    with open(path, 'rb') as file:
        return _load(file, os.fspath(path), admit or {})


def read_plain_pickle(content: bytes, where: str) -> Any:
    """Read a pickle of arrays and containers that is part of a file.

    Args:
        content (bytes): The pickle.
        where (str): File and place, for messages.

    Returns:
        Any: The contents.

    Raises:
        AnnotationError: As :func:`load_plain_pickle`.
    """
    return _load(io.BytesIO(content), where, {})


def _load(
    file: BinaryIO, where: str, admit: Mapping[tuple[str, str], Callable]
) -> Any:
    try:
        return _PlainUnpickler(file, admit).load()
    except Exception as error:
        # A damaged pickle may raise nearly anything.
        raise AnnotationError(
            f'{where} cannot be read as a pickle of arrays: {error}'
        ) from error
