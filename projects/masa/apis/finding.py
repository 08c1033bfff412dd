"""Finding occurrences by a model that embeds parts of a recording anew."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..alignment import Occurrence, align_pair, find_occurrences
from ..alignment.joint_angles import (
    body_joints,
    flatten_joints,
    has_body,
    joints_of_parts,
    select_body,
)
from ..alignment.occurrence_search import EmbedParts
from ..alignment.trimming import pauses_at_ends
from ..alignment.warping import path_distances
from ..datasets.parts import SEARCH_MOMENTS, Part
from ..datasets.people import find_people
from ..embeddings import EmbeddedSequence
from .embedding_inferencer import EmbeddingInferencer

# Defaults of the tolerance, of embeddings alone, with joints in 2D and with
# joints in 3D; and the weight of the mean squared distance of the joints, in
# torso lengths, beside that of the embeddings.
TOLERANCE, TOLERANCE_SAME_SIDE, TOLERANCE_3D = 0.15, 0.2, 0.3
JOINT_WEIGHT, JOINT_WEIGHT_3D = 5.0, 20.0
# In 2D, reference and recording are filmed from one side if the mean squared
# distance of the joints of the best occurrence is less, in torso lengths.
SAME_SIDE = 0.0115
# Joints that are missing in more of the frames of a sequence are left out, and
# all are if fewer than these remain.
MISSING, FEWEST = 0.05, 8
# A recording that lasts less than this share of the references is perhaps one.
SHORT = 0.5
# What lasts this share of a repetition at least, and has this share of the
# variance of the references' embeddings, is perhaps another one.
LONG, MOVING = 0.75, 0.5


def find_in_recording(
    inferencer: EmbeddingInferencer,
    references: Sequence[EmbeddedSequence],
    recording: EmbeddedSequence,
    tolerance: float | None,
    mirrored: bool | None,
    lenient: bool = False,
) -> list[Occurrence]:
    """Find where a recording shows what references show.

    Bodies in 3D are compared by their embeddings and their joints, which lie
    side by side: unlike in 2D, nothing is hidden from the joints, and they can
    be turned to face one way. In 2D joints count, with less weight, where the
    best occurrence shows that all are filmed from one side.

    Args:
        inferencer (EmbeddingInferencer): What embedded the sequences.
        references (Sequence[EmbeddedSequence]): One or several.
        recording (EmbeddedSequence): The sequence to search.
        tolerance (float, optional): See
            :meth:`masa.apis.AlignmentInferencer.find`.
        mirrored (bool, optional): Whether to find the mirror image as well;
            None: if all references have one.
        lenient (bool): Whether to find executions that went wrong, too; see
            :func:`~masa.alignment.find_occurrences`. Defaults to False.

    Returns:
        list[Occurrence]: The best first.

    Raises:
        ValueError: As :meth:`masa.apis.AlignmentInferencer.find`.
    """
    known, moments, embed_parts = [*references], None, None
    if _has_joints(recording):
        # References are embedded as the parts of the recording are.
        moments = SEARCH_MOMENTS
        known = [_embed_again(inferencer, one, moments) for one in references]
        embed_parts = _embed_once(
            inferencer.part_embedder(recording, moments), _shows(recording)
        )
    if mirrored is not False:
        mirrors = [
            inferencer.embed_mirrored(one, moments) for one in references
        ]
        if None not in mirrors:
            known += mirrors
        elif mirrored:
            raise ValueError(
                'mirrored is for joints whose layout has flip_pairs, but '
                f'{references[mirrors.index(None)].name} has none'
            )
    lengths = [_length_in(recording, one) for one in known]
    if len(recording) < SHORT * min(lengths):
        warnings.warn(
            f'{recording.name}, the recording, is much shorter than the '
            'references: the recording is expected last',
            stacklevel=3,
        )
    widths = {
        one.keypoint.shape[-1]
        for one in (*references, recording)
        if one.keypoint is not None
    }
    if len(widths) > 1:
        warnings.warn(
            f'of {recording.name} and the references some have joints in 2D '
            'and some in 3D, which are hardly alike: less is found than '
            'where all have one kind',
            stacklevel=3,
        )
    joints = _comparable_joints([*references, recording])
    shown = _shown_joints(joints)
    bodies = _Bodies(known, recording, joints[-1], shown) if shown else None

    def search(weight: float, usual: float) -> list[Occurrence]:
        features = [one.embedding for one in (*known, recording)]
        embed = embed_parts
        if weight:
            poses = [*bodies.references, bodies.recording]
            features = _beside(features, poses, weight)
            if embed_parts is not None:

                def embed(parts: Sequence[Part]) -> list[np.ndarray | None]:
                    found = dict(zip(parts, embed_parts(parts), strict=True))
                    shown = [part for part in found if found[part] is not None]
                    beside = _beside(
                        [found[part] for part in shown],
                        bodies.parts(shown),
                        weight,
                    )
                    found.update(zip(shown, beside, strict=True))
                    return [found[part] for part in parts]

        return find_occurrences(
            features[:-1],
            features[-1],
            usual if tolerance is None else tolerance,
            lengths,
            embed,
            lenient,
        )

    if shown and recording.keypoint.shape[-1] == 3:
        found = search(JOINT_WEIGHT_3D, TOLERANCE_3D)
    else:
        found = search(0, TOLERANCE)
        if found and bodies and embed_parts:
            best = found[0]
            part = best.start_frame, best.end_frame
            path = align_pair(
                known[best.reference].embedding, *embed_parts([part])
            ).path
            if bodies.distance(best.reference, part, path) < SAME_SIDE:
                found = search(JOINT_WEIGHT, TOLERANCE_SAME_SIDE)
    if bodies:
        found = _without_pauses(found, bodies, lengths)
    return [
        one._replace(
            start=recording.seconds(one.start_frame),
            end=recording.seconds(one.end_frame - 1),
            reference=one.reference % len(references),
            mirrored=one.reference >= len(references),
        )
        for one in found
    ]


def unlike_stretches(
    inferencer: EmbeddingInferencer,
    references: Sequence[EmbeddedSequence],
    recording: EmbeddedSequence,
    parts: Sequence[Part],
) -> list[Part]:
    """Find where repetitions may be that are too unlike to be found.

    Args:
        inferencer (EmbeddingInferencer): What embedded the sequences.
        references (Sequence[EmbeddedSequence]): One or several.
        recording (EmbeddedSequence): A sequence of joints.
        parts (Sequence[Part]): The repetitions found in it, one at least, in
            order.

    Returns:
        list[Part]: Stretches beside them that last about as long, or longer,
        and in which there is about as much movement as in the references.
    """
    usual = np.median([end - start for start, end in parts])
    shows = _shows(recording)
    begin, finish = (0, 0), (len(recording), len(recording))
    gaps = [
        (end, start)
        for (_, end), (start, _) in pairwise([begin, *parts, finish])
        if start - end >= LONG * usual and shows((end, start))
    ]
    least = MOVING * np.mean(
        [one.embedding.var(0).sum() for one in references]
    )
    return [
        gap
        for gap, embedding in zip(
            gaps, inferencer.embed_parts(recording, gaps), strict=True
        )
        if embedding.var(0).sum() >= least
    ]


def _has_joints(sequence: EmbeddedSequence) -> bool:
    return sequence.record is not None and 'keypoint' in sequence.record


def _embed_again(
    inferencer: EmbeddingInferencer, sequence: EmbeddedSequence, moments: int
) -> EmbeddedSequence:
    """Embed a reference at other moments, if it has joints."""
    if not _has_joints(sequence):
        return sequence
    embed = inferencer.part_embedder(sequence, moments)
    (embedding,) = embed([(0, len(sequence))])
    return replace(sequence, embedding=embedding)


def _comparable_joints(
    sequences: Sequence[EmbeddedSequence],
) -> list[np.ndarray]:
    """Compute the joints of bodies, (T, 13, C) each.

    None if not all are of one body, all in 2D or all in 3D.
    """
    if not all(
        has_body(one) and one.keypoint.shape[1] == len(one.skeleton['joints'])
        for one in sequences
    ):
        return []
    if len({one.keypoint.shape[-1] for one in sequences}) > 1:
        return []
    return [body_joints(one) for one in sequences]


def _shown_joints(sequences: Sequence[np.ndarray]) -> list[int]:
    """Find the joints that all sequences show in nearly all frames.

    None if there is no sequence, or fewer than ``FEWEST`` are left.
    """
    if not sequences:
        return []
    missing = [np.isnan(joints).any(-1).mean(0) for joints in sequences]
    shown = np.flatnonzero(np.max(missing, axis=0) <= MISSING).tolist()
    return shown if len(shown) >= FEWEST else []


class _Bodies:
    """Poses of references and of a recording, of the joints that all show.

    The squared distance of two poses, (T, V * C), is the mean of that of
    their joints.

    Args:
        references (Sequence[EmbeddedSequence]): The references.
        recording (EmbeddedSequence): The recording.
        joints (np.ndarray): Of :func:`body_joints` for it.
        shown (Sequence[int]): The joints.
    """

    def __init__(
        self,
        references: Sequence[EmbeddedSequence],
        recording: EmbeddedSequence,
        joints: np.ndarray,
        shown: Sequence[int],
    ):
        self.shown = shown
        self.references = [self._pose(body_joints(one)) for one in references]
        self.recording = self._pose(joints)
        self._body = select_body(recording)

    def parts(self, parts: Sequence[Part]) -> list[np.ndarray]:
        """Return the poses of parts of the recording."""
        return list(map(self._pose, joints_of_parts(self._body, parts)))

    def distance(self, reference: int, part: Part, path: np.ndarray) -> float:
        """Return the mean squared distance to a part along an alignment."""
        (pose,) = self.parts([part])
        reference = self.references[reference]
        return float(path_distances(reference, pose, path).mean())

    def _pose(self, joints: np.ndarray) -> np.ndarray:
        return flatten_joints(joints[:, self.shown] / np.sqrt(len(self.shown)))


def _beside(
    embeddings: Sequence[np.ndarray],
    poses: Sequence[np.ndarray],
    weight: float,
) -> list[np.ndarray]:
    """Put poses beside the embeddings: float32."""
    scale = np.sqrt(weight)
    return [
        np.concatenate([one, scale * pose], axis=1, dtype=np.float32)
        for one, pose in zip(embeddings, poses, strict=True)
    ]


def _shows(recording: EmbeddedSequence) -> Callable[[Part], bool]:
    """Tell of parts of a recording of joints if they show somebody."""
    record = recording.record
    people = find_people(record['keypoint'], record.get('keypoint_score'))
    is_shown = people.any(0)
    return lambda part: bool(is_shown[slice(*part)].any())


def _embed_once(
    embed_parts: EmbedParts, shows: Callable[[Part], bool]
) -> EmbedParts:
    """Keep what is embedded, for a second search; nobody is None."""
    kept: dict[Part, np.ndarray | None] = {}

    def embed(parts: Sequence[Part]) -> list[np.ndarray | None]:
        new = [part for part in dict.fromkeys(parts) if part not in kept]
        kept.update((part, None) for part in new if not shows(part))
        new = [part for part in new if part not in kept]
        kept.update(zip(new, embed_parts(new), strict=True))
        return [kept[part] for part in parts]

    return embed


def _without_pauses(
    found: Sequence[Occurrence], bodies: _Bodies, lengths: Sequence[float]
) -> list[Occurrence]:
    """Trim ends in which the body stands still longer than the reference."""
    poses = bodies.parts([(one.start_frame, one.end_frame) for one in found])
    trimmed = []
    for one, pose in zip(found, poses, strict=True):
        start, end = pauses_at_ends(
            bodies.references[one.reference], pose, lengths[one.reference]
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
