import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..alignment import Match
from ..embeddings.checks import (
    check_distinct,
    check_frame_values,
    check_same_length,
    check_sequences,
)
from ..embeddings.neighbors import search_index
from ..support.argument_checks import check_one_or_more
from ..support.extras import explain_missing
from ..support.files import atomic_path

EXACT = 'Flat'


class FrameMatches(NamedTuple):
    """The nearest frames of several queries, the nearest first.

    Attributes:
        sequence (np.ndarray): Positions in ``FrameIndex.names``, (Q, k)
            int64; -1 where an approximate index found no more.
        frame (np.ndarray): Frames of these sequences, (Q, k) int64; -1 in
            the same places.
        distance (np.ndarray): Squared Euclidean distances, (Q, k) float64;
            infinite in the same places.
    """

    sequence: np.ndarray
    frame: np.ndarray
    distance: np.ndarray


class FrameIndex:
    """Finds nearest neighbors among millions of frames, with faiss.

    The search is exact by default. The candidates of faiss, which computes
    in float32, are ranked in float64, and more are added where rounding
    could have missed one. Equally near frames come in the order in which
    they were added.

    Args:
        names (Sequence[str]): Ids of the sequences, each once.
        embeddings (Sequence[np.ndarray]): Their embeddings, (T_i, D),
            finite.
        factory (str): Description of the index for ``faiss.index_factory``.
            Defaults to ``'Flat'``, which is exact; ``'IVF1024,Flat'`` and
            ``'HNSW32,Flat'`` are faster and miss some frames. An index that
            does not store the vectors gives rounded distances.
        parameters (str): Search parameters for ``faiss.ParameterSpace``,
            such as ``'nprobe=16'`` or ``'efSearch=64'``.
        timestamps (Sequence[np.ndarray | None], optional): Time at which
            every frame was recorded, in seconds, (T_i,); None where unknown,
            and by default.

    Raises:
        ImportError: If faiss is not installed.
        ValueError: If a name occurs twice, there is no sequence, or shapes
            disagree.

    Example:
        >>> from masa.apis import FrameIndex
        >>> index = FrameIndex([s.name for s in sequences],
        ...                    [s.embedding for s in sequences])
        >>> index.retrieve(sequences[0].embedding[30], k=5,
        ...                exclude=sequences[0].name)
    """

    def __init__(
        self,
        names: Sequence[str],
        embeddings: Sequence[np.ndarray],
        factory: str = EXACT,
        parameters: str = '',
        timestamps: Sequence[np.ndarray | None] | None = None,
    ):
        if not len(embeddings):
            raise ValueError('an index is expected to hold sequences')
        faiss = _faiss()
        self.names: list[str] = []
        self.timestamps: list[list[float] | None] = []
        self.ends = np.zeros(0, dtype=np.int64)
        self.largest_norm = 0.0
        width = np.shape(embeddings[0])[-1]
        self.index = faiss.index_factory(width, factory)
        if not self.index.is_trained:
            frames = check_sequences(embeddings)
            self.index.train(np.concatenate(frames).astype(np.float32))
        self.add(names, embeddings, timestamps)
        self._configure(parameters)

    def add(
        self,
        names: Sequence[str],
        embeddings: Sequence[np.ndarray],
        timestamps: Sequence[np.ndarray | None] | None = None,
    ) -> None:
        """Add sequences.

        Args:
            names (Sequence[str]): Ids of the sequences.
            embeddings (Sequence[np.ndarray]): Their embeddings, (T_i, D).
            timestamps (Sequence[np.ndarray | None], optional): See the class.

        Raises:
            ValueError: If a name is in the index already, or shapes disagree.
        """
        sequences = check_sequences(embeddings)
        check_same_length(sequences, names, 'names')
        if timestamps is None:
            timestamps = [None] * len(names)
        check_same_length(sequences, timestamps, 'timestamps')
        for name, times, sequence in zip(
            names, timestamps, sequences, strict=True
        ):
            if times is not None:
                check_frame_values([times], [sequence], 'timestamps', [name])
        together = [*self.names, *names]
        check_distinct(together)
        for sequence in sequences:
            self._check_width(sequence)
        for sequence in sequences:
            self.index.add(np.ascontiguousarray(sequence, dtype=np.float32))
            norm = np.linalg.norm(sequence.astype(np.float64), axis=1).max()
            self.largest_norm = max(self.largest_norm, float(norm))
        self.names = together
        self.timestamps += [
            None if times is None else np.round(times, 6).tolist()
            for times in timestamps
        ]
        lengths = np.array([len(sequence) for sequence in sequences])
        self.ends = np.concatenate([self.ends, len(self) + lengths.cumsum()])

    def __len__(self) -> int:
        """Return the number of frames."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def seconds(self, sequence: int, frame: int) -> float | None:
        """Return the time at which a frame was recorded.

        Args:
            sequence (int): Position in ``names``.
            frame (int): Frame of that sequence.

        Returns:
            float, optional: Seconds from the start of the recording, to the
            millisecond; None if unknown.
        """
        times = self.timestamps[sequence]
        return None if times is None else round(times[frame], 3)

    def search(
        self, queries: np.ndarray, k: int, exclude: str | None = None
    ) -> FrameMatches:
        """Find the nearest frames.

        Args:
            queries (np.ndarray): Embeddings of frames, (Q, D).
            k (int): Number of neighbors, at least 1; fewer are returned if
                there are no more.
            exclude (str, optional): Name of a sequence that is left out,
                such as that of the queries.

        Returns:
            FrameMatches: Arrays of shape (Q, k).

        Raises:
            ValueError: If ``k`` is below 1, the width differs from that of
                the index, or there is no sequence ``exclude``.
        """
        check_one_or_more(k=k)
        (queries,) = check_sequences([queries], 'queries')
        self._check_width(queries)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        start, end = self._range(exclude)
        k = min(k, len(self) - (end - start))
        rows, distances = search_index(
            self.index,
            queries,
            k,
            (start, end),
            self._rounding(queries) if self.is_exact else None,
        )
        sequence = np.searchsorted(self.ends, rows, side='right')
        starts = np.concatenate([[0], self.ends])[sequence]
        found = rows >= 0
        return FrameMatches(
            np.where(found, sequence, -1),
            np.where(found, rows - starts, -1),
            distances,
        )

    def retrieve(
        self, query: np.ndarray, k: int = 5, exclude: str | None = None
    ) -> list[Match]:
        """Retrieve the nearest frame of each of the nearest sequences.

        See :func:`~masa.alignment.retrieve_frames`.

        Args:
            query (np.ndarray): Embedding of a frame, (D,).
            k (int): Number of sequences, at least 1.
            exclude (str, optional): Name of a sequence that is left out.

        Returns:
            list[Match]: The nearest first; ``sequence`` is a position in
            ``names``.

        Raises:
            ValueError: See :meth:`search`.
        """
        count = k
        while True:
            count *= 4
            matches = self.search(np.asarray(query)[None], count, exclude)
            sequence = matches.sequence[0]
            _, first = np.unique(sequence, return_index=True)
            # The first frame of every sequence is its nearest.
            first = [i for i in np.sort(first) if sequence[i] >= 0]
            if len(first) >= k or len(sequence) < count or -1 in sequence:
                break
        return [
            Match(
                int(sequence[i]),
                int(matches.frame[0, i]),
                float(matches.distance[0, i]),
            )
            for i in first[:k]
        ]

    def save(self, path: str | Path) -> None:
        """Write the index, and a ``.json`` of the sequences beside it.

        Args:
            path (str | Path): The file, ending in ``.faiss``.

        Raises:
            ValueError: If the name has another ending.
        """
        path = _checked_path(path)
        with atomic_path(path) as temporary:
            _faiss().write_index(self.index, str(temporary))
        sequences = dict(
            names=self.names,
            ends=self.ends.tolist(),
            largest_norm=self.largest_norm,
            timestamps=self.timestamps,
        )
        with atomic_path(path.with_suffix('.json')) as temporary:
            temporary.write_text(json.dumps(sequences), encoding='utf-8')

    @classmethod
    def load(cls, path: str | Path, parameters: str = '') -> 'FrameIndex':
        """Read an index that :meth:`save` wrote.

        Args:
            path (str | Path): The ``.faiss`` file.
            parameters (str): Search parameters, see the class. Defaults to
                those of the saved index.

        Returns:
            FrameIndex: The index.

        Raises:
            FileNotFoundError: If one of the two files is missing.
            ValueError: If they do not belong together.
        """
        path = _checked_path(path)
        for file in (path, path.with_suffix('.json')):
            if not file.is_file():
                raise FileNotFoundError(f'there is no {file}')
        index = cls.__new__(cls)
        index.index = _faiss().read_index(str(path))
        text = path.with_suffix('.json').read_text(encoding='utf-8')
        sequences = json.loads(text)
        index.names = sequences['names']
        index.ends = np.array(sequences['ends'], dtype=np.int64)
        index.largest_norm = sequences['largest_norm']
        # Indices of earlier versions have no time stamps.
        index.timestamps = sequences.get(
            'timestamps', [None] * len(index.names)
        )
        if index.index.ntotal != len(index):
            raise ValueError(
                f'{path} holds {index.index.ntotal} frames, but the '
                f'sequences of {path.with_suffix(".json")} have {len(index)}'
            )
        index._configure(parameters)
        return index

    @property
    def is_exact(self) -> bool:
        """bool: Whether no nearer frame can be missed."""
        return isinstance(self.index, _faiss().IndexFlat)

    def _configure(self, parameters: str) -> None:
        if parameters:
            _faiss().ParameterSpace().set_index_parameters(
                self.index, parameters
            )

    def _check_width(self, frames: np.ndarray) -> None:
        if frames.shape[1] != self.index.d:
            raise ValueError(
                f'frames are expected to have {self.index.d} values, as the '
                f'index has, but got {frames.shape[1]}'
            )

    def _range(self, name: str | None) -> tuple[int, int]:
        """Start and stop of the rows of a sequence."""
        if name is None:
            return 0, 0
        if name not in self.names:
            raise ValueError(f'there is no sequence {name!r} in the index')
        number = self.names.index(name)
        start = self.ends[number - 1] if number else 0
        return int(start), int(self.ends[number])

    def _rounding(self, queries: np.ndarray) -> np.ndarray:
        """Bound the rounding of faiss's distances to each query, (Q,)."""
        norms = np.linalg.norm(queries.astype(np.float64), axis=1)
        unit = np.finfo(np.float32).eps / 2 * (self.index.d + 4)
        return unit * (norms + self.largest_norm) ** 2


def _checked_path(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix.lower() != '.faiss':
        raise ValueError(
            f"the file's name is expected to end in .faiss, but got {path}"
        )
    return path


def _faiss():
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise explain_missing('an index of frames', 'index', error) from error
    return faiss
