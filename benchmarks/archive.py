"""Measure an archive: ingestion, size on disk, latency and recall.

    python benchmarks/archive.py --moments 10000 100000 1000000
        --picture docs/figures/archive_growth.png

Recordings of a minute are made of random activities, embedded by the
pretrained model and perturbed, each of one of 100 people, and written to a
new archive. At every number of moments, some that were perturbed anew are
searched, with and without a filter on the person, and compared with the
nearest ten by an exact search in float64. Cold is a query that opens the file
first; the operating system may have it in memory. Writing is timed since the
last number of moments, apart from embedding, of which the rate is that of one
thread.
"""

import argparse
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

import masa
from masa.archive import Archive, make_entry
from masa.datasets.random_activities import draw_activity, draw_performance
from masa.datasets.skeletons import PENN_ACTION

RATE, SECONDS, PEOPLE, NEAREST = 30.0, 60, 100, 10
# Standard deviation of what is added to a number of an embedding.
NOISE = 0.02


def make_recordings(model, count, rng):
    """Embed recordings of performances in a row; print the rate."""
    made, frames, started = [], int(RATE * SECONDS), time.perf_counter()
    for number in range(count):
        stretches, length = [], 0
        while length < frames:
            activity = draw_activity(rng)
            stretches.append(draw_performance(activity, rng).keypoint)
            length += len(stretches[-1])
        joints = np.concatenate(stretches)[:frames]
        record = dict(
            frame_dir=str(number),
            total_frames=frames,
            frame_rate=RATE,
            keypoint=joints[None].astype(np.float32),
            skeleton=PENN_ACTION | dict(up_axis='y'),
        )
        made.append(make_entry(model, record, 'generated'))
    rate = count * frames / (time.perf_counter() - started)
    print(f'embedded: {rate:.0f} frames/s of recordings')
    return made


def perturb(embeddings, rng):
    """Add noise to embeddings."""
    noise = rng.normal(0, NOISE, embeddings.shape)
    return (embeddings + noise).astype(np.float32)


def person(number):
    """Whom a recording shows."""
    return f'person {number % PEOPLE}'


def fill(archive, recordings, moments, known, rng):
    """Write perturbed recordings until there are so many moments.

    Appends the embeddings of each to ``known``; returns moments a second.
    """
    count = before = sum(map(len, known))
    started = time.perf_counter()
    with archive:
        while count < moments:
            number = len(known)
            entry = recordings[number % len(recordings)]
            known.append(perturb(entry.embeddings, rng))
            count += len(known[-1])
            sequence = replace(
                entry.sequence,
                id=f'{number:024x}',
                name=str(number),
                person=person(number),
            )
            archive.add(
                replace(entry, sequence=sequence, embeddings=known[-1])
            )
        assert archive.milvus.count(archive.frames, 'id != ""') == count
    return (count - before) / (time.perf_counter() - started)


def search(archive, known, queries, filtered):
    """Search one query at a time; return milliseconds and recalls."""
    people = min(PEOPLE, len(known))
    latencies, recalls = [], []
    started = time.perf_counter()
    with archive:
        for number, query in enumerate(queries):
            number %= people
            condition = f'person == "{person(number)}"' if filtered else ''
            (hits,) = archive.nearest(query[None], NEAREST, condition)
            latencies.append(1e3 * (time.perf_counter() - started))
            # One by one: all distances at once would take too much memory.
            apart = np.concatenate(
                [
                    ((one - query) ** 2).sum(1, dtype=np.float64)
                    for one in (known[number::people] if filtered else known)
                ]
            )
            farthest = np.partition(apart, NEAREST - 1)[NEAREST - 1]
            # By distances, as float16 may swap those that are as near.
            right = sum(hit.distance <= farthest + 1e-3 for hit in hits)
            recalls.append(right / NEAREST)
            started = time.perf_counter()
    return latencies, recalls


def measure(archive, recordings, moments, known, queries, rng):
    """Write up to so many moments, and search; return a row of figures."""
    rate = fill(archive, recordings, moments, known, rng)
    ends = np.cumsum(list(map(len, known)))
    chosen = rng.choice(ends[-1], queries, replace=False)
    owners = np.searchsorted(ends, chosen, 'right')
    chosen = [
        known[i][place - ends[i]]
        for i, place in zip(owners, chosen, strict=True)
    ]
    searched = perturb(np.stack(chosen), rng)
    row = {
        'moments': int(ends[-1]),
        'written, moments/s': rate,
        'bytes a moment': Path(archive.uri).stat().st_size / ends[-1],
    }
    for filtered in (False, True):
        (cold, *warm), recalls = search(archive, known, searched, filtered)
        what = ' of a person' if filtered else ''
        row |= {
            f'cold query{what}, ms': cold,
            f'query{what}, median, ms': np.median(warm),
            f'query{what}, 99%, ms': np.percentile(warm, 99),
            f'recall@{NEAREST}{what}': np.mean(recalls),
        }
    return row


def draw(rows, path):
    """Draw how the size of the file and the time of a query grow."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    moments = [row['moments'] for row in rows]
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout='constrained')
    size = [row['moments'] * row['bytes a moment'] / 2**20 for row in rows]
    panels[0].loglog(moments, size, 'o-')
    panels[0].set_ylabel('MiB on disk')
    for name in ('cold query', 'query, median', 'query of a person, median'):
        times = [row[f'{name}, ms'] for row in rows]
        panels[1].loglog(moments, times, 'o-', label=name)
    panels[1].set_ylabel('milliseconds')
    figure.legend(loc='outside lower center', ncols=3)
    for axes in panels:
        axes.set_xlabel(f'moments, {10 * 3600:,} an hour')
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def main():
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--moments',
        type=int,
        nargs='+',
        default=[100_000],
        help='increasing (default: %(default)s)',
    )
    parser.add_argument('--recordings', type=int, default=10)
    parser.add_argument('--queries', type=int, default=100)
    parser.add_argument('--picture', type=Path, metavar='FILE.png')
    args = parser.parse_args()
    warnings.filterwarnings('ignore', '.* is upside down')
    rng = np.random.default_rng(0)
    model = masa.load(cache=None)
    recordings = make_recordings(model, args.recordings, rng)
    rows, known = [], []
    with tempfile.TemporaryDirectory() as folder:
        uri = str(Path(folder, 'archive.db'))
        archive = Archive(uri, recordings[0].sequence.model)
        for moments in args.moments:
            row = measure(
                archive, recordings, moments, known, args.queries, rng
            )
            rows.append(row)
            for name, value in row.items():
                print(f'{name:32} {value:12,.3f}', flush=True)
            print()
            if args.picture and len(rows) > 1:
                draw(rows, args.picture)


if __name__ == '__main__':
    main()
