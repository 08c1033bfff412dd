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
    """A sequence and what is known of it beforehand.

    Attributes:
        sequence (MediaSequence): The sequence.
        done (int, optional): Number of frames that are finished; None if
            there is something to do.
        claimed (int, optional): Number of frames, as far as known.
        expected (int, optional): Number of frames that the annotation file
            has.
        problem (str): Why it cannot be used; '' if nothing is known against
            it.
    """

    sequence: MediaSequence
    done: int | None = None
    claimed: int | None = None
    expected: int | None = None
    problem: str = ''


class Plan(NamedTuple):
    """What there is to do.

    Attributes:
        jobs (list[Job]): For every sequence that is asked for.
        labels (dict[str, Label], optional): Of the file of labels.
        annotations (dict, optional): Of the file to merge with.
        unasked (list[str]): Ids of sequences that the annotation file has no
            record of.
        absent (list[str]): Ids of which there are labels or a record, and no
            sequence.
        replace (bool): Whether to replace what the annotation file has.
    """

    jobs: list[Job]
    labels: dict[str, Label] | None
    annotations: dict | None
    unasked: list[str]
    absent: list[str]
    replace: bool

    def problems(self) -> dict[str, str]:
        """Return what is in the way, by sequence id.

        A record to merge with that has no sequence is a problem, a label
        without one is none.
        """
        found = {
            job.sequence.name: job.problem for job in self.jobs if job.problem
        }
        if self.annotations is not None:
            for name in self.absent:
                found[name] = f'record {name!r} has no video or folder'
        return found

    def train_ids(self) -> set[str] | None:
        """Return the ids in the split ``train``; None if there is none."""
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
        """Make annotations of what is finished, or add it to given ones.

        ``contents`` are fields by id; what is not among them is left out.
        ``common`` stands beside the records. An ExtractionError says that the
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
    """Find the sequences and see what there is to do.

    The file of labels must have a line for every sequence; sequences that
    the annotation file to merge with has no record of are not asked for.
    ``fields`` are the keys that are to be added, or replaced. An
    ExtractionError says that a file cannot be used, or two sequences have one
    id.
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
        # What is done need not be opened again.
        reader = None if done else FrameReader(sequence.path, limits)
        claimed = reader.num_frames if reader else done
        if reader is None or reader.images is not None:
            check_length(sequence, claimed, expected)
    except SequenceError as error:
        return Job(sequence, done, claimed, expected, str(error))
    return Job(sequence, done, claimed, expected)
