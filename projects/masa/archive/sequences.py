"""What an archive holds of a sequence."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..apis.embedding_inferencer import EmbeddingInferencer
from ..datasets.transforms import SelectBodyJoints, SelectPerson
from .packed_poses import PackedPoses, pack_poses, unpack_poses
from .windows import STEP, WINDOW, embed_moments

# What a search can be limited by.
FILTERS = ('activity', 'person', 'date')
# How an archive is laid out; another number is another archive.
FORMAT = 1
# Digits of a SHA-256 that name a sequence, and a model.
_DIGITS, _MODEL_DIGITS = 24, 12


class Stretch(NamedTuple):
    """A stretch of a sequence that shows an activity.

    Attributes:
        start (float): Its first second.
        end (float): The second after its last.
        activity (str): What it shows.
    """

    start: float
    end: float
    activity: str


@dataclass(frozen=True)
class ArchivedSequence:
    """What an archive knows of a sequence.

    Attributes:
        id (str): Digest of its content and of how it was read.
        name (str): Its name.
        source (str): The file that it was read from.
        file_digest (str): Digest of that file and of how it is read; '' if
            it holds several sequences, or is a folder.
        person (str): Whom it shows, '' if unknown.
        date (str): When it was recorded, such as 2026-11-30.
        activity (str): What it shows.
        stretches (tuple[Stretch, ...]): What parts of it show.
        frames (int): Number of its frames.
        duration (float): Seconds from its first frame to the last.
        layout (dict): Of its packed poses.
        model (str): Version of the model that embedded it.
        complete (bool): Whether all of it is written.
    """

    id: str
    name: str
    source: str
    file_digest: str
    person: str
    date: str
    activity: str
    stretches: tuple[Stretch, ...]
    frames: int
    duration: float
    layout: dict
    model: str
    complete: bool = False

    def keep_told(self, old: 'ArchivedSequence') -> 'ArchivedSequence':
        """Keep what was told of the sequence before it was read again.

        Args:
            old (ArchivedSequence): What is in the archive.

        Returns:
            ArchivedSequence: This, with what it does not tell itself.
        """
        told = {
            name: getattr(self, name) or getattr(old, name) for name in FILTERS
        }
        if self.id == old.id:
            told['stretches'] = self.stretches or old.stretches
        return replace(self, **told)

    def activity_at(self, second: float) -> str:
        """Return what is shown at a second."""
        for one in self.stretches:
            if one.start <= second < one.end:
                return one.activity
        return self.activity


@dataclass(frozen=True, eq=False)
class Entry:
    """A sequence that is to be archived.

    Attributes:
        sequence (ArchivedSequence): What is known of it.
        poses (PackedPoses): Its joints.
        seconds (np.ndarray): Times of its moments, (M,).
        embeddings (np.ndarray): Of its moments, (M, D).
    """

    sequence: ArchivedSequence
    poses: PackedPoses = field(repr=False)
    seconds: np.ndarray
    embeddings: np.ndarray


class Hit(NamedTuple):
    """A moment that is like another.

    Attributes:
        sequence (str): Id of its sequence.
        second (float): Its time in the sequence.
        distance (float): Squared distance of the embeddings.
    """

    sequence: str
    second: float
    distance: float


def make_entry(
    inferencer: EmbeddingInferencer,
    record: dict,
    source: str,
    file_digest: str = '',
) -> Entry:
    """Embed a record for an archive.

    Args:
        inferencer (EmbeddingInferencer): The model.
        record (dict): A record with joints of a body and time stamps, and
            perhaps ``activity``.
        source (str): Where it was read.
        file_digest (str): Of :class:`ArchivedSequence`.

    Returns:
        Entry: For :meth:`Archive.add`.

    Raises:
        ValueError: If the model takes no joints of any body, or refuses the
            record, or its times are not known.
    """
    if inferencer.frame_rate is not None:
        record = {'frame_rate': inferencer.frame_rate} | record
    version = model_version(inferencer)
    selected = dict(record)
    for step in inferencer.model.transforms:
        if isinstance(step, (SelectPerson, SelectBodyJoints)):
            selected = step(selected)
    poses = pack_poses(selected)
    # What can be read again from the archive is what is embedded.
    record = record | unpack_poses(
        record['frame_dir'], poses.parts, poses.layout
    )
    frames, embeddings = embed_moments(inferencer, record)
    times = record['timestamps']
    settings = f'{FORMAT} {WINDOW} {STEP} {poses.digest}'
    return Entry(
        ArchivedSequence(
            id=hashlib.sha256(settings.encode()).hexdigest()[:_DIGITS],
            name=record['frame_dir'],
            source=source,
            file_digest=file_digest,
            person='',
            date='',
            activity=record.get('activity', ''),
            stretches=(),
            frames=poses.frames,
            duration=float(times[-1] - times[0]),
            layout=poses.layout,
            model=version,
        ),
        poses,
        times[frames],
        embeddings,
    )


def model_version(inferencer: EmbeddingInferencer) -> str:
    """Return a digest of the weights of a model.

    Args:
        inferencer (EmbeddingInferencer): The model.

    Returns:
        str: Hexadecimal digits.

    Raises:
        ValueError: If it is no model of the joints of any body.
    """
    model = inferencer.model
    if not any(isinstance(t, SelectBodyJoints) for t in model.transforms):
        raise ValueError(
            'an archive is for models that take any body, such as the '
            'pretrained one (leave out --model), or one that was trained on '
            'from it: the test pipeline is expected to have SelectBodyJoints'
        )
    digest = hashlib.sha256()
    if hasattr(model, 'path'):
        digest.update(model.path.read_bytes())
    else:
        for name, values in sorted(model.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()[:_MODEL_DIGITS]
