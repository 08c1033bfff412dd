import numpy as np

from ..embeddings import SequenceCollection
from ..embeddings.copies import copied_frames, frame_groups
from ..embeddings.spread import COLLAPSED, has_collapsed, relative_spread

# Share of the frames that are copies beyond which a warning is due.
MOST_COPIES = 0.5


def without_rounding(
    collection: SequenceCollection,
) -> tuple[SequenceCollection, list[str]]:
    """Judge a collapsed embedding as the constant that it is.

    Nearest neighbours do not depend on scale: what rounding leaves of a
    collapsed embedding could still order the frames.

    Args:
        collection (SequenceCollection): Sequences of all splits.

    Returns:
        tuple[SequenceCollection, list[str]]: The same, or, where the frames
        differ by less than ``COLLAPSED`` of their length, with zeros for
        embeddings; and warnings of what has collapsed, wholly or in part.
    """
    if not len(collection):
        return collection, []
    frames = np.concatenate(collection.embeddings)
    if has_collapsed(frames):
        constant = [np.zeros_like(e) for e in collection.embeddings]
        return collection.with_embeddings(constant), [
            'the embedding has collapsed: its frames differ by '
            f'{relative_spread(frames):.1e} of their length, expected '
            f'{COLLAPSED:g} at least, and are judged as equal'
        ]
    copies = sum(
        np.count_nonzero(copied_frames(frame_groups(embedding)))
        for embedding in collection.embeddings
    )
    if copies <= MOST_COPIES * len(frames):
        return collection, []
    return collection, [
        f'{copies / len(frames):.1%} of the frames have the same embedding as '
        'another frame of their sequence: the embedding has collapsed in part'
    ]
