"""Read checkpoints without running code, and check them."""

import hashlib
import json
import re
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from .extras import explain_missing
from .files import atomic_path
from .wording import listed

# In the metadata of .safetensors files, which have no checksums themselves.
_DIGEST = 'sha256'


class CheckpointError(ValueError):
    """A checkpoint cannot be used. The message names the file and a fix."""


def read_checkpoint(
    path: str | Path, unsafe: bool = False, map_location: Any = 'cpu'
) -> dict[str, Any]:
    """Read a checkpoint after verifying its checksums.

    PyTorch does not verify them and would load damaged weights. A file of
    :func:`save_weights` (``.safetensors``) holds weights alone, which cannot
    be code.

    Args:
        path (str or Path): The file.
        unsafe (bool): Whether the file may contain arbitrary objects, and thus
            run code. Defaults to False.
        map_location (Any): See ``torch.load``. Defaults to the CPU.

    Returns:
        dict: What ``Runner.save_checkpoint`` wrote, or weights by name.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it is damaged or contains code or no weights.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'there is no checkpoint {path}')
    if path.suffix.lower() == '.safetensors':
        return _read_weights(path)
    whole = _compare_checksums(path)
    try:
        checkpoint = torch.load(
            path, map_location=map_location, weights_only=not unsafe
        )
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise
    # A damaged pickle may raise nearly anything.
    except Exception as error:
        if unsafe or not isinstance(error, UnpicklingError):
            raise _damaged(path, error) from error
        raise CheckpointError(
            f'{path} {"" if whole else "is damaged, or "}holds more than '
            'tensors and plain values, which could run code; nothing of it '
            'was run. Take another one, or, if you trust whoever made it, '
            'give --unsafe-load'
        ) from error
    weights_of(checkpoint, path)
    return checkpoint


def save_weights(
    weights: Mapping[str, Tensor], path: str | Path, metadata: dict[str, str]
) -> None:
    """Write weights as ``.safetensors``, atomically.

    Args:
        weights (Mapping[str, Tensor]): Weights by name.
        path (str or Path): The file.
        metadata (dict[str, str]): What else it says. ``skeleton`` is the
            layout of the joints, as JSON.

    Raises:
        ImportError: If the package ``safetensors`` is not installed.
    """
    safetensors = _safetensors()
    weights = {
        name: value.detach().cpu().contiguous()
        for name, value in weights.items()
    }
    with atomic_path(path) as temporary:
        # Its save_file makes files that only their owner can read.
        temporary.write_bytes(
            safetensors.torch.save(
                weights, metadata | {_DIGEST: _digest_of(weights)}
            )
        )


def _read_weights(path: Path) -> dict[str, Any]:
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            names = file.keys()
            weights = {name: file.get_tensor(name) for name in names}
        skeleton = json.loads(metadata.get('skeleton', 'null'))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if metadata.get(_DIGEST, '') not in ('', _digest_of(weights)):
        raise _damaged(path, 'the checksum of the weights is another')
    weights_of(weights, path)
    return dict(
        state_dict=weights, meta=dict(dataset_meta=dict(skeleton=skeleton))
    )


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ModuleNotFoundError as error:
        raise explain_missing('.safetensors', 'train', error) from error
    return safetensors


def _digest_of(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name]
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _compare_checksums(path: Path) -> bool:
    """Verify the checksums of a file; return False if it has none.

    Only ZIP archives, PyTorch's format since 1.6, have checksums.
    """
    if not path.stat().st_size:
        raise _damaged(path, 'it is empty')
    with open(path, 'rb') as file:
        begins_as_archive = file.read(2) == b'PK'
    if not begins_as_archive and not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
        # For damaged headers.
        *(NotImplementedError, RuntimeError, ValueError),
    ) as error:
        raise _damaged(path, error) from error
    if damaged is not None:
        raise _damaged(path, f'the checksum of {damaged} is another')
    return True


def _damaged(path: Path, reason: Exception | str) -> CheckpointError:
    others = sorted(
        one.name
        for one in path.parent.glob(f'*{path.suffix}')
        if one.name != path.name
    )
    beside = f' (beside it: {", ".join(others)})' if others else ''
    return CheckpointError(
        f'{path} is damaged or no checkpoint: {_first_line(reason)}. Take '
        f'another one{beside}, or copy it again'
    )


def _first_line(reason: Exception | str) -> str:
    lines = str(reason).strip().splitlines()
    return lines[0].rstrip('.') if lines else type(reason).__name__


def weights_of(
    checkpoint: Any,
    path: str | Path,
    revise_keys: Sequence[tuple[str, str]] = (),
) -> dict[str, Tensor]:
    """Return the weights of a checkpoint.

    Args:
        checkpoint (Any): Contents of the file.
        path (str or Path): The file, for messages.
        revise_keys (Sequence[tuple[str, str]]): Regular expressions in names
            and their replacements.

    Returns:
        dict[str, Tensor]: Weights by name, without a leading ``module.``.

    Raises:
        CheckpointError: If it contains none.
    """
    weights = checkpoint
    if isinstance(checkpoint, Mapping):
        weights = checkpoint.get('state_dict', checkpoint)
    if (
        not isinstance(weights, Mapping)
        or not weights
        or not all(
            isinstance(key, str) and isinstance(value, Tensor)
            for key, value in weights.items()
        )
    ):
        raise CheckpointError(
            f'{path} is expected to hold weights by name, itself or as '
            "'state_dict', and does not: take a checkpoint of a training"
        )
    named = OrderedDict()
    for key, value in weights.items():
        for pattern, replacement in ((r'^module\.', ''), *revise_keys):
            key = re.sub(pattern, replacement, key)
        named[key] = value
    # PyTorch reads the versions of the layers from it.
    named._metadata = getattr(weights, '_metadata', None)
    return named


def check_fit(
    weights: Mapping[str, Tensor],
    model: nn.Module,
    path: str | Path,
    partial: bool = False,
) -> tuple[dict[str, Tensor], str]:
    """Check that weights match a model.

    Args:
        weights (Mapping[str, Tensor]): Weights by name.
        model (nn.Module): The model.
        path (str or Path): The file of the weights, for messages.
        partial (bool): Whether one matching weight suffices. Defaults to
            False.

    Returns:
        tuple[dict[str, Tensor], str]: Those that match and, with
        ``partial``, which do not; empty if all do.

    Raises:
        CheckpointError: If a weight is missing, unknown or of another shape;
            with ``partial``, if none matches.
    """
    expected = model.state_dict()
    missing = [key for key in expected if key not in weights]
    unexpected = [key for key in weights if key not in expected]
    other_shape = [
        f'{key} {tuple(weights[key].shape)}, expected {tuple(value.shape)}'
        for key, value in expected.items()
        if key in weights and weights[key].shape != value.shape
    ]
    fitting = {
        key: value
        for key, value in weights.items()
        if key in expected and value.shape == expected[key].shape
    }
    problems = '; '.join(
        f'{kind}: {listed(names)}'
        for kind, names in (
            ('missing', missing),
            ('not in the model', unexpected),
            ('of another shape', other_shape),
        )
        if names
    )
    if not problems or (partial and fitting):
        return fitting, problems
    raise CheckpointError(
        f'{path} is not of this config ({problems}). Give the '
        'config that it was trained with, or another checkpoint. To begin a '
        'training from what fits: masa train --load-from FILE '
        '--load-partial'
    )
