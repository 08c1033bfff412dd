"""Make files for ids drawn at random, and count what happens.

Every id must get a file of its own inside the output folder, and all those of
a folder together, whatever is in the ids.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path, PureWindowsPath

import numpy as np

from masa.support.files import alike_on_disk, atomic_path, output_path

PARTS = (
    *('', '.', '..', '...', ' ', 'a', 'A', 'a.', 'a ', '.a', '~', '%', '%2E'),
    *('con', 'NUL', 'aux.txt', 'COM1', 'lpt9.x', 'com¹', 'C:', '%~', '-rf'),
    *('a\\b', '..\\..', '\0', '\n', '\u202e', '\udcff', 'é', 'e\u0301', 'ß'),
    *('a.npy', 'settings.json', 'a.NPY', '.writing-x', 'x' * 251, 'x' * 300),
    *('ä' * 150, '\udcff' * 90, 'a/' * 600, '字' * 86),
)


def draw_id(rng: np.random.Generator) -> str:
    """Draw an id of a few parts, half of them odd, half of any characters."""
    parts = []
    for _ in range(rng.integers(1, 5)):
        if rng.random() < 0.5:
            parts.append(PARTS[rng.integers(len(PARTS))])
        else:
            codes = rng.integers(0, rng.choice([128, 0x3000, 0x110000]), 6)
            parts.append(''.join(map(chr, codes[: rng.integers(7)])))
    return '/'.join(parts)


def failures_of(names: list[str], folder: Path) -> list[str]:
    """Write a file for every id, and say what is wrong with any."""
    found, paths = [], {}
    for name in names:
        path = output_path(folder / 'out', name, '.npy')
        try:
            with atomic_path(path) as temporary:
                temporary.write_text(ascii(name))
        except (OSError, ValueError) as error:
            found.append(f'{name!a}: {error!a}')
            continue
        paths[name] = path
    for name, path in paths.items():
        relative = path.relative_to(folder / 'out')
        windows = PureWindowsPath(str(relative))
        if path.read_text() != ascii(name):
            found.append(f'{name!a}: its file was overwritten')
        if (
            (folder / 'out').resolve() not in path.resolve().parents
            or windows.parts != relative.parts
            or any(
                part != part.rstrip('. ')
                or PureWindowsPath(part).is_reserved()
                or set(part) & set('<>:"|?*')
                for part in windows.parts
            )
        ):
            found.append(f'{name!a}: {path}')
    if os.listdir(folder) != ['out']:
        found.append(f'outside of the folder: {os.listdir(folder)}')
    return found


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 1 at any failure.'
    )
    parser.add_argument(
        '--iterations', type=int, default=1000, help='folders of 20 ids'
    )
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(argv)


def main(argv=None) -> int:
    """Run the iterations and print the counts."""
    args = parse_args(argv)
    rng = np.random.default_rng(args.seed)
    counts: Counter = Counter()
    failures: list[str] = []
    for _ in range(args.iterations):
        names = sorted({draw_id(rng) for _ in range(20)})
        counts['ids'] += len(names)
        counts['folders'] += 1
        if alike_on_disk(names):
            counts['folders refused, for ids that differ in case only'] += 1
        with tempfile.TemporaryDirectory() as folder:
            failures += failures_of(names, Path(folder))
    for what, count in counts.items():
        print(f'{what}: {count}')
    print(f'failures: {len(failures)}')
    for failure in failures[:20]:
        print(failure)
    return int(bool(failures))


if __name__ == '__main__':
    sys.exit(main())
