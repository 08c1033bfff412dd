import warnings
from collections.abc import Sequence
from dataclasses import replace

from ..alignment import Comparison, Occurrence, ReferenceSet
from ..embeddings import EmbeddedSequence
from .embedding_inferencer import EmbeddingInferencer
from .finding import find_in_recording, unlike_stretches
from .input_reader import Input

# An attempt that lasts so many times as long as a reference may be several.
SEVERAL = 3.0


class ReferenceInferencer(EmbeddingInferencer):
    """Compares attempts with references, and finds these in recordings.

    Base of :class:`AlignmentInferencer`, which describes inputs, arguments
    and errors.
    """

    def compare(
        self, references: Input | Sequence[Input], attempt: Input
    ) -> Comparison:
        """Explain an attempt by one or several references.

        The attempt is also tried as a mirror image, if it is of joints whose
        layout has ``flip_pairs``; so is each reference, to agree with the
        first one.

        Args:
            references (Input | Sequence[Input]): Good performances.
            attempt (Input): What is judged.

        Returns:
            Comparison: See :func:`~masa.alignment.compare`.

        Raises:
            ValueError: As for :func:`~masa.alignment.compare`.

        Example:
            >>> comparison = model.compare(['a.mp4', 'b.mp4'], 'attempt.mp4')
            >>> comparison.score, comparison.differences()
            >>> comparison.save('report.html')
        """
        attempt = self._single(attempt)
        references = self.embed(references)
        lengths = [one.duration for one in (attempt, *references)]
        if None in lengths:
            lengths = list(map(len, (attempt, *references)))
        length, longest = lengths[0], max(lengths[1:])
        if length > SEVERAL * longest > 0:
            warnings.warn(
                f'{attempt.name} is {length / longest:.1f} times as long as '
                'the longest reference: --repetitions, in Python '
                'compare_repetitions, finds what the references show and '
                'compares each',
                stacklevel=2,
            )
        return self._reference_set(references).compare(
            attempt, self.embed_mirrored(attempt)
        )

    def compare_parts(
        self,
        references: Input | Sequence[Input],
        recording: Input,
        parts: Sequence[tuple[int, int]],
    ) -> list[Comparison]:
        """Explain parts of a recording, such as repetitions, by references.

        Args:
            references (Input | Sequence[Input]): Good performances.
            recording (Input): A sequence of joints.
            parts (Sequence[tuple[int, int]]): First frame of every part, and
                the one after its last.

        Returns:
            list[Comparison]: One for each part;
            :func:`~masa.alignment.save_comparisons` writes them all.

        Raises:
            ValueError: As for :func:`~masa.alignment.compare` and
                :meth:`embed_parts`.

        Example:
            >>> parts = [(0, 95), (95, 180)]
            >>> model.compare_parts('a.mp4', 'ten_times.mp4', parts)
        """
        recording = self._single(recording, parts=True)
        known = self._reference_set(self.embed(references))
        return [
            known.compare(part, self.embed_mirrored(part), start)
            for part, (start, _) in zip(
                self.cut_parts(recording, parts), parts, strict=True
            )
        ]

    def compare_repetitions(
        self,
        references: Input | Sequence[Input],
        recording: Input,
        tolerance: float | None = None,
    ) -> list[Comparison]:
        """Find the repetitions in a recording, and explain each.

        Unlike :meth:`find`, it also finds repetitions that went wrong
        (``lenient`` of :func:`~masa.alignment.find_occurrences`), and mirror
        images where the layout of the joints has ``flip_pairs``.

        Args:
            references (Input | Sequence[Input]): Good performances.
            recording (Input): A sequence of joints, however long.
            tolerance (float, optional): As for :meth:`find`.

        Returns:
            list[Comparison]: One for each repetition, in the order of the
            recording; ``not_compared`` of each says where more may be.

        Raises:
            ValueError: If nothing is found, or as for
                :func:`~masa.alignment.compare` and :meth:`find`.

        Example:
            >>> made = model.compare_repetitions('good.mp4', 'ten_times.mp4')
            >>> worst = max(made, key=lambda one: one.score)
        """
        references = self.embed(references)
        recording = self._single(recording, parts=True)
        found = find_in_recording(
            self, references, recording, tolerance, None, lenient=True
        )
        if not found:
            raise ValueError(
                f'{recording.name} shows nothing like the references: they '
                'are expected to be the same exercise; a single attempt is '
                'compared without --repetitions, in Python by compare'
            )
        parts = [(one.start_frame, one.end_frame) for one in sorted(found)]
        made = self.compare_parts(references, recording, parts)
        missed = [
            (start, end - 1)
            for start, end in unlike_stretches(
                self, references, recording, parts
            )
        ]
        if made[0].timing.unit == 's':
            missed = [tuple(map(recording.seconds, ends)) for ends in missed]
        if missed:
            made = [replace(one, not_compared=missed) for one in made]
            warnings.warn(
                f'{recording.name}: {made[0].told_of_not_compared}',
                stacklevel=2,
            )
        return made

    def find(
        self,
        references: Input | Sequence[Input],
        recording: Input,
        tolerance: float | None = None,
        mirrored: bool = False,
    ) -> list[Occurrence]:
        """Find where a recording shows what references show.

        Joints are embedded anew in every part of the recording that may be an
        occurrence. Bodies in 3D are compared by their joints, too, turned to
        face one way, and bodies in 2D if all are filmed from one side. Ends in
        which a body stands still longer than the reference are left out.

        Args:
            references (Input | Sequence[Input]): One or several executions of
                an activity, each a sequence of its own.
            recording (Input): The sequence to search, however long.
            tolerance (float, optional): How far an occurrence may differ; see
                :func:`~masa.alignment.find_occurrences`. Defaults to 0.15,
                0.2 for bodies filmed from one side and 0.3 for bodies in 3D.
            mirrored (bool): Whether to find the mirror image as well.
                Defaults to False.

        Returns:
            list[Occurrence]: The best first; its length is the count. Empty
            if there is none.

        Raises:
            ValueError: If ``mirrored`` is asked of what has no joints with
                ``flip_pairs``, or as :func:`~masa.alignment.find_occurrences`.

        Example:
            >>> found = model.find('squat.mp4', 'training.mp4')
            >>> [(one.start, one.end, one.score) for one in found]
        """
        return find_in_recording(
            self,
            self.embed(references),
            self._single(recording, parts=True),
            tolerance,
            mirrored,
        )

    def _reference_set(
        self, references: list[EmbeddedSequence]
    ) -> ReferenceSet:
        return ReferenceSet(
            references, list(map(self.embed_mirrored, references))
        )
