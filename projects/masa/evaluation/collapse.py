import numpy as np

from ..embeddings import SequenceCollection
from ..embeddings.copies import copied_frames, frame_groups
from ..embeddings.spread import COLLAPSED, has_collapsed, relative_spread

# Share of copies among the frames above which a warning is given.
MOST_COPIES = 0.5


def without_rounding(
    collection: SequenceCollection,
) -> tuple[SequenceCollection, list[str]]:
    """Replace a collapsed embedding by a constant.

    Nearest neighbors and time warping do not depend on scale, so that the
    rounding errors of a collapsed embedding could still order the frames.

    Args:
        collection (SequenceCollection): Sequences of all splits.

    Returns:
        tuple[SequenceCollection, list[str]]: The same collection, or one
        with zeros for embeddings if their relative spread is below
        ``COLLAPSED``, or with the first frame throughout for each sequence
        whose own is; and warnings of a collapse, whole or partial.
    """
    if not len(collection):
        return collection, []
    frames = np.concatenate(collection.embeddings)
    if has_collapsed(frames):
        constant = [np.zeros_like(e) for e in collection.embeddings]
        return collection.with_embeddings(constant), [
            'the embedding has collapsed: its relative spread is '
            f'{relative_spread(frames):.1e}, expected at least '
            f'{COLLAPSED:g}, and its frames are treated as equal'
        ]
    flat = [has_collapsed(embedding) for embedding in collection.embeddings]
    if any(flat):
        collection = collection.with_embeddings(
            [
                np.repeat(embedding[:1], len(embedding), axis=0)
                if constant
                else embedding
                for embedding, constant in zip(
                    collection.embeddings, flat, strict=True
                )
            ]
        )
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
