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
    everything = [*references, recording]
    joints = _compared_joints(everything)
    if tolerance is None:
        tolerance = TOLERANCE_3D if joints else TOLERANCE

    def features(sequence: EmbeddedSequence) -> np.ndarray:
        if not joints:
            return sequence.embedding
        return _beside(sequence.embedding, body_joints(sequence)[:, joints])

    embed_parts = None
    if recording.record is not None and 'keypoint' in recording.record:
        embed_parts = inferencer.part_embedder(recording)
        if joints:
            embed_parts = _with_joints(embed_parts, recording, joints)
    found = find_occurrences(
        [features(one) for one in known],
        features(recording),
        tolerance,
        lengths,
        embed_parts,
    )
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
    return TOLERANCE_3D if _compared_joints(sequences) else TOLERANCE


def _compared_joints(sequences: Sequence[EmbeddedSequence]) -> list[int]:
    """Find the joints that all show in 3D, in nearly all frames.

    None if fewer than ``FEWEST`` are left.
    """
    if not all(
        has_body(one) and one.keypoint.shape[-1] == 3 for one in sequences
    ):
        return []
    missing = [np.isnan(body_joints(one)).any(-1).mean(0) for one in sequences]
    known = np.flatnonzero(np.max(missing, axis=0) <= MISSING).tolist()
    return known if len(known) >= FEWEST else []


def _with_joints(
    embed_parts: EmbedParts, recording: EmbeddedSequence, known: Sequence[int]
) -> EmbedParts:
    """Put the joints of every part beside its embeddings."""
    body = select_body(recording)

    def embed(parts: Sequence[Part]) -> list[np.ndarray]:
        return [
            _beside(embedding, joints[:, known])
            for embedding, joints in zip(
                embed_parts(parts), joints_of_parts(body, parts), strict=True
            )
        ]

    return embed


def _beside(embedding: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Put joints in 3D beside the embeddings: float32."""
    scale = np.sqrt(JOINT_WEIGHT / joints.shape[1])
    return np.concatenate(
        [embedding, scale * flatten_joints(joints)], axis=1, dtype=np.float32
    )


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
