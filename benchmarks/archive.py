"""Measure an archive: ingestion, size on disk, latency and recall.

    python benchmarks/archive.py --moments 100000

Recordings of a minute are made of random activities, embedded by the
pretrained model and perturbed, each of one of 100 people, and written to a
new archive. Moments that were perturbed anew are then searched, with and
without a filter on the person, and compared with the nearest ten by an exact
search in float64. Cold is a search that opens the file first; the operating
system may have it in memory. Writing is timed apart from embedding, of which
the rate is that of one thread.
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


def fill(archive, recordings, moments, rng):
    """Write perturbed recordings; return their embeddings and their owners."""
    kept, owners, started = [], [], time.perf_counter()
    with archive:
        while len(owners) < moments:
            number = len(kept)
            entry = recordings[number % len(recordings)]
            kept.append(perturb(entry.embeddings, rng))
            owners += [number] * len(kept[-1])
            sequence = replace(
                entry.sequence,
                id=f'{number:024x}',
                name=str(number),
                person=person(number),
            )
            archive.add(replace(entry, sequence=sequence, embeddings=kept[-1]))
        rows = archive.milvus.count(archive.frames, 'id != ""')
    rate = len(owners) / (time.perf_counter() - started)
    assert rows == len(owners)
    print(f'written: {rate:.0f} moments/s, {rate / 10 * RATE:.0f} frames/s')
    return np.concatenate(kept), np.array(owners)


def search(archive, known, owners, queries, filtered):
    """Search one query at a time; print latencies and recall."""
    latencies, recalls = [], []
    with archive:
        for number, query in enumerate(queries):
            condition = f'person == "{person(number)}"' if filtered else ''
            started = time.perf_counter()
            (hits,) = archive.nearest(query[None], NEAREST, condition)
            latencies.append(1e3 * (time.perf_counter() - started))
            apart = ((known - query) ** 2).sum(1, dtype=np.float64)
            if filtered:
                apart[owners % PEOPLE != number % PEOPLE] = np.inf
            farthest = np.sort(apart)[NEAREST - 1]
            # By distances, as float16 may swap those that are as near.
            right = sum(hit.distance <= farthest + 1e-3 for hit in hits)
            recalls.append(right / NEAREST)
    first, *others = latencies
    what = 'with a filter' if filtered else 'without a filter'
    print(
        f'{what}: first {first:.0f} ms, then median {np.median(others):.0f} '
        f'ms, 99% {np.percentile(others, 99):.0f} ms, recall@{NEAREST} '
        f'{np.mean(recalls):.4f}'
    )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--moments', type=int, default=100_000)
    parser.add_argument('--recordings', type=int, default=10)
    parser.add_argument('--queries', type=int, default=100)
    args = parser.parse_args()
    warnings.filterwarnings('ignore', '.* is upside down')
    rng = np.random.default_rng(0)
    model = masa.load(cache=None)
    recordings = make_recordings(model, args.recordings, rng)
    with tempfile.TemporaryDirectory() as folder:
        uri = str(Path(folder, 'archive.db'))
        archive = Archive(uri, recordings[0].sequence.model)
        known, owners = fill(archive, recordings, args.moments, rng)
        size = Path(uri).stat().st_size
        print(
            f'{len(owners)} moments: {size / len(owners):.0f} bytes each, '
            f'{size / len(owners) * 10 / RATE:.0f} a frame at {RATE:g} Hz, '
            'joints included'
        )
        chosen = rng.choice(len(known), args.queries, replace=False)
        queries = perturb(known[chosen], rng)
        started = time.perf_counter()
        with archive:
            archive.nearest(queries[:1], NEAREST)
        print(f'cold: {time.perf_counter() - started:.2f} s')
        for filtered in (False, True):
            search(archive, known, owners, queries, filtered)


if __name__ == '__main__':
    main()
