import multiprocessing
import socket
from dataclasses import replace

import numpy as np
import pytest
from squats import record, squat

from masa.archive import (
    Archive,
    ArchiveError,
    RefusedSequenceError,
    find_moment,
    find_occurrences_in,
    make_entry,
    parse_conditions,
)
from masa.archive.rows import POSES, SEQUENCES
from masa.archive.search import QUERIED, candidate_stretches
from masa.archive.sequences import Stretch


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / 'archive.db')


@pytest.fixture
def version(entries):
    return entries[0][0].sequence.model


def renamed(entry, **fields):
    return replace(entry, sequence=replace(entry.sequence, **fields))


def count_rows(archive):
    return {
        name: archive.milvus.count(name, 'id != ""')
        for name in (SEQUENCES, POSES, archive.frames)
    }


def test_a_second_time_adds_nothing(uri, version, entries):
    made = [entry for entry, _ in entries]
    with Archive(uri, version) as archive:
        assert [archive.add(one) for one in made] == [True] * 3
        rows = count_rows(archive)
    assert rows[archive.frames] == sum(len(one.seconds) for one in made)
    assert rows[POSES] == sum(len(one.poses.parts) for one in made)
    with Archive(uri, version) as archive:
        assert not any(archive.add(one) for one in made)
        # Under another name, it is the same content.
        assert not archive.add(renamed(made[0], name='other'))
        assert count_rows(archive) == rows
        found = archive.sequences()
    assert [one.name for one in found] == [f'recording {i}' for i in range(3)]


def test_the_nearest_moments_are_those_of_an_exact_search(
    uri, version, entries
):
    made = [entry for entry, _ in entries]
    with Archive(uri, version) as archive:
        for number, one in enumerate(made):
            archive.add(renamed(one, person='Ann' if number else 'Bob "x"'))
        query = made[0].embeddings[20:22]
        for condition, among in (
            ('', made),
            (parse_conditions(['person=Bob "x"']), made[:1]),
            (parse_conditions(['person=Ann', 'activity=fitness']), made[1:]),
            (parse_conditions(['person=Eve']), []),
        ):
            hits = archive.nearest(query, 10, condition)
            known = [
                (one.sequence.id, second, embedding)
                for one in among
                for second, embedding in zip(
                    one.seconds, one.embeddings, strict=True
                )
            ]
            for vector, some in zip(query, hits, strict=True):
                apart = [
                    float(((vector.astype(float) - e) ** 2).sum())
                    for _, _, e in known
                ]
                nearest = np.argsort(apart, kind='stable')[:10]
                np.testing.assert_allclose(
                    [hit.distance for hit in some],
                    np.array(apart)[nearest],
                    atol=2e-3,
                )
                assert {hit.sequence for hit in some} <= {
                    name for name, _, _ in known
                }


def test_a_file_is_not_filled_beyond_its_limit(
    uri, version, entries, monkeypatch
):
    (first, _), (second, _), _ = entries
    with Archive(uri, version) as archive:
        archive.add(first)
        rows = count_rows(archive)
        monkeypatch.setattr('masa.archive.milvus.LARGEST', 1)
        with pytest.raises(ArchiveError, match='begin another file'):
            archive.add(second)
        assert [one.id for one in archive.sequences()] == [first.sequence.id]
        monkeypatch.undo()
        assert archive.add(second)
        archive.delete(f'id == "{second.sequence.id}"')
        assert count_rows(archive) == rows


def test_a_sequence_is_seen_once_it_is_complete(
    uri, version, entries, monkeypatch
):
    """What an interrupted process left is finished, not doubled."""
    (first, _), (second, _), _ = entries
    with Archive(uri, version) as archive:
        archive.add(first)
        rows = count_rows(archive)
        # After the poses, and after the frames.
        for last in (1, 2):
            insert = archive.milvus.insert
            calls = []

            def interrupted(*args, insert=insert, calls=calls, last=last):
                calls.append(args)
                insert(*args)
                if len(calls) == last:
                    raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(archive.milvus, 'insert', interrupted)
                with pytest.raises(KeyboardInterrupt):
                    archive.add(second)
            assert [one.id for one in archive.sequences()] == [
                first.sequence.id
            ]
            hits = archive.nearest(second.embeddings[:1], 50)
            assert {hit.sequence for hit in hits[0]} == {first.sequence.id}
        assert count_rows(archive) != rows
        assert archive.add(second)
        archive.delete(f'id == "{second.sequence.id}"')
        assert count_rows(archive) == rows


