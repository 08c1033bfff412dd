"""Tell what is installed, what is missing and how to add it."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from importlib.metadata import (
    PackageNotFoundError,
    metadata,
    requires,
    version,
)
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from .. import __version__
from ..support.work_dir import last_checkpoint

EXPECTED = (PackageNotFoundError,)

DISTRIBUTION = 'masa-mmaction2'
# What an extra is for.
PURPOSES = {
    'train': 'training, evaluation, models that are not exported',
    'features': 'features of the frames of videos',
    'skeletons': 'skeletons from videos with mmpose',
    'mediapipe': 'skeletons from videos with MediaPipe',
    'mediapipe-tasks': 'instead of mediapipe, for a model file of your own',
    'rtmlib': 'skeletons from videos with RTMPose, without PyTorch',
    'export': 'export to ONNX',
    'index': 'search among millions of frames',
    'archive': 'archives of recordings on Milvus; clusters with Ray',
    'app': 'the page of masa app',
    'formats': 'pose files in HDF5 (SLEAP, DeepLabCut) and C3D',
    'tests': 'the tests',
}
# Distributions that serve as well, and those that no extra can bring.
ALTERNATIVES = {'mmcv-lite': 'mmcv'}
APART = {'skeletons': ('mmpose', 'mmdet')}


class Part(NamedTuple):
    """Packages that are needed together.

    Attributes:
        name (str): The extra, '' for what is always needed.
        found (list[str]): Name and version of packages that are there.
        missing (list[str]): Requirements that are not met.
    """

    name: str
    found: list[str]
    missing: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa doctor``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Lists the models, too: the pretrained one, and those '
        'trained below a folder. Exits with 1 if something is missing that '
        'is always needed.'
    )
    parser.epilog = 'Example: masa doctor'
    parser.add_argument(
        '--models',
        type=Path,
        default='work_dirs',
        metavar='FOLDER',
        help='folder of the work directories (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> int:
    """Print what is there.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # The help does not need NumPy.
    from ..apis.model_files import PRETRAINED
    from ..extraction.content_cache import ContentCache, default_cache

    print(f'masa {__version__}, Python {platform.python_version()}')
    complete = True
    for part in find_parts():
        state = 'incomplete' if part.missing else 'ready'
        heading = f'{part.name}: {PURPOSES.get(part.name, part.name)}'
        print(f'\n{heading if part.name else "always needed"}: {state}')
        if part.found:
            print(f'  installed: {", ".join(part.found)}')
        if part.missing:
            wanted = ' '.join(f"'{one}'" for one in part.missing)
            print(f'  add by: pip install {wanted}')
            complete = complete and bool(part.name)
        for name in APART.get(part.name, ()):
            found = _version(name)
            print(f'  {name}: {found or "missing, see docs/installation.md"}')
    checkpoints = map(last_checkpoint, sorted(args.models.glob('*/')))
    trained = [path.parent for path in checkpoints if path and path.is_file()]
    names = ', '.join(map(str, trained)) or f'none in {args.models}'
    has_model = PRETRAINED.is_file()
    state = (
        PRETRAINED if has_model else f'missing: {PRETRAINED}, install again'
    )
    print(f'\npretrained model: {state}')
    print(f'trained models: {names}')
    cache = ContentCache(default_cache())
    print(
        f'kept of videos: {cache.size() / 1e6:.1f} MB in {cache.root}, at '
        f'most {cache.max_bytes / 1e6:.0f}; --cache none keeps nothing'
    )
    return 0 if complete and has_model else 1


def find_parts() -> Iterator[Part]:
    """Compare what the package's metadata asks for with what is there.

    Yields:
        Part: What is always needed, then each extra.

    Raises:
        PackageNotFoundError: If masa itself is not installed.
    """
    wanted = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    extras = metadata(DISTRIBUTION).get_all('Provides-Extra') or ()
    for extra in ('', *extras):
        found, missing = [], []
        for one in wanted:
            if not _asked_by(one, extra) or (extra and _asked_by(one, '')):
                continue
            name = one.name
            if _version(name) is None and name in ALTERNATIVES:
                name = ALTERNATIVES[name]
            there = _version(name)
            if there is not None and one.specifier.contains(there, True):
                found.append(f'{name} {there}')
            else:
                missing.append(f'{one.name}{one.specifier}')
        yield Part(extra, found, missing)


def _asked_by(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate(dict(extra=extra))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
