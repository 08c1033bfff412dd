"""How an archive is laid out in Milvus: its collections and their rows."""

import json

import numpy as np

from .errors import ArchiveError, RefusedSequenceError
from .packed_poses import PackedPoses
from .sequences import FILTERS, FORMAT, ArchivedSequence, Stretch

# A row of each sequence; its joints in parts; and, followed by the version of
# the model, its moments.
SEQUENCES, POSES, FRAMES = 'masa_sequences', 'masa_poses', 'masa_frames_'
# Bytes of a text, and of all that is known of a sequence.
LONGEST, LONGEST_DETAILS = 1024, 65535
# Each collection needs a vector, even if nothing is searched in it.
_NO_VECTOR = ('FLOAT_VECTOR', dict(dim=2))
_TEXT = ('VARCHAR', dict(max_length=LONGEST))
_LONG_TEXT = ('VARCHAR', dict(max_length=LONGEST_DETAILS))
_ID = ('VARCHAR', dict(max_length=64))

Fields = dict[str, tuple[str, dict]]


def collections(model: str, width: int) -> dict[str, tuple[Fields, str]]:
    """Describe the collections of an archive.

    Args:
        model (str): Version of the model.
        width (int): Numbers of an embedding.

    Returns:
        dict[str, tuple[Fields, str]]: By the name of each, Milvus's types of
        the fields, of which the first is the primary key, and the vector.
    """
    searched = ('name', 'source', 'file_digest', 'model', *FILTERS)
    sequences = dict(
        id=_ID,
        **dict.fromkeys(searched, _TEXT),
        details=_LONG_TEXT,
        complete=('BOOL', {}),
        vector=_NO_VECTOR,
    )
    poses = dict(
        id=_ID,
        sequence=_ID,
        part=('INT64', {}),
        data=_LONG_TEXT,
        vector=_NO_VECTOR,
    )
    frames = dict(
        id=_ID,
        sequence=_ID,
        second=('FLOAT', {}),
        **dict.fromkeys(FILTERS, _TEXT),
        # Half as large as float32, and near enough for candidates.
        embedding=('FLOAT16_VECTOR', dict(dim=width)),
    )
    return {
        SEQUENCES: (sequences, 'vector'),
        POSES: (poses, 'vector'),
        FRAMES + model: (frames, 'embedding'),
    }


def sequence_row(sequence: ArchivedSequence) -> dict:
    """Make the row of a sequence.

    Raises:
        RefusedSequenceError: If a text is longer than Milvus takes.
    """
    details = vars(sequence) | dict(format=FORMAT)
    kept = ('id', 'name', 'source', 'file_digest', 'model', 'complete')
    row = {key: details[key] for key in (*kept, *FILTERS)}
    row |= dict(
        details=json.dumps(details, ensure_ascii=False), vector=[0.0, 0.0]
    )
    for key, value in row.items():
        most = LONGEST_DETAILS if key == 'details' else LONGEST
        if isinstance(value, str) and len(value.encode()) > most:
            what = 'labeled stretches and more' if key == 'details' else key
            raise RefusedSequenceError(
                f'the {what} of {sequence.name[:80]} are expected to take up '
                f'to {most} bytes, but take {len(value.encode())}'
            )
    return row


def read_sequence(row: dict) -> ArchivedSequence:
    """Read the ``details`` and ``complete`` of a row of a sequence.

    Raises:
        ArchiveError: If another version of masa wrote it.
    """
    details = json.loads(row['details'])
    found = details.pop('format')
    if found != FORMAT:
        raise ArchiveError(
            f'the archive is of the format {found}, and this version of masa '
            f'reads {FORMAT}: ingest the sources again into a new one'
        )
    stretches = tuple(Stretch(*one) for one in details['stretches'])
    return ArchivedSequence(
        **details | dict(stretches=stretches, complete=row['complete'])
    )


def pose_rows(sequence: str, poses: PackedPoses) -> list[dict]:
    """Make the rows of the joints of a sequence, by its id."""
    return [
        dict(
            id=f'{sequence}-{part}',
            sequence=sequence,
            part=part,
            data=data,
            vector=[0.0, 0.0],
        )
        for part, data in enumerate(poses.parts)
    ]


def frame_rows(
    sequence: ArchivedSequence, seconds: np.ndarray, embeddings: np.ndarray
) -> list[dict]:
    """Make the rows of the moments of a sequence, in the order of time.

    Args:
        sequence (ArchivedSequence): The sequence.
        seconds (np.ndarray): Their times, in any order, (M,).
        embeddings (np.ndarray): Their embeddings, (M, D).

    Returns:
        list[dict]: The rows, numbered by time.
    """
    order = np.argsort(seconds, kind='stable')
    return [
        dict(
            id=f'{sequence.id}-{number}',
            sequence=sequence.id,
            second=float(seconds[i]),
            person=sequence.person,
            date=sequence.date,
            activity=sequence.activity_at(float(seconds[i])),
            embedding=embeddings[i].astype(np.float16),
        )
        for number, i in enumerate(order)
    ]


def read_vector(stored: bytes | list[bytes]) -> np.ndarray:
    """Read a FLOAT16 vector as Milvus returns it, (D,)."""
    (content,) = stored if isinstance(stored, list) else (stored,)
    return np.frombuffer(content, np.float16)
