from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from ..datasets.parts import Part, crop_record
from ..datasets.people import find_people
from ..datasets.transforms import FlipSkeleton
from ..embeddings import EmbeddedSequence

if TYPE_CHECKING:
    from .exported_model import ExportedModel
    from .trained_model import TrainedModel

# Parts that the model gets at once; and parts that take it about a second.
PARTS, MANY_PARTS = 256, 500


class PartEmbedding:
    """Embeds parts and mirror images of sequences that a model embedded.

    Base of :class:`EmbeddingInferencer`.
    """

    model: 'TrainedModel | ExportedModel'
    show_progress: bool

    def track(self, items: Sequence, title: str) -> Iterable:
        """Show the progress and the time left, in a terminal.

        Args:
            items (Sequence): What is worked on.
            title (str): What is done.

        Returns:
            Iterable: The items.
        """
        console = Console(stderr=True)
        if self.show_progress and console.is_terminal:
            return track(items, title, console=console, transient=True)
        return items

    def embed_parts(
        self, sequence: EmbeddedSequence, parts: Sequence[Part]
    ) -> list[np.ndarray]:
        """Embed parts of a sequence, each as if it were all there is.

        A model sees the context of a frame, and the pretrained one sees every
        sequence at 48 moments: one performance of an activity within a long
        recording is to be embedded on its own.

        Args:
            sequence (EmbeddedSequence): Of :meth:`embed`, of joints.
            parts (Sequence[Part]): First frame of every part, and the one
                after its last.

        Returns:
            list[np.ndarray]: (T_i, D) float32 each.

        Raises:
            ValueError: If the sequence has no joints, or a part is empty or
                not within it.

        Example:
            >>> inferencer.embed_parts(sequence, [(0, 60), (30, 90)])
        """
        return self.part_embedder(sequence)(parts)

    def part_embedder(
        self, sequence: EmbeddedSequence, moments: int | None = None
    ) -> Callable[[Sequence[Part]], list[np.ndarray]]:
        """Prepare a sequence to embed parts of it several times.

        Args:
            sequence (EmbeddedSequence): Of :meth:`embed`, of joints.
            moments (int, optional): See :meth:`ExportedModel.embed`.

        Returns:
            Callable: Takes parts as :meth:`embed_parts`, and returns what
            that does.

        Raises:
            ValueError: If the sequence has no joints.
        """
        record = sequence.record
        if record is None or 'keypoint' not in record:
            raise ValueError(
                f'parts of {sequence.name} cannot be embedded: a sequence of '
                'joints that a model embedded is expected'
            )
        prepare = self.model.part_preparation(record)

        def embed(parts: Sequence[Part]) -> list[np.ndarray]:
            for start, end in parts:
                if not 0 <= start < end <= len(sequence):
                    raise ValueError(
                        f'a part of {sequence.name} is expected to be within '
                        f'its {len(sequence)} frames, but got {start} to {end}'
                    )
            prepared = prepare(parts)
            # Those of one length are faster together.
            order = sorted(
                range(len(parts)), key=lambda i: parts[i][1] - parts[i][0]
            )
            chunks = [
                order[i : i + PARTS] for i in range(0, len(order), PARTS)
            ]
            if len(parts) >= MANY_PARTS:
                chunks = self.track(chunks, 'Embedding parts')
            embeddings = {}
            for chunk in chunks:
                found = self.model.embed([prepared[i] for i in chunk], moments)
                embeddings.update(zip(chunk, found, strict=True))
            return [embeddings[i] for i in range(len(parts))]

        return embed

    def cut_parts(
        self, sequence: EmbeddedSequence, parts: Sequence[Part]
    ) -> list[EmbeddedSequence]:
        """Cut parts out of a sequence, each embedded as if it were all.

        Args:
            sequence (EmbeddedSequence): Of :meth:`embed`, of joints.
            parts (Sequence[Part]): As for :meth:`embed_parts`.

        Returns:
            list[EmbeddedSequence]: The parts, with their times in the
            recording.

        Raises:
            ValueError: As for :meth:`embed_parts`.
        """
        made = []
        for (start, end), embedding in zip(
            parts, self.embed_parts(sequence, parts), strict=True
        ):
            of_frames = {
                name: values[start:end]
                for name in (
                    *('timestamps', 'phase', 'keypoint', 'keypoint_score'),
                    *('canonical_time', 'inputs'),
                )
                if (values := getattr(sequence, name)) is not None
            }
            record = crop_record(sequence.record, start, end)
            made.append(
                replace(
                    sequence, embedding=embedding, record=record, **of_frames
                )
            )
        return made

    def embed_mirrored(
        self, sequence: EmbeddedSequence, moments: int | None = None
    ) -> EmbeddedSequence | None:
        """Embed the mirror image of a sequence of joints.

        Args:
            sequence (EmbeddedSequence): Of :meth:`embed`.
            moments (int, optional): See :meth:`ExportedModel.embed`.

        Returns:
            EmbeddedSequence, optional: The sequence with left and right
            swapped; None if it has no joints or its layout no
            ``flip_pairs``.
        """
        record, skeleton = sequence.record, sequence.skeleton or {}
        if record is None or 'keypoint' not in record:
            return None
        if not skeleton.get('flip_pairs'):
            return None
        flipped = FlipSkeleton(prob=1.0)(
            crop_record(record, 0, len(sequence))
            | dict(skeleton=skeleton, rng=np.random.default_rng(0))
        )
        del flipped['rng']
        prepared = self.model.prepare(flipped)
        (embedding,) = self.model.embed([prepared], moments)
        keypoint, score = join_people(flipped)
        return replace(
            sequence,
            embedding=embedding,
            keypoint=keypoint,
            keypoint_score=score,
            record=None,
        )


def join_people(
    record: dict,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Put the people who are present side by side.

    Args:
        record (dict): A record, or a sample that transforms made of it.

    Returns:
        tuple: Joints (T, P * V, C) and scores (T, P * V), each None if the
        record has none.
    """
    keypoint, score = record.get('keypoint'), record.get('keypoint_score')
    if keypoint is None:
        return None, None
    keypoint = np.asarray(keypoint)
    score = None if score is None else np.asarray(score)
    present = find_people(keypoint, score).any(1)
    # Joints that were filled in for a single person have no score.
    present[0] |= not present.any()
    keypoint = np.concatenate(keypoint[present], axis=1)
    return keypoint, None if score is None else np.concatenate(
        score[present], axis=1
    )
