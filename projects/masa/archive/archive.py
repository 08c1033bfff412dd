"""An archive of embedded motion on Milvus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..apis.embedding_inferencer import EmbeddingInferencer
from .errors import ArchiveError, RefusedSequenceError
from .milvus import IDS, Milvus, any_of, quote
from .packed_poses import PART, parts_around, unpack_poses
from .rows import (
    FRAMES,
    POSES,
    SEQUENCES,
    collections,
    frame_rows,
    pose_rows,
    read_sequence,
    read_vector,
    sequence_row,
)
from .sequences import ArchivedSequence, Entry, Hit
from .windows import embed_moments


class Archive:
    """Embedded motion in Milvus, open within a ``with`` statement.

    A sequence is seen once it is complete. Of the collections, ``SEQUENCES``
    has a row of each sequence, ``POSES`` its joints in parts, and ``FRAMES``,
    one for each version of the model, the embeddings of its moments, beside
    what a search can be limited by.

    Args:
        uri (str): A file that ends in ``.db``, or ``http://HOST:PORT``.
        model (str): Of :func:`model_version`. Defaults to '', the only one
            that the archive was embedded by.
        token (str): ``USER:PASSWORD`` of a server. Defaults to none.
        patience (float): Of :class:`~masa.archive.milvus.Milvus`. Defaults to
            120.

    Raises:
        ImportError: If pymilvus is not installed.
        ValueError: If the address is neither.

    Example:
        >>> with Archive('archive.db', model_version(inferencer)) as archive:
        ...     print(archive.sequences())
    """

    def __init__(
        self,
        uri: str,
        model: str = '',
        token: str = '',
        patience: float = 120.0,
    ):
        self.uri = uri
        self.model = model
        self.milvus = Milvus(uri, token, patience)

    @property
    def frames(self) -> str:
        """Name of the collection of moments."""
        return FRAMES + self.model

    def __enter__(self) -> Archive:
        self.milvus.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self.milvus.__exit__(*error)

    def sequences(self, condition: str = '') -> list[ArchivedSequence]:
        """List the complete sequences.

        Args:
            condition (str): A filter of Milvus. Defaults to none.

        Returns:
            list[ArchivedSequence]: In the order of their names.
        """
        found = [one for one in self._sequences(condition) if one.complete]
        return sorted(found, key=lambda one: (one.name, one.id))

    def by_ids(self, ids: Iterable[str]) -> dict[str, ArchivedSequence]:
        """Return the complete sequences of some ids."""
        return {one.id: one for one in self._having('id', ids)}

    def known_files(self, digests: Iterable[str]) -> dict[str, str]:
        """Find the files that are archived, by the present model.

        Args:
            digests (Iterable[str]): ``file_digest`` of files.

        Returns:
            dict[str, str]: Names of complete sequences by the digests.
        """
        return {
            one.file_digest: one.name
            for one in self._having('file_digest', digests)
            if one.model == self.model
        }

    def add(self, entry: Entry) -> bool:
        """Add a sequence, unless it is there.

        What an interrupted process left of it is replaced. One of the same
        name and source with other content is replaced when this is complete.

        Args:
            entry (Entry): The sequence.

        Returns:
            bool: Whether it was added.

        Raises:
            RefusedSequenceError: If a sequence of another source has its
                name, or a text of it is too long.
            ArchiveError: If it is embedded by another model.
        """
        new = entry.sequence
        if new.model != self.model:
            raise ArchiveError(
                f'{new.name} is embedded by the model {new.model}, but the '
                f'archive is opened for {self.model}'
            )
        self._prepare(entry.embeddings.shape[1])
        known = {
            one.id: one
            for one in self._sequences(
                f'id == "{new.id}" or name == {quote(new.name)}'
            )
        }
        same = known.pop(new.id, None)
        if same and same.complete and same.model == self.model:
            return False
        for other in known.values():
            if other.complete and other.source != new.source:
                raise RefusedSequenceError(
                    f'the archive has a sequence {new.name!r} of '
                    f'{other.source}: rename one, or give a folder above '
                    'both, whose folders become part of the names'
                )
        for old in filter(None, (same, *known.values())):
            new = new.keep_told(old)
        self._put(replace(new, complete=False))
        if same:
            self._delete_contents([same])
        # Of a sequence that was not seen, or of which nothing is left.
        self.milvus.insert(POSES, pose_rows(new.id, entry.poses))
        self._put_frames(
            self.milvus.insert, new, entry.seconds, entry.embeddings
        )
        self._put(replace(new, complete=True))
        self._delete(list(known.values()))
        return True

    def describe(self, sequence: ArchivedSequence, **known) -> bool:
        """Write what is known of a sequence.

        Args:
            sequence (ArchivedSequence): Of :meth:`sequences`.
            **known: ``person``, ``date``, ``activity`` and ``stretches``.

        Returns:
            bool: Whether it was not known.
        """
        changed = replace(sequence, **known)
        if changed == sequence:
            return False
        row = sequence_row(changed)
        # Last: interrupted, the next description finds it as it was.
        self._put_frames(self.milvus.upsert, changed, *self.moments(sequence))
        self.milvus.upsert(SEQUENCES, [row])
        return True

    def delete(self, condition: str) -> list[ArchivedSequence]:
        """Delete sequences, with all that is kept of them.

        Args:
            condition (str): A filter of Milvus, such as
                ``person == "Ann"``.

        Returns:
            list[ArchivedSequence]: What was deleted.
        """
        self._delete(found := self._sequences(condition))
        return found

    def refresh(
        self, inferencer: EmbeddingInferencer
    ) -> Iterator[ArchivedSequence]:
        """Embed again what was embedded by another model.

        Args:
            inferencer (EmbeddingInferencer): The model that the archive is
                opened for.

        Yields:
            ArchivedSequence: Each sequence that is done. What is not done is
            by the other model still, and found by that.
        """
        for old in self.sequences(f'model != "{self.model}"'):
            record = self.record(old)
            frames, embeddings = embed_moments(inferencer, record)
            self._prepare(embeddings.shape[1])
            new = replace(old, model=self.model)
            seconds = record['timestamps'][frames]
            self._put_frames(self.milvus.upsert, new, seconds, embeddings)
            self._put(new)
            self.milvus.delete(FRAMES + old.model, _of(old.id))
            yield new
        for name in self.milvus.collections():
            if name.startswith(FRAMES) and name != self.frames:
                self.milvus.drop(name)

    def check_model(self) -> None:
        """Raise ArchiveError unless there is something by the model."""
        if self.model and self.milvus.has(self.frames):
            return
        models = {one.model for one in self.sequences()}
        if not models:
            raise ArchiveError(
                f'{self.uri} is empty: "masa ingest" adds sequences'
            )
        listed = ' and '.join(sorted(models))
        if not self.model and len(models) == 1:
            (self.model,) = models
        if not self.model:
            raise ArchiveError(
                f'{self.uri} was embedded by the models {listed}: "masa '
                'ingest --refresh" embeds all by one'
            )
        if self.model not in models:
            raise ArchiveError(
                f'{self.uri} was embedded by the model {listed}, not '
                f'{self.model}: give that one (--model), or embed all again '
                'by "masa ingest --refresh"'
            )

    def nearest(
        self, embeddings: np.ndarray, limit: int, condition: str = ''
    ) -> list[list[Hit]]:
        """Find the moments that are nearest to others.

        Args:
            embeddings (np.ndarray): Of :func:`embed_moments`, (Q, D).
            limit (int): How many to find for each, of sequences that may be
                incomplete.
            condition (str): A filter of Milvus on ``FILTERS``. Defaults to
                none.

        Returns:
            list[list[Hit]]: Of complete sequences, the nearest first.

        Raises:
            ArchiveError: If the archive is empty, or of another model.
        """
        self.check_model()
        found = self.milvus.nearest(
            self.frames,
            list(embeddings.astype(np.float16)),
            limit,
            condition,
            ('sequence', 'second'),
        )
        hits = [
            [
                Hit(
                    row['entity']['sequence'],
                    row['entity']['second'],
                    row['distance'],
                )
                for row in some
            ]
            for some in found
        ]
        complete = self.by_ids(hit.sequence for some in hits for hit in some)
        return [
            [hit for hit in some if hit.sequence in complete] for some in hits
        ]

    def moments(
        self, sequence: ArchivedSequence
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the times (M,) and embeddings (M, D) of a sequence."""
        rows = sorted(
            self.milvus.rows(
                FRAMES + sequence.model,
                _of(sequence.id),
                ('second', 'embedding'),
            ),
            key=lambda row: row['second'],
        )
        return (
            np.array([row['second'] for row in rows]),
            np.array(
                [read_vector(row['embedding']) for row in rows], np.float32
            ),
        )

    def record(
        self,
        sequence: ArchivedSequence,
        start: float = -np.inf,
        end: float = np.inf,
    ) -> dict:
        """Read the joints of a sequence, or of a stretch of it.

        Args:
            sequence (ArchivedSequence): Of :meth:`sequences`.
            start (float): First second. Defaults to minus infinity.
            end (float): Last second. Defaults to infinity, the end.

        Returns:
            dict: A record with joints and ``timestamps``, of frames around
            the stretch, and ``first_frame``, the number of the first.

        Raises:
            ArchiveError: If parts are missing.
        """
        first = sequence.layout['first']
        wanted = parts_around(
            start - first, end - first, sequence.frames, sequence.duration
        )
        rows = {
            row['part']: row['data']
            for row in self.milvus.rows(
                POSES,
                f'{_of(sequence.id)} and part >= {wanted[0]} and part <= '
                f'{wanted[-1]}',
                ('part', 'data'),
            )
        }
        if rows.keys() != set(wanted):
            raise ArchiveError(
                f'{self.uri} lacks poses of {sequence.name}: ingest '
                f'{sequence.source} again'
            )
        parts = [rows[i] for i in wanted]
        record = unpack_poses(sequence.name, parts, sequence.layout)
        return record | dict(first_frame=wanted[0] * PART)

    def _having(
        self, field: str, values: Iterable[str]
    ) -> Iterator[ArchivedSequence]:
        values = sorted(set(values))
        for i in range(0, len(values), IDS):
            yield from self.sequences(any_of(field, values[i : i + IDS]))

    def _sequences(self, condition: str) -> list[ArchivedSequence]:
        if not self.milvus.has(SEQUENCES):
            return []
        condition = condition or 'id != ""'
        rows = self.milvus.rows(SEQUENCES, condition, ('details', 'complete'))
        return list(map(read_sequence, rows))

    def _prepare(self, width: int) -> None:
        """Create the collections that there are not."""
        for collection, (fields, vector) in collections(
            self.model, width
        ).items():
            if not self.milvus.has(collection):
                self.milvus.create(collection, fields, vector)

    def _put(self, sequence: ArchivedSequence) -> None:
        self.milvus.upsert(SEQUENCES, [sequence_row(sequence)])

    def _put_frames(
        self,
        write: Callable[[str, list[dict]], None],
        sequence: ArchivedSequence,
        seconds: np.ndarray,
        embeddings: np.ndarray,
    ) -> None:
        rows = frame_rows(sequence, seconds, embeddings)
        write(FRAMES + sequence.model, rows)

    def _delete(self, sequences: Sequence[ArchivedSequence]) -> None:
        """Delete sequences; interrupted, what is left is incomplete."""
        for one in sequences:
            if one.complete:
                self._put(replace(one, complete=False))
        self._delete_contents(sequences)
        for i in range(0, len(sequences), IDS):
            ids = [one.id for one in sequences[i : i + IDS]]
            self.milvus.delete(SEQUENCES, any_of('id', ids))

    def _delete_contents(self, sequences: Sequence[ArchivedSequence]) -> None:
        of_models = [
            one for one in self.milvus.collections() if one.startswith(FRAMES)
        ]
        for i in range(0, len(sequences), IDS):
            ids = [one.id for one in sequences[i : i + IDS]]
            for collection in (POSES, *of_models):
                self.milvus.delete(collection, any_of('sequence', ids))


def _of(sequence: str) -> str:
    return f'sequence == "{sequence}"'
