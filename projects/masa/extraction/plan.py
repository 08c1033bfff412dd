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
    make_annotations,
    make_room,
    read_labels,
)
from .sequences import Sequence, find_sequences


class Job(NamedTuple):
    """A sequence and what is known of it beforehand.

    Attributes:
        sequence (Sequence): The sequence.
        done (int, optional): Number of frames that are finished; None if
            there is something to do.
        claimed (int, optional): Number of frames, as far as known.
        expected (int, optional): Number of frames that the annotation file
            has.
        problem (str): Why it cannot be used; '' if nothing is known against
            it.
    """

    sequence: Sequence
    done: int | None
    claimed: int | None
    expected: int | None
    problem: str


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
        """Return what is in the way.

        Returns:
            dict[str, str]: By sequence id. A record to merge with that has
            no sequence is a problem, a label without one is none.
        """
        found = {
            job.sequence.name: job.problem for job in self.jobs if job.problem
        }
        if self.annotations is not None:
            for name in self.absent:
                found[name] = f'record {name!r} has no video or folder'
        return found

    def train_ids(self) -> set[str] | None:
        """Return what is for training.

        Returns:
            set[str], optional: Ids in the split ``train``; None if there is
            no such split.
        """
        if self.labels is not None:
            names = {
                n for n, one in self.labels.items() if one.split == 'train'
            }
        elif self.annotations is not None:
            names = set(self.annotations.get('split', {}).get('train', ()))
        else:
            names = {job.sequence.name for job in self.jobs}
        return names or None

    def annotate(
        self, contents: dict[str, dict], common: dict | None = None
    ) -> dict:
        """Make the annotations of what is finished.

        Args:
            contents (dict[str, dict]): Fields by id; what is not among them
                is left out.
            common (dict, optional): What stands beside the records.

        Returns:
            dict: New annotations, or those to merge with, added to.

        Raises:
            ExtractionError: If they would have problems.
        """
        if self.annotations is None:
            annotations = make_annotations(contents, self.labels, common)
        else:
            annotations = add_contents(self.annotations, contents, common)
        problems = check_annotations(annotations)
        if problems:
            raise ExtractionError(
                'the annotations would have problems:\n  '
                + '\n  '.join(map(str, problems))
            )
        return annotations


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

    Args:
        inputs (Iterable[Path]): For :func:`find_sequences`.
        folder (OutputFolder): Where the results belong.
        settings (dict): For :meth:`OutputFolder.check`.
        labels_file (Path, optional): For :func:`read_labels`. It must have a
            line for every sequence.
        merge_file (Path, optional): Annotation file to add to. Sequences
            that it has no record of are not asked for.
        fields (tuple[str, ...]): Keys that are to be added.
        replace (bool): Whether to put them in the place of those that the
            annotation file has.
        limits (MediaLimits): What of a video is refused before it is
            decoded.

    Returns:
        Plan: Also of what is in the way of single sequences.

    Raises:
        ExtractionError: If a file cannot be used, or two sequences have one
            id.
    """
    found = find_sequences(inputs)
    broken = [one for one in found if one.problem]
    sequences = [one for one in found if not one.problem]
    names = {one.name for one in sequences}
    labels = annotations = None
    expected: dict[str, int] = {}
    unasked: list[str] = []
    absent: list[str] = []
    if labels_file is not None:
        labels = read_labels(labels_file)
        unlabeled = sorted(names - labels.keys())
        if unlabeled:
            raise ExtractionError(
                f'{labels_file} has no line for {len(unlabeled)} of the '
                f'sequences: {", ".join(unlabeled[:10])}'
            )
        absent = [name for name in labels if name not in names]
    if merge_file is not None:
        annotations = make_room(_read_annotations(merge_file), fields, replace)
        expected = expected_lengths(annotations)
        unasked = [one.name for one in sequences if one.name not in expected]
        absent = [name for name in expected if name not in names]
        sequences = [one for one in sequences if one.name in expected]
        if unasked and not sequences:
            raise ExtractionError(
                f'{merge_file} has a record of none of the sequences found: '
                f'its ids are as {absent[0]!r}, theirs as {unasked[0]!r}'
            )
    folder.check(settings, sequences)
    jobs = [
        _make_job(one, folder, expected.get(one.name), limits)
        for one in sequences
    ]
    jobs += [Job(one, None, None, None, one.problem) for one in broken]
    return Plan(jobs, labels, annotations, unasked, absent, replace)


def _read_annotations(path: Path) -> dict:
    try:
        annotations = load_annotations(path)
    except (AnnotationError, OSError) as error:
        raise ExtractionError(str(error)) from error
    problems = check_annotations(annotations)
    if problems:
        raise ExtractionError(
            f'{path} has problems:\n  ' + '\n  '.join(map(str, problems))
        )
    return annotations


def _make_job(
    sequence: Sequence,
    folder: OutputFolder,
    expected: int | None,
    limits: MediaLimits,
) -> Job:
    done = folder.num_frames(sequence)
    try:
        # What is done need not be opened again.
        reader = None if done else FrameReader(sequence.path, limits)
    except SequenceError as error:
        return Job(sequence, done, None, expected, str(error))
    claimed = reader.num_frames if reader else done
    exact = reader is None or reader.images is not None
    problem = ''
    if exact and expected not in (None, claimed):
        problem = (
            f'{sequence.path} has {claimed} frames, and record '
            f'{sequence.name!r} of the annotation file has {expected}'
        )
    return Job(sequence, done, claimed, expected, problem)
