"""Finding occurrences by a model that embeds parts of a recording anew."""

import warnings
from collections.abc import Sequence

import numpy as np

from ..alignment import Occurrence, find_occurrences
from ..alignment.joint_angles import (
    body_joints,
    flatten_joints,
    has_body,
    joints_of_parts,
    select_body,
)
from ..alignment.occurrence_search import EmbedParts
from ..alignment.trimming import pauses_at_ends
from ..datasets.parts import Part
from ..embeddings import EmbeddedSequence
from .embedding_inferencer import EmbeddingInferencer

# Defaults of the tolerance, of embeddings alone and with joints in 3D.
TOLERANCE, TOLERANCE_3D = 0.15, 0.3
# Of the mean squared distance of the joints, in torso lengths, beside that of
# the embeddings.
JOINT_WEIGHT = 20.0
# Joints that are missing in more of the frames of a sequence are left out, and
# all are if fewer than these remain.
MISSING, FEWEST = 0.05, 8
# A recording that lasts less than this share of the references is perhaps one.
SHORT = 0.5


def find_in_recording(
    inferencer: EmbeddingInferencer,
    references: Sequence[EmbeddedSequence],
    recording: EmbeddedSequence,
    tolerance: float | None,
    mirrored: bool,
) -> list[Occurrence]:
    """Find where a recording shows what references show.

    Bodies in 3D are compared by their embeddings and their joints, which lie
    side by side: unlike in 2D, nothing is hidden from the joints, and they can
    be turned to face one way.

    Args:
        inferencer (EmbeddingInferencer): What embedded the sequences.
        references (Sequence[EmbeddedSequence]): One or several.
        recording (EmbeddedSequence): The sequence to search.
        tolerance (float, optional): See
            :meth:`masa.apis.AlignmentInferencer.find`.
        mirrored (bool): Whether to find the mirror image as well.

    Returns:
        list[Occurrence]: The best first.

    Raises:
        ValueError: As :meth:`masa.apis.AlignmentInferencer.find`.
    """
    known = [*references]
    if mirrored:
        for one in references:
            mirror = inferencer.embed_mirrored(one)
            if mirror is None:
                raise ValueError(
                    'mirrored is for joints whose layout has flip_pairs, but '
                    f'{one.name} has none'
                )
            known.append(mirror)
    lengths = [_length_in(recording, one) for one in known]
    if len(recording) < SHORT * min(lengths):
        warnings.warn(
            f'{recording.name}, the recording, is much shorter than the '
            'references: the recording is expected last',
            stacklevel=3,
        )
    shown = _shown_joints([*references, recording])
    in_3d = bool(shown) and recording.keypoint.shape[-1] == 3
    if tolerance is None:
        tolerance = TOLERANCE_3D if in_3d else TOLERANCE
    features = [one.embedding for one in (*known, recording)]
    poses = []
    if shown:
        poses = [
            _poses(body_joints(one), shown) for one in (*known, recording)
        ]
    if in_3d:
        features = list(map(_beside, features, poses))
    embed_parts = None
    if recording.record is not None and 'keypoint' in recording.record:
        embed_parts = inferencer.part_embedder(recording)
        if in_3d:
            embed_parts = _with_joints(embed_parts, recording, shown)
    found = find_occurrences(
        features[:-1], features[-1], tolerance, lengths, embed_parts
    )
    if shown:
        found = _without_pauses(found, recording, shown, poses, lengths)
    return [
        one._replace(
            start=recording.seconds(one.start_frame),
            end=recording.seconds(one.end_frame - 1),
            reference=one.reference % len(references),
            mirrored=one.reference >= len(references),
        )
        for one in found
    ]


def usual_tolerance(sequences: Sequence[EmbeddedSequence]) -> float:
    """Return the default of the tolerance.

    Args:
        sequences (Sequence[EmbeddedSequence]): References and recording.

    Returns:
        float: A larger one if all are bodies in 3D.
    """
    in_3d = _shown_joints(sequences) and sequences[0].keypoint.shape[-1] == 3
    return TOLERANCE_3D if in_3d else TOLERANCE


def _shown_joints(sequences: Sequence[EmbeddedSequence]) -> list[int]:
    """Find the joints that all sequences show in nearly all frames.

    None if not all are of one body, all in 2D or all in 3D, or fewer than
    ``FEWEST`` are left.
    """
    if not all(
        has_body(one) and one.keypoint.shape[1] == len(one.skeleton['joints'])
        for one in sequences
    ):
        return []
    if len({one.keypoint.shape[-1] for one in sequences}) > 1:
        return []
    missing = [np.isnan(body_joints(one)).any(-1).mean(0) for one in sequences]
    shown = np.flatnonzero(np.max(missing, axis=0) <= MISSING).tolist()
    return shown if len(shown) >= FEWEST else []


def _with_joints(
    embed_parts: EmbedParts, recording: EmbeddedSequence, shown: Sequence[int]
) -> EmbedParts:
    """Put the joints of every part beside its embeddings."""
    body = select_body(recording)

    def embed(parts: Sequence[Part]) -> list[np.ndarray]:
        poses = (_poses(one, shown) for one in joints_of_parts(body, parts))
        return list(map(_beside, embed_parts(parts), poses))

    return embed


def _poses(joints: np.ndarray, shown: Sequence[int]) -> np.ndarray:
    """Flatten joints so that a joint's mean squared distance counts."""
    return flatten_joints(joints[:, shown]) / np.sqrt(len(shown))


def _beside(embedding: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Put poses beside the embeddings: float32."""
    return np.concatenate(
        [embedding, np.sqrt(JOINT_WEIGHT) * poses], axis=1, dtype=np.float32
    )


def _without_pauses(
    found: Sequence[Occurrence],
    recording: EmbeddedSequence,
    shown: Sequence[int],
    poses: Sequence[np.ndarray],
    lengths: Sequence[float],
) -> list[Occurrence]:
    """Trim ends in which the body stands still longer than the reference."""
    parts = [(one.start_frame, one.end_frame) for one in found]
    trimmed = []
    for one, joints in zip(
        found, joints_of_parts(select_body(recording), parts), strict=True
    ):
        start, end = pauses_at_ends(
            poses[one.reference], _poses(joints, shown), lengths[one.reference]
        )
        trimmed.append(
            one._replace(
                start_frame=one.start_frame + start,
                end_frame=one.end_frame - end,
            )
        )
    return trimmed


def _length_in(
    recording: EmbeddedSequence, reference: EmbeddedSequence
) -> float:
    """How many frames of a recording last as long as a reference."""
    rates = [_rate(one) for one in (recording, reference)]
    if None in rates:
        return float(len(reference))
    return len(reference) * rates[0] / rates[1]


def _rate(sequence: EmbeddedSequence) -> float | None:
    if sequence.timestamps is None or len(sequence) < 2:
        return None
    return 1 / float(np.median(np.diff(sequence.timestamps)))
