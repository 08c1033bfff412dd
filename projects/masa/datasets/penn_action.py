"""Penn Action's official labels, as annotations."""

from .conversion import hold_out, joint_fields
from .errors import AnnotationError
from .key_events import Phases
from .penn_labels import PennSequence
from .skeletons import PENN_ACTION


def make_annotations(
    sequences: list[PennSequence],
    phases: Phases | None = None,
    val_share: float = 0.0,
    seed: int = 0,
    test_share: float = 0.0,
) -> dict:
    """Put sequences and phases into annotation format.

    Args:
        sequences (list[PennSequence]): What the label files hold.
        phases (Phases, optional): Phase labels. Defaults to none.
        val_share (float): Share of the training sequences of every activity
            that makes the split 'val', in [0, 1). Defaults to 0, no 'val'.
        seed (int): Of that draw. Defaults to 0.
        test_share (float): Share of them that makes the split 'test', where
            the official one is not at hand; drawn before 'val', in [0, 1).
            Defaults to 0.

    Returns:
        dict: Annotations with the splits 'train', 'val' if asked for, and
        'test', the official one, if there is any or one is asked for.
        Sequences in which no joint is ever visible are left out.

    Raises:
        AnnotationError: If no sequence is left, none shows a mean pose, or
            ``test_share`` is given beside sequences of the official test
            split.
    """
    sequences = sorted(sequences, key=lambda sequence: sequence.name)
    sequences = [one for one in sequences if one.visible.any()]
    if not sequences:
        raise AnnotationError(
            'none of the sequences has a joint that is ever visible'
        )
    if test_share:
        if not all(one.is_train for one in sequences):
            raise AnnotationError(
                'the official test split is among the labels: no share of '
                'the other sequences is expected to take its place'
            )
        test = hold_out(sequences, test_share, seed)
        sequences = [
            one._replace(is_train=one.name not in test) for one in sequences
        ]
    held_out = hold_out(sequences, val_share, seed) if val_share else set()
    splits: dict[str, list[str]] = dict(train=[], val=[], test=[])
    for one in sequences:
        kind = 'val' if one.name in held_out else 'train'
        splits[kind if one.is_train else 'test'].append(one.name)
    activities = sorted({one.activity for one in sequences})
    fields = joint_fields(sequences, PENN_ACTION)
    records = []
    for one, joints in zip(sequences, fields, strict=True):
        record = dict(
            frame_dir=one.name,
            label=activities.index(one.activity),
            img_shape=one.img_shape,
            original_shape=one.img_shape,
            **joints,
        )
        if phases is not None and one.name in phases.labels:
            record['phase'] = phases.labels[one.name]
        records.append(record)
    annotations = dict(
        split={name: ids for name, ids in splits.items() if ids},
        annotations=records,
        activities=activities,
        skeleton=PENN_ACTION,
    )
    if phases is not None:
        annotations['phases'] = {
            activity: phases.names[activity]
            for activity in activities
            if activity in phases.names
        }
    return annotations