def test_changed_content_takes_the_place_of_the_old(uri, version, entries):
    (first, _), (second, _), _ = entries
    with Archive(uri, version) as archive:
        archive.add(renamed(first, name='a', source='a.mp4', person='Ann'))
        with pytest.raises(RefusedSequenceError):
            archive.add(renamed(second, name='a', source='b.mp4'))
        with pytest.raises(RefusedSequenceError):
            archive.add(renamed(second, person='x' * 2000))
        archive.add(renamed(second, name='a', source='a.mp4'))
        (kept,) = archive.sequences()
        assert (kept.id, kept.person) == (second.sequence.id, 'Ann')
        assert count_rows(archive)[archive.frames] == len(second.seconds)


def test_a_person_is_forgotten(uri, version, entries):
    with Archive(uri, version) as archive:
        for number, (one, _) in enumerate(entries):
            archive.add(renamed(one, person='Xanthippe' if number else 'Ann'))
        deleted = archive.delete('person == "Xanthippe"')
        assert len(deleted) == 2
        assert len(archive.sequences()) == 1
        assert count_rows(archive)[archive.frames] == len(
            entries[0][0].seconds
        )
    archive.milvus.reclaim()
    with open(uri, 'rb') as file:
        content = file.read()
    assert b'Xanthippe' not in content
    assert b'Ann' in content
    with Archive(uri, version) as archive:
        assert len(archive.sequences()) == 1


def test_what_is_known_is_changed(uri, version, entries):
    (entry, _), *_ = entries
    with Archive(uri, version) as archive:
        archive.add(entry)
        (one,) = archive.sequences()
        stretches = ((0.0, 2.0, 'squat'), (2.0, 3.0, 'wave'))
        told = dict(
            person='Ann', stretches=tuple(Stretch(*one) for one in stretches)
        )
        assert archive.describe(one, **told)
        (one,) = archive.sequences()
        assert not archive.describe(one, **told)
        hits = archive.nearest(
            entry.embeddings[:1], 500, 'activity == "squat"'
        )
        seconds = sorted(hit.second for hit in hits[0])
        wanted = entry.seconds[entry.seconds < 2]
        np.testing.assert_allclose(seconds, wanted, atol=1e-4)
        rest = archive.nearest(entry.embeddings[:1], 500, 'person == "Ann"')
        assert len(rest[0]) == len(entry.seconds)
        assert one.activity_at(2.5) == 'wave'
        assert one.activity_at(9.0) == 'fitness'
        found = archive.moments(one)
    np.testing.assert_allclose(found[1], entry.embeddings, atol=1e-3)


def test_another_model_is_one_error_until_all_is_embedded_again(
    uri, version, entries, model
):
    with Archive(uri, 'abcdef') as archive:
        for one, _ in entries:
            archive.add(renamed(one, model='abcdef', person='Ann'))
    with Archive(uri, version) as archive:
        with pytest.raises(ArchiveError, match='abcdef'):
            archive.nearest(entries[0][0].embeddings[:1], 1)
        # Interrupted after the first.
        next(archive.refresh(model))
        done = list(archive.refresh(model))
        assert len(done) == 2
        assert {one.person for one in archive.sequences()} == {'Ann'}
        assert {one.model for one in archive.sequences()} == {version}
        times, embeddings = archive.moments(archive.sequences()[0])
        assert len(archive.milvus.collections()) == 3
    first = entries[0][0]
    np.testing.assert_allclose(times, first.seconds, atol=1e-4)
    np.testing.assert_allclose(embeddings, first.embeddings, atol=2e-3)


def test_stretches_of_a_recording_that_starts_late(uri, version, model):
    whole = record(np.tile(squat(90), (15, 1, 1)), 'late')
    whole['timestamps'] = np.arange(15 * 90) / 30 + 1000
    entry = make_entry(model, whole, 'late.npy')
    with Archive(uri, version) as archive:
        archive.add(entry)
        (one,) = archive.sequences()
        found = archive.record(one, 1030, 1032)
        everything = archive.record(one)
    assert found['total_frames'] < everything['total_frames'] == 15 * 90
    assert found['timestamps'][0] <= 1030
    assert found['timestamps'][-1] >= 1032
    np.testing.assert_allclose(
        found['timestamps'][0], 1000 + found['first_frame'] / 30, atol=1e-3
    )


def test_an_empty_archive_and_other_addresses_are_refused(uri, version):
    with Archive(uri, version) as archive:
        assert archive.sequences() == []
        with pytest.raises(ArchiveError):
            archive.nearest(np.zeros((1, 128)), 1)
    for name in ('archive.sqlite', f'{"a" * 40}.db', 'ä.db'):
        with pytest.raises(ValueError, match='archive'):
            Archive(name)


