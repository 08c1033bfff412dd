"""Fuzz the reading of annotation and feature files.

A damaged file must be rejected with an error that names it, or be whole enough
that sequences come out of it. Anything else, such as another exception or a
sequence with numbers that are not finite, is a failure.
"""

import argparse
import copy
import json
import pickle
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from masa.datasets import AnnotationError, SequenceDataset, save_annotations

# What the tests break case by case.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tests'))
from valid_annotations import (
    PIPELINE,
    make_valid,
    write_features,
)

FORMATS = ('.pkl', '.npz', '.json', '.npy')
REJECTED, ACCEPTED = 'rejected with a named error', 'accepted and usable'
# What a value may become.
ODD_VALUES: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 0,
    lambda: 2**31,
    lambda: 2**64,
    lambda: 0.5,
    lambda: float('nan'),
    lambda: float('inf'),
    lambda: 1e300,
    lambda: '',
    lambda: 'x',
    lambda: '\ud800',
    lambda: [],
    lambda: {},
    lambda: [[]],
    lambda: [[1], [2, 3]],
    lambda: ['a', 'a'],
    lambda: [0, 0],
    lambda: {'a': 1},
)
ODD_ARRAYS: tuple[Callable[[np.ndarray], Any], ...] = (
    lambda array: array[:-1],
    lambda array: array[..., :1],
    lambda array: array[None],
    lambda array: array.ravel(),
    lambda array: np.zeros_like(array),
    lambda array: np.zeros((0, *array.shape[1:]), array.dtype),
    lambda array: np.concatenate([array, array]),
    lambda array: array.astype(np.float64) * 1e300,
    lambda array: array.astype(np.complex64),
    lambda array: array.astype('U8'),
    lambda array: array.astype('>f8'),
    lambda array: array.astype(bool),
    lambda array: -array,
    lambda array: array + 100,
)


def damage_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut out, repeat or insert some bytes, or cut the file short."""
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        size = len(damaged)
        if not size:
            break
        at, length = int(rng.integers(size)), int(rng.integers(1, 9))
        kind = rng.integers(6)
        if kind == 0:
            damaged[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            damaged[at : at + length] = rng.bytes(length)
        elif kind == 2:
            del damaged[at : at + length]
        elif kind == 3:
            damaged[at:at] = damaged[at : at + length]
        elif kind == 4:
            damaged[at : at + 4] = b'\xff' * 4
        else:
            del damaged[at:]
    return bytes(damaged)


def damage_structure(annotations: dict, rng: np.random.Generator) -> None:
    """Change, add or remove something at a random place of the structure."""
    places = list(_places(annotations))
    parent, key = places[rng.integers(len(places))]
    value = parent[key]
    kind = rng.integers(4)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.append(copy.deepcopy(value))
    elif isinstance(value, np.ndarray) and kind == 2:
        parent[key] = ODD_ARRAYS[rng.integers(len(ODD_ARRAYS))](value)
    elif isinstance(value, np.ndarray) and kind == 3:
        array = np.array(value, dtype=np.float64)
        array.flat[rng.integers(array.size)] = rng.choice(
            [np.nan, np.inf, -1, 1e38, 0, 0.5]
        )
        parent[key] = array
    else:
        parent[key] = ODD_VALUES[rng.integers(len(ODD_VALUES))]()


def _places(value: Any):
    keys = range(len(value)) if isinstance(value, list) else list(value)
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def write_damaged(
    folder: Path, suffix: str, rng: np.random.Generator
) -> tuple[Path, str]:
    """Write a damaged file.

    Args:
        folder (Path): With the feature files.
        suffix (str): Which kind of file.
        rng (np.random.Generator): Of all draws.

    Returns:
        tuple[Path, str]: The annotation file to read, and what was damaged.
    """
    annotations = make_valid()
    path = folder / f'data{suffix if suffix != ".npy" else ".pkl"}'
    if suffix == '.npy':
        save_annotations(annotations, path)
        feature = folder / 'c.npy'
        feature.write_bytes(damage_bytes(feature.read_bytes(), rng))
        return path, 'bytes'
    if rng.random() < 0.5:
        save_annotations(annotations, path)
        path.write_bytes(damage_bytes(path.read_bytes(), rng))
        return path, 'bytes'
    for _ in range(rng.integers(1, 3)):
        damage_structure(annotations, rng)
    if suffix == '.pkl':
        path.write_bytes(pickle.dumps(annotations, int(rng.integers(2, 6))))
    elif suffix == '.json':
        path.write_text(json.dumps(annotations, default=_to_lists))
    else:
        try:
            save_annotations(annotations, path)
        except AnnotationError:
            # What .npz cannot hold was refused when it was written.
            path.unlink(missing_ok=True)
    return path, 'structure'


def _to_lists(value: Any) -> Any:
    return (
        [str(one) for one in value.ravel()]
        if (value.dtype.kind == 'c')
        else value.tolist()
    )


def outcome(path: Path, folder: Path) -> str:
    """Read a file, and every sequence that is in it.

    Args:
        path (Path): The annotation file.
        folder (Path): With the feature files.

    Returns:
        str: ``REJECTED``, ``ACCEPTED``, or what went wrong.
    """
    try:
        dataset = SequenceDataset(
            str(path),
            PIPELINE,
            data_prefix=dict(feature=str(folder)),
            serialize_data=False,
        )
    except AnnotationError as error:
        if str(path) in str(error):
            return REJECTED
        return f'an error that names no file: {error}'
    except FileNotFoundError:
        return REJECTED
    except BaseException as error:
        return f'{type(error).__name__}: {error}\n{traceback.format_exc()}'
    dataset.set_random_key(0, 0)
    try:
        for index in range(len(dataset)):
            for view in dataset[index]['inputs']:
                if not view['values'].isfinite().all():
                    return 'numbers that are not finite'
    except ValueError as error:
        # Values of features are read when they are needed.
        if 'finite values' in str(error) and 'feature' in str(error):
            return REJECTED
        return f'{type(error).__name__}: {error}\n{traceback.format_exc()}'
    except BaseException as error:
        return f'{type(error).__name__}: {error}\n{traceback.format_exc()}'
    return ACCEPTED


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 1 at any failure.'
    )
    parser.add_argument('--iterations', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--keep',
        type=Path,
        metavar='FOLDER',
        help='where to put the files of every failure',
    )
    return parser.parse_args(argv)


def main(argv=None) -> int:
    """Run the iterations and print the counts."""
    args = parse_args(argv)
    warnings.simplefilter('ignore')
    init_default_scope('mmaction')
    # MMAction2 says how many records it has, every time.
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    counts: Counter = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(args.seed)
        for iteration in range(args.iterations):
            write_features(folder)
            suffix = FORMATS[iteration % len(FORMATS)]
            path, kind = write_damaged(folder, suffix, rng)
            found = outcome(path, folder)
            if found not in (REJECTED, ACCEPTED):
                failures.append(f'iteration {iteration}, {suffix}: {found}')
                if args.keep:
                    shutil.copytree(folder, args.keep / str(iteration))
                found = 'FAILURE'
            counts[suffix, kind, found] += 1
            path.unlink(missing_ok=True)
    for (suffix, kind, found), count in sorted(counts.items()):
        print(f'{suffix}, damaged {kind}: {found}: {count}')
    print(f'failures: {len(failures)} of {args.iterations}')
    for failure in failures[:20]:
        print(failure)
    return int(bool(failures))


if __name__ == '__main__':
    sys.exit(main())
