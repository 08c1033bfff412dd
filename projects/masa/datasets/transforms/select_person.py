import numpy as np

from ..people import (
    CRITERIA,
    fill_frames,
    find_joints,
    find_people,
    link_people,
    rank_people,
    take_people,
)
from .base import SequenceTransform
from .checks import name_of, require_keypoint


class SelectPerson(SequenceTransform):
    """Select one person, or a fixed number of people, of a sequence.

    For annotation files with several people, of which a model takes a fixed
    number. It goes before :class:`NormalizeSkeleton`. A sequence of a single
    person who is in every frame stays as it is, if one is asked for.

    **Who is who.** 2D poses are linked over time first, because most files
    list the people of each frame in the order of the detector's scores; in
    3D, and for an index, a place in the list is taken for a person: see
    :func:`~masa.datasets.people.link_people`. Where people cross or are
    hidden, linking may take one for another.

    **Absent people.** A person is absent from a frame in which all joints
    are 0 or have score 0. Where all are 0, the frame gets a pose that is
    interpolated between those before and after it, with score 0. If there
    are fewer people than asked for, the others are 0 with score 0
    throughout, which :class:`NormalizeSkeleton` keeps at the origin.

    **Two people and more** are one input: :class:`NormalizeSkeleton` moves
    and scales all as the first of them, so that they keep their places among
    each other, and :class:`PackSequenceInputs` makes frames of M * V * C
    channels.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - person_places (optional; from :meth:`link_people`)

    Modified Keys:

        - keypoint
        - keypoint_score (added if a frame was filled or a person is missing)

    Args:
        by (str | int): ``'score'``, the highest mean score of the joints,
            ``'size'``, the largest, or ``'motion'``, the one who moves most,
            each on average over all frames
            (:func:`~masa.datasets.people.rank_people`); or the index of the
            person in the file. Defaults to ``'score'``.
        people (int): How many, in the order of ``by``; with an index, that
            person and those after. Defaults to 1.
        link (bool): Whether to link 2D poses over time: False for files
            whose index is a track already. Defaults to True.

    Raises:
        ValueError: If an argument is none of its choices; when called, if
            nobody is there, or no person of that index. The sequence is
            named.

    Example:
        >>> joints = np.ones((2, 3, 17, 2))
        >>> score = np.full((2, 3, 17), [[[0.5]], [[0.9]]])
        >>> joints[1] *= 7
        >>> best = SelectPerson()(dict(keypoint=joints, keypoint_score=score))
        >>> best['keypoint'].shape, best['keypoint'][0, 0, 0].tolist()
        ((1, 3, 17, 2), [7.0, 7.0])
    """

    def __init__(
        self, by: str | int = 'score', people: int = 1, link: bool = True
    ):
        is_index = isinstance(by, int) and not isinstance(by, bool) and by >= 0
        if by not in CRITERIA and not is_index:
            raise ValueError(
                f'by is expected to be one of {list(CRITERIA)} or an index '
                f'from 0, but got {by!r}'
            )
        if isinstance(people, bool) or not (
            isinstance(people, int) and people >= 1
        ):
            raise ValueError(
                f'people is expected to be an integer above 0, but got '
                f'{people!r}'
            )
        self.by = by
        self.people = people
        self.link = bool(link)

    def _chooses(self, keypoint: np.ndarray) -> bool:
        """Whether there is anything to rank: an index needs no ranking."""
        return self.by in CRITERIA and not len(keypoint) == self.people == 1

    def link_people(self, results: dict) -> None:
        """Add ``person_places``, which are the same for all uses of a sample.

        Args:
            results (dict): The sample. Gets ``person_places``, ``(K, T)``
                int64: see :func:`~masa.datasets.people.link_people`.
        """
        keypoint = require_keypoint(results, self)
        if self._chooses(keypoint):
            results['person_places'] = link_people(
                keypoint, results.get('keypoint_score'), self.link
            )

    def transform(self, results: dict) -> dict:
        """Keep the joints and scores of ``people`` people."""
        keypoint = require_keypoint(results, self)
        keypoint = keypoint.astype(
            np.result_type(keypoint.dtype, np.float32), copy=False
        )
        score = results.get('keypoint_score')
        if self._chooses(keypoint):
            if 'person_places' not in results:
                self.link_people(results)
            places = results['person_places']
            keypoint = take_people(keypoint, places)
            if score is not None:
                score = take_people(score, places)
            chosen = rank_people(keypoint, score, self.by)[: self.people]
        else:
            first = 0 if self.by in CRITERIA else self.by
            chosen = slice(first, first + self.people)
            if first >= len(keypoint):
                raise ValueError(
                    f'sequence {name_of(results)} is expected to have a '
                    f'person of the index {first}, but has {len(keypoint)}'
                )
        keypoint = keypoint[chosen]
        score = None if score is None else score[chosen]
        if not find_people(keypoint, score).any():
            raise ValueError(
                f'sequence {name_of(results)} is expected to show a person '
                f'selected by {self.by!r} in one frame at least'
            )
        missing = self.people - len(keypoint)
        empty = (keypoint == 0).all((2, 3))
        if missing or empty.any():
            if score is None:
                score = find_joints(keypoint).astype(np.float32)
            score = np.where(empty[..., None], score.dtype.type(0), score)
            keypoint = _with_more(fill_frames(keypoint, ~empty), missing)
            score = _with_more(score, missing)
        results['keypoint'] = keypoint
        if score is not None:
            results['keypoint_score'] = score
        return results


def _with_more(values: np.ndarray, count: int) -> np.ndarray:
    more = np.zeros((count, *values.shape[1:]), values.dtype)
    return np.concatenate([values, more])