def test_a_full_disk_is_an_error_before_anything_is_written(
    uri, version, entries, monkeypatch
):
    from masa.archive import milvus

    monkeypatch.setattr(milvus, '_FREE', 2**80)
    with (
        Archive(uri, version) as archive,
        pytest.raises(OSError, match='free'),
    ):
        archive.add(entries[0][0])
    with Archive(uri, version) as archive:
        assert archive.sequences() == []


def _hold(uri, version, opened, wait):
    with Archive(uri, version):
        opened.set()
        wait.wait(60)


@pytest.mark.slow
def test_a_file_is_used_by_one_process_at_a_time(uri, version, entries):
    context = multiprocessing.get_context('spawn')
    opened, wait = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(uri, version, opened, wait))
    other.start()
    assert opened.wait(120)
    with (
        pytest.raises(ArchiveError, match='in use'),
        Archive(uri, version, patience=0.5),
    ):
        pass
    wait.set()
    with Archive(uri, version, patience=60) as archive:
        assert archive.add(entries[0][0])
    other.join()


def test_a_server_takes_several_at_once(uri, version, entries, monkeypatch):
    """Milvus Lite as a server, which has no index of its own choice."""
    from milvus_lite.server import Server

    from masa.archive import milvus

    monkeypatch.setattr(milvus, 'SERVER_INDEX', 'FLAT')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        address = f'127.0.0.1:{free.getsockname()[1]}'
    server = Server(uri, address)
    assert server.init()
    assert server.start()
    try:
        with (
            Archive(f'http://{address}', version) as first,
            Archive(f'http://{address}', version) as second,
        ):
            assert first.add(entries[0][0])
            assert not second.add(entries[0][0])
            hits = second.nearest(entries[0][0].embeddings[:1], 5)
            assert len(hits[0]) == 5
            assert len(second.delete('name != ""')) == 1
            assert first.sequences() == []
    finally:
        server.stop()


def overlap(one, place):
    common = min(one[1], place[1]) - max(one[0], place[0])
    return common / (max(one[1], place[1]) - min(one[0], place[0]))


def test_occurrences_are_those_of_an_exhaustive_search(
    uri, version, entries, model
):
    """Every squat is found, and the finder on whole recordings agrees."""
    (query,) = model.embed(record(squat(90), 'query'))
    with Archive(uri, version) as archive:
        for one, _ in entries:
            archive.add(one)
        found = find_occurrences_in(archive, model, query)
        stretches = candidate_stretches(archive, *entry_of(model, query), '')
        records = {
            one.name: archive.record(one) for one in archive.sequences()
        }
    # All the moments of the query have near ones in each recording.
    assert {one.sequence for one in stretches if one.moments == QUERIED} == {
        one.sequence.id for one, _ in entries
    }
    places = [
        (one.sequence.name, place) for one, some in entries for place in some
    ]
    assert len(found) == len(places)
    for name, place in places:
        assert any(
            one.sequence.name == name
            and overlap(
                (one.occurrence.start_frame, one.occurrence.end_frame), place
            )
            > 0.7
            for one in found
        )
    for name, whole in records.items():
        whole.pop('first_frame')
        (recording,) = model.embed(whole, parts=True)
        wanted = sorted(model.find(query, recording))
        ours = sorted(
            one.occurrence for one in found if one.sequence.name == name
        )
        assert len(wanted) == len(ours)
        for one, other in zip(wanted, ours, strict=True):
            assert abs(one.start - other.start) < 0.4
            assert abs(one.end - other.end) < 0.4


def entry_of(model, query):
    entry = make_entry(model, query.record, query.name)
    return entry.seconds, entry.embeddings


def test_a_moment_is_found_once_a_second(uri, version, entries, model):
    (query,) = model.embed(record(squat(90), 'query'))
    with Archive(uri, version) as archive:
        for one, _ in entries:
            archive.add(one)
        found = find_moment(archive, model, query, 45, 4)
        with pytest.raises(IndexError):
            find_moment(archive, model, query, 90, 4)
    assert len(found) == 4
    distances = [one.distance for one in found]
    assert distances == sorted(distances)
    deepest = [
        (one.sequence.name, (start + end) / 60)
        for one, places in entries
        for start, end in places
    ]
    for one in found:
        assert any(
            name == one.sequence.name and abs(second - one.second) < 0.35
            for name, second in deepest
        )


@pytest.mark.parametrize(
    'text', ['squat', 'name=x', 'person>=x', 'date>2026', '=x']
)
def test_other_filters_are_refused(text):
    with pytest.raises(ValueError, match='filter'):
        parse_conditions([text])
