from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from ..datasets.npy_file import read_npz
from ..support.files import archive_name, atomic_path

# What a collection without any activity is called as a whole.
ALL = 'all'


@dataclass
class SequenceCollection:
    """The embeddings of a data set with what is known of its sequences.

    Every metric is a function of such collections. All fields are lists in
    one order, that of the data set.

    Args:
        names (list[str]): Sequence ids, each once.
        splits (list[str]): Split of every sequence, such as 'train'.
        labels (list[int]): Activity index, -1 where unknown.
        activities (list[str]): Activity name, '' where unknown.
        embeddings (list[np.ndarray]): (T_i, D) float32, finite.
        phases (list[np.ndarray or None]): (T_i,) int64, negative where a
            frame's phase is unknown; None where no frame's is known.
        canonical_times (list[np.ndarray or None]): True time of every frame
            on its activity's axis, (T_i,) float32, in canonical frames; None
            where unknown.
        inputs (list[np.ndarray], optional): What the model saw, (T_i, F)
            float32.
        timestamps (list[np.ndarray or None], optional): When every frame was
            recorded, (T_i,) float64, in seconds; None where unknown.

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
            if value is not None and len(value) != len(self.names):
                raise ValueError(
                    f'{field.name} is expected to have one item for each of '
                    f'the {len(self.names)} sequences, but got {len(value)}'
                )
        if len(set(self.names)) < len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise ValueError(f'sequences come more than once: {twice}')
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
        for name, array in zip(self.names, arrays, strict=True):
            if array.ndim != 2 or 0 in array.shape:
                raise ValueError(
                    f'{field} of {name!r} is expected to have shape (T, D) '
                    f'with T >= 1 and D >= 1, but got {array.shape}'
                )
            if array.shape[1] != arrays[0].shape[1]:
                raise ValueError(
                    f'{field} of {name!r} is expected to be as wide as that '
                    f'of {self.names[0]!r}, {arrays[0].shape[1]}, '
                    f'but got {array.shape[1]}'
                )
            if not np.isfinite(array).all():
                frame = np.argwhere(~np.isfinite(array))[0, 0]
                raise ValueError(
                    f'{field} of {name!r} is expected to be finite, '
                    f'but frame {frame} is not'
                )
        return arrays

    def _checked_values(self, arrays, field, dtype):
        checked = []
        for name, array, frames in zip(
            self.names, arrays, self.embeddings, strict=True
        ):
            if array is not None:
                array = np.asarray(array)
                if array.shape != (len(frames),):
                    raise ValueError(
                        f'{field} of {name!r} is expected to have shape '
                        f'{(len(frames),)}, as its embedding has '
                        f'{len(frames)} frames, but got {array.shape}'
                    )
                if dtype == np.int64 and array.dtype.kind not in 'iu':
                    raise ValueError(
                        f'{field} of {name!r} is expected to hold integers, '
                        f'but got {array.dtype}'
                    )
                array = array.astype(dtype)
                if not np.isfinite(array).all():
                    raise ValueError(
                        f'{field} of {name!r} is expected to be finite'
                    )
            checked.append(array)
        return checked

    def __len__(self):
        return len(self.names)

    def select(self, indices: Iterable[int]) -> 'SequenceCollection':
        """Take some of the sequences.

        Args:
            indices (Iterable[int]): Which, in the order they shall have.

        Returns:
            SequenceCollection: A collection of these; arrays are shared.
        """
        indices = list(indices)
        taken = {}
        for field in fields(self):
            value = getattr(self, field.name)
            taken[field.name] = value and [value[i] for i in indices]
        return SequenceCollection(**taken)

    def subset(self, split: str | Sequence[str]) -> 'SequenceCollection':
        """Take the sequences of one split, or of several.

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
        """Divide the sequences by activity, in alphabetical order.

        Sequences of unknown activity are left out; if all are unknown, the
        whole is taken as one activity, 'all'.

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
        """Name every sequence's activity.

        Returns:
            list[str]: The name; 'label 3' for an activity known by its index
            alone; '' where neither is known.
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
        """Put other embeddings in the place of these.

        Args:
            embeddings (Sequence[np.ndarray]): (T_i, D') arrays.

        Returns:
            SequenceCollection: The same sequences otherwise.
        """
        return replace(self, embeddings=list(embeddings))

    def save(self, path: str | Path) -> None:
        """Write the embeddings to a file, completely or not at all.

        Entries: ``<sequence>/embedding`` (T, D) float32,
        ``<sequence>/label``, ``<sequence>/split``, and where known
        ``<sequence>/phase``, ``<sequence>/activity``,
        ``<sequence>/canonical_time`` and ``<sequence>/timestamps``. The
        inputs are not written. A sequence goes by its id, see
        :func:`~masa.support.files.archive_name`.

        Args:
            path (str or Path): The file, ending in '.npz'.

        Raises:
            ValueError: If it does not end in '.npz'.
        """
        if Path(path).suffix != '.npz':
            raise ValueError(
                f"the file's name is expected to end in .npz, but got {path}"
            )
        entries = {}
        for i, name in enumerate(map(archive_name, self.names)):
            entries[f'{name}/embedding'] = self.embeddings[i]
            entries[f'{name}/label'] = np.int64(self.labels[i])
            entries[f'{name}/split'] = np.str_(self.splits[i])
            if self.phases[i] is not None:
                entries[f'{name}/phase'] = self.phases[i]
            if self.activities[i]:
                entries[f'{name}/activity'] = np.str_(self.activities[i])
            if self.canonical_times[i] is not None:
                entries[f'{name}/canonical_time'] = self.canonical_times[i]
            if self.timestamps and self.timestamps[i] is not None:
                entries[f'{name}/timestamps'] = self.timestamps[i]
        with atomic_path(path) as temporary:
            np.savez(temporary, **entries)

    @classmethod
    def load(cls, path: str | Path) -> 'SequenceCollection':
        """Read what :meth:`save` wrote.

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
            # Ids may hold slashes themselves.
            name, _, field = key.rpartition('/')
            name = unquote(name, errors='surrogatepass')
            records.setdefault(name, {})[field] = value
        for name, record in records.items():
            missing = {'embedding', 'label', 'split'} - record.keys()
            if missing:
                raise ValueError(
                    f'{path}: sequence {name!r} lacks {sorted(missing)}'
                )
        values = records.values()
        return cls(
            names=list(records),
            splits=[str(record['split']) for record in values],
            labels=[int(record['label']) for record in values],
            activities=[str(record.get('activity', '')) for record in values],
            embeddings=[record['embedding'] for record in values],
            phases=[record.get('phase') for record in values],
            canonical_times=[r.get('canonical_time') for r in values],
            timestamps=[record.get('timestamps') for record in values],
        )
