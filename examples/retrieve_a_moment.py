"""Find the moment of a frame in a set of sequences.

The sequences are synthetic skeletons of ten activities, embedded by their
normalized joints, without any training.
"""

import numpy as np

from masa.alignment import retrieve_frames
from masa.datasets.synthetic import make_annotations
from masa.datasets.transforms import NormalizeSkeleton
from masa.evaluation.functional import nearest_frames

QUERY = 'val/clean_and_press_000'


def main() -> None:
    """Search for the bar overhead."""
    annotations = make_annotations(dict(val=4))
    normalize = NormalizeSkeleton(rotation='sequence', up_axis='y')
    embeddings, times = {}, {}
    for record in annotations['annotations']:
        name = record['frame_dir']
        times[name] = record['canonical_time']
        record = dict(record, skeleton=annotations['skeleton'])
        joints = normalize(record)['keypoint'][0]
        embeddings[name] = joints.reshape(len(joints), -1)
    query = embeddings.pop(QUERY)
    # Canonical time 55 of 100, which the search does not know.
    frame = int(np.abs(times[QUERY] - 55).argmin())
    names = list(embeddings)
    print(f'frame {frame} of {QUERY} is nearest to')
    for match in retrieve_frames(query[frame], list(embeddings.values()), 3):
        name = names[match.sequence]
        print(
            f'frame {match.frame} of {name} (canonical time '
            f'{times[name][match.frame]:.0f}, query '
            f'{times[QUERY][frame]:.0f})'
        )
    # The nearest frames of one other sequence, for all frames at once. The
    # bar looks alike on its way up and down, so the deviation is large.
    other = 'val/clean_and_press_001'
    nearest = nearest_frames(query, [embeddings[other]])[:, 0]
    apart = np.abs(times[QUERY] - times[other][nearest])
    print(
        f'{other}: median deviation {np.median(apart):.1f} frames on a '
        'canonical timeline of 100 frames'
    )


if __name__ == '__main__':
    main()
