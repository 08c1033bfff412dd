from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..datasets.annotation import AnnotationError, load_annotations
from ..datasets.schema import check_annotations
from .errors import ExtractionError, SequenceError
from .frames import FrameReader
from .limits import DEFAULT_LIMITS, MediaLimits
from .output_folder import OutputFolder
from .record_contents import (
    Label,
    add_contents,
    expected_lengths,
    labels_of,
    make_annotations,
    make_room,
)
from .sequences import MediaSequence, check_length, find_sequences


class Job(NamedTuple):
    """A sequence to process and what is known about it in advance.

    Attributes:
        sequence (MediaSequence): The sequence.
        done (int, optional): Number of frames of the finished file; None if it
            is still to be made.
        claimed (int, optional): Number of frames, if known.
        expected (int, optional): Number of frames in the annotation file.
        problem (str): Why the sequence cannot be used; '' if no reason is
            known.
    """

    sequence: MediaSequence
    done: int | None = None
    claimed: int | None = None
    expected: int | None = None
    problem: str = ''


class Plan(NamedTuple):
    """The sequences of an extraction and how to annotate them.

    Attributes:
        jobs (list[Job]): One job per requested sequence.
        labels (dict[str, Label], optional): Labels by id, from the label file.
        annotations (dict, optional): Annotations to merge with.
        unasked (list[str]): Ids of sequences without a record in the
            annotation file.
        absent (list[str]): Ids with a label or a record but without a
            sequence.
        replace (bool): Whether to replace fields of the annotation file.
    """

    jobs: list[Job]
    labels: dict[str, Label] | None
    annotations: dict | None
    unasked: list[str]
    absent: list[str]
    replace: bool

    def problems(self) -> dict[str, str]:
        """Return why sequences cannot be used, by id.

        A record without a sequence is a problem; a label without one is not.
        """
        found = {
            job.sequence.name: job.problem for job in self.jobs if job.problem
        }
        if self.annotations is not None:
            for name in self.absent:
                found[name] = f'record {name!r} has no video or folder'
        return found

    def train_ids(self) -> set[str] | None:
        """Return the ids of the split ``train``; None if it is empty."""
        if self.labels is not None:
            names = {n for n, x in self.labels.items() if x.split == 'train'}
        elif self.annotations is not None:
            names = set(self.annotations.get('split', {}).get('train', ()))
        else:
            names = {job.sequence.name for job in self.jobs}
        return names or None

    def annotate(
        self, contents: dict[str, dict], common: dict | None = None
    ) -> dict:
        """Make annotations of the finished sequences, or merge them into some.

        ``contents`` are record fields by id; other sequences are left out.
        ``common`` are top-level entries. Raises ExtractionError if the
        annotations would have problems.
        """
        if self.annotations is None:
            annotations = make_annotations(contents, self.labels, common)
        else:
            annotations = add_contents(self.annotations, contents, common)
        refuse_problems(annotations, 'the annotations would have problems')
        return annotations


def refuse_problems(annotations: dict, heading: str) -> None:
    """Raise an ExtractionError that lists the problems, if there are any."""
    problems = check_annotations(annotations)
    if problems:
        raise ExtractionError(
            '\n  '.join([f'{heading}:', *map(str, problems)])
        )


def make_plan(
    inputs: Iterable[Path],
    folder: OutputFolder,
    settings: dict,
    labels_file: Path | None = None,
    merge_file: Path | None = None,
    fields: tuple[str, ...] = (),
    replace: bool = False,
    limits: MediaLimits = DEFAULT_LIMITS,
) -> Plan:
    """Find the sequences and decide which to process.

    The label file must have a line for every sequence. Sequences without a
    record in the annotation file to merge with are ignored. ``fields`` are the
    keys to add or replace. Raises ExtractionError if a file cannot be used or
    two sequences have one id.
    """
    found = find_sequences(inputs)
    sequences = [sequence for sequence in found if not sequence.problem]
    names = [sequence.name for sequence in sequences]
    labels = annotations = None
    expected: dict[str, int] = {}
    unasked: list[str] = []
    absent: list[str] = []
    if labels_file is not None:
        labels = labels_of(names, labels_file)
        absent = [name for name in labels if name not in names]
    if merge_file is not None:
        annotations = make_room(_read_annotations(merge_file), fields, replace)
        expected = expected_lengths(annotations)
        unasked = [name for name in names if name not in expected]
        absent = [name for name in expected if name not in names]
        sequences = [s for s in sequences if s.name in expected]
        if unasked and not sequences:
            raise ExtractionError(
                f'{merge_file} has a record of none of the sequences found: '
                f'its ids are as {absent[0]!r}, theirs as {unasked[0]!r}'
            )
    folder.check(settings, sequences)
    jobs = [
        _make_job(sequence, folder, expected.get(sequence.name), limits)
        for sequence in sequences
    ]
    jobs += [Job(s, problem=s.problem) for s in found if s.problem]
    return Plan(jobs, labels, annotations, unasked, absent, replace)


def _read_annotations(path: Path) -> dict:
    try:
        annotations = load_annotations(path)
    except (AnnotationError, OSError) as error:
        raise ExtractionError(str(error)) from error
    refuse_problems(annotations, f'{path} has problems')
    return annotations


def _make_job(
    sequence: MediaSequence,
    folder: OutputFolder,
    expected: int | None,
    limits: MediaLimits,
) -> Job:
    done = claimed = folder.num_frames(sequence)
    try:
        # Finished sequences need not be opened again.
        reader = None if done else FrameReader(sequence.path, limits)
        claimed = reader.num_frames if reader else done
        if reader is None or reader.images is not None:
            check_length(sequence, claimed, expected)
    except SequenceError as error:
        return Job(sequence, done, claimed, expected, str(error))
    return Job(sequence, done, claimed, expected)
