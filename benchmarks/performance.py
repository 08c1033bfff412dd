"""Measure the speed and memory of the package, and write the page of it.

Every section's result is kept as JSON, so that the page can be made anew of
old and new ones. docs/performance.md is what comes out.

Example:
    python benchmarks/performance.py
    python benchmarks/performance.py --only startup data
    python benchmarks/performance.py --only
"""

import argparse
import os
import time
from pathlib import Path

from performance_page.machine import describe_machine
from performance_page.page import load_results, save_result, write_page
from performance_page.section import Settings
from performance_page.sections import SECTIONS

ROOT = Path(__file__).resolve().parents[1]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--only',
        nargs='*',
        choices=SECTIONS,
        default=list(SECTIONS),
        help='sections to measure; none writes the page of what was measured',
    )
    parser.add_argument(
        '--device', default='cpu', help='of training: cpu or cuda'
    )
    parser.add_argument(
        '--threads',
        type=int,
        default=os.cpu_count(),
        help='of PyTorch; all cores by default',
    )
    parser.add_argument(
        '--memory-limit',
        type=float,
        default=6.0,
        help='GiB that the plain implementation may need; beyond that its '
        'memory is extrapolated',
    )
    parser.add_argument(
        '--small',
        action='store_true',
        help='sizes that tell nothing, to try the benchmark itself',
    )
    parser.add_argument(
        '--results',
        type=Path,
        default=ROOT / 'work_dirs' / 'performance',
        help='folder of the results',
    )
    parser.add_argument(
        '--page', type=Path, help='default: docs/performance.md'
    )
    args = parser.parse_args(argv)
    if args.small and args.page is None:
        parser.error('--small needs --page: docs/performance.md is for others')
    args.page = args.page or ROOT / 'docs' / 'performance.md'
    return args


def main(argv: list[str] | None = None) -> None:
    """Measure and write."""
    args = parse_args(argv)
    settings = Settings(args.device, args.threads, args.memory_limit)
    for name in args.only:
        section = SECTIONS[name]
        sizes = section.small if args.small else section.full
        start = time.perf_counter()
        result = section.measure(settings, **sizes)
        result['machine'] = describe_machine(args.device, args.threads)
        save_result(args.results, section, result)
        print(f'{name}: {time.perf_counter() - start:.0f} s', flush=True)
    sections = SECTIONS.values()
    write_page(args.page, sections, load_results(args.results, sections))
    print(f'{args.page} written')


if __name__ == '__main__':
    main()
