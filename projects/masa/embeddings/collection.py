from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from ..datasets.npy_file import read_npz
from ..support.files import archive_name, atomic_path
from .checks import (
    check_distinct,
    check_frame_values,
    check_same_length,
    check_sequences,
)
from .sequence import EmbeddedSequence

# The activity of a collection in which no activity is known.
ALL = 'all'


@dataclass
class SequenceCollection:
    """A set of embedded sequences, stored by field.

    Every metric is a function of such collections. All fields are lists in
    one order, that of the dataset. Indexing and iteration give
    :class:`EmbeddedSequence`, and :meth:`from_sequences` makes a collection
    of these.

    Args:
        names (list[str]): Sequence ids, each once.
        splits (list[str]): Split of every sequence, such as 'train'.
        labels (list[int]): Activity index, -1 where unknown.
        activities (list[str]): Activity name, '' where unknown.
        embeddings (list[np.ndarray]): (T_i, D) float32, finite.
        phases (list[np.ndarray or None]): (T_i,) int64, negative where a
            frame's phase is unknown; None where no frame's is known.
        canonical_times (list[np.ndarray or None]): Ground-truth time of
            every frame on its activity's axis, (T_i,) float32, in canonical
            frames; None where unknown.
        inputs (list[np.ndarray], optional): Inputs of the model, (T_i, F)
            float32.
        timestamps (list[np.ndarray or None], optional): Time at which every
            frame was recorded, (T_i,) float64, in seconds; None where
            unknown.

    Raises:
        ValueError: If a value is not as described; names the sequence.
    """

    names: list[str]
    splits: list[str]
    labels: list[int]
    activities: list[str]
    embeddings: list[np.ndarray]
    phases: list[np.ndarray | None]
    canonical_times: list[np.ndarray | None]
    inputs: list[np.ndarray] | None = None
    timestamps: list[np.ndarray | None] | None = None

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                check_same_length(self.names, value, field.name)
        check_distinct(self.names)
        self.embeddings = self._checked_frames(self.embeddings, 'embedding')
        if self.inputs is not None:
            self.inputs = self._checked_frames(self.inputs, 'inputs')
        self.phases = self._checked_values(self.phases, 'phase', np.int64)
        self.canonical_times = self._checked_values(
            self.canonical_times, 'canonical_time', np.float32
        )
        if self.timestamps is not None:
            self.timestamps = self._checked_values(
                self.timestamps, 'timestamps', np.float64
            )

    def _checked_frames(self, arrays, field):
        arrays = [np.asarray(array, dtype=np.float32) for array in arrays]
        return check_sequences(arrays, field, self.names)

    def _checked_values(self, arrays, field, dtype):
        return [
            None
            if array is None
            else _checked_array(array, name, frames, field, dtype)
            for name, array, frames in zip(
                self.names, arrays, self.embeddings, strict=True
            )
        ]

    @classmethod
    def from_sequences(
        cls, sequences: Iterable[EmbeddedSequence]
    ) -> 'SequenceCollection':
        """Make a collection of single sequences.

        Joints and videos are not part of it.

        Args:
            sequences (Iterable[EmbeddedSequence]): In the order of the
                dataset.

        Returns:
            SequenceCollection: With inputs if all sequences have them.
        """
        sequences = list(sequences)
        inputs = [sequence.inputs for sequence in sequences]
        known = bool(inputs) and all(values is not None for values in inputs)
        return cls(
            names=[sequence.name for sequence in sequences],
            splits=[sequence.split for sequence in sequences],
            labels=[sequence.label for sequence in sequences],
            activities=[sequence.activity for sequence in sequences],
            embeddings=[sequence.embedding for sequence in sequences],
            phases=[sequence.phase for sequence in sequences],
            canonical_times=[
                sequence.canonical_time for sequence in sequences
            ],
            inputs=inputs if known else None,
            timestamps=[sequence.timestamps for sequence in sequences],
        )

    def __getitem__(self, index: int) -> EmbeddedSequence:
        """Return one of the sequences; arrays are shared."""
        return EmbeddedSequence(
            name=self.names[index],
            embedding=self.embeddings[index],
            timestamps=self.timestamps and self.timestamps[index],
            phase=self.phases[index],
            label=self.labels[index],
            activity=self.activities[index],
            split=self.splits[index],
            canonical_time=self.canonical_times[index],
            inputs=self.inputs and self.inputs[index],
        )

    def __iter__(self) -> Iterator[EmbeddedSequence]:
        return (self[index] for index in range(len(self)))

    def __len__(self):
        return len(self.names)

    def select(self, indices: Iterable[int]) -> 'SequenceCollection':
        """Select sequences by position.

        Args:
            indices (Iterable[int]): Positions, in the order of the result.

        Returns:
            SequenceCollection: The selected sequences; arrays are shared.
        """
        indices = list(indices)
        taken = {}
        for field in fields(self):
            value = getattr(self, field.name)
            taken[field.name] = value and [value[i] for i in indices]
        return SequenceCollection(**taken)

    def subset(self, split: str | Sequence[str]) -> 'SequenceCollection':
        """Select the sequences of one or several splits.

        Args:
            split (str or Sequence[str]): Name or names.

        Returns:
            SequenceCollection: Possibly empty.
        """
        wanted = {split} if isinstance(split, str) else set(split)
        return self.select(
            i for i, name in enumerate(self.splits) if name in wanted
        )

    def by_activity(self) -> dict[str, 'SequenceCollection']:
        """Group the sequences by activity, in alphabetical order.

        Sequences of unknown activity are left out. If all are unknown, they
        form one group, 'all'.

        Returns:
            dict[str, SequenceCollection]: Collections by activity.
        """
        activities = self.activity_names()
        if not any(activities):
            return {ALL: self} if len(self) else {}
        return {
            name: self.select(
                i for i, activity in enumerate(activities) if activity == name
            )
            for name in sorted(set(activities) - {''})
        }

    def activity_names(self) -> list[str]:
        """Return the name of every sequence's activity.

        Returns:
            list[str]: The name; 'label 3' where only the index 3 is known;
            '' where neither is known.
        """
        return [
            activity or (f'label {label}' if label >= 0 else '')
            for activity, label in zip(
                self.activities, self.labels, strict=True
            )
        ]

    def with_embeddings(
        self, embeddings: Sequence[np.ndarray]
    ) -> 'SequenceCollection':
        """Replace the embeddings.

        Args:
            embeddings (Sequence[np.ndarray]): (T_i, D') arrays.

        Returns:
            SequenceCollection: The same sequences with these embeddings.
        """
        return replace(self, embeddings=list(embeddings))

    def save(self, path: str | Path) -> None:
        """Write the embeddings to a file atomically.

        Entries: ``<sequence>/embedding`` (T, D) float32,
        ``<sequence>/label``, ``<sequence>/split``, and where known
        ``<sequence>/phase``, ``<sequence>/activity``,
        ``<sequence>/canonical_time`` and ``<sequence>/timestamps``. Inputs
        are not written. A sequence is named by its id, see
        :func:`~masa.support.files.archive_name`.

        Args:
            path (str or Path): The file, ending in '.npz'.

        Raises:
            ValueError: If it does not end in '.npz'.
        """
        if Path(path).suffix.lower() != '.npz':
            raise ValueError(
                f"the file's name is expected to end in .npz, but got {path}"
            )
        entries = {}
        for sequence in self:
            values = dict(
                embedding=sequence.embedding,
                label=np.int64(sequence.label),
                split=np.str_(sequence.split),
                phase=sequence.phase,
                activity=sequence.activity or None,
                canonical_time=sequence.canonical_time,
                timestamps=sequence.timestamps,
            )
            name = archive_name(sequence.name)
            for field, value in values.items():
                if value is not None:
                    entries[f'{name}/{field}'] = value
        # NumPy adds another ending to a path that ends in .NPZ.
        with atomic_path(path) as temporary, open(temporary, 'wb') as file:
            np.savez(file, **entries)

    @classmethod
    def load(cls, path: str | Path) -> 'SequenceCollection':
        """Read a file that :meth:`save` wrote.

        Args:
            path (str or Path): The file.

        Returns:
            SequenceCollection: Without inputs.

        Raises:
            ValueError: If the file is no such archive, or a sequence lacks
                its embedding, label or split.
        """
        try:
            entries = read_npz(path)
        except ValueError as error:
            raise ValueError(
                f'{path} is expected to be a complete .npz archive: {error}'
            ) from error
        records = {}
        for key, value in entries.items():
            # Ids may contain slashes.
            name, _, field = key.rpartition('/')
            name = unquote(name, errors='surrogatepass')
            records.setdefault(name, {})[field] = value
        return cls.from_sequences(
            _sequence_of_entries(path, name, record)
            for name, record in records.items()
        )


def _checked_array(array, name, frames, field, dtype):
    """Check the values of the frames of one sequence, and convert them."""
    (array,) = check_frame_values([array], [frames], field, [name])
    if dtype == np.int64 and array.dtype.kind not in 'iu':
        raise ValueError(
            f'{field} of {name!r} is expected to hold integers, but got '
            f'{array.dtype}'
        )
    array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise ValueError(f'{field} of {name!r} is expected to be finite')
    return array


def _sequence_of_entries(path, name, record):
    missing = {'embedding', 'label', 'split'} - record.keys()
    if missing:
        raise ValueError(f'{path}: sequence {name!r} lacks {sorted(missing)}')
    return EmbeddedSequence(
        name=name,
        embedding=record['embedding'],
        timestamps=record.get('timestamps'),
        phase=record.get('phase'),
        label=int(record['label']),
        activity=str(record.get('activity', '')),
        split=str(record['split']),
        canonical_time=record.get('canonical_time'),
    )
