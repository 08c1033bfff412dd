"""Transfer the phases of one labeled sequence to others of its activity.

The sequences are synthetic skeletons, embedded without any training: by the
joints of a body that is normalized for position, size and orientation.
"""

import numpy as np

from masa.alignment import transfer_labels
from masa.datasets.synthetic import make_annotations
from masa.datasets.transforms import NormalizeSkeleton


def embed(record: dict, skeleton: dict) -> np.ndarray:
    """Flatten the normalized joints of a sequence, (T, V * C)."""
    normalize = NormalizeSkeleton(rotation='sequence', up_axis='y')
    joints = normalize(dict(record, skeleton=skeleton))['keypoint'][0]
    return joints.reshape(len(joints), -1)


def main() -> None:
    """Label the sequences of every activity by the first one."""
    annotations = make_annotations(dict(val=4))
    activities = annotations['activities']
    for label, activity in enumerate(activities):
        records = [
            record
            for record in annotations['annotations']
            if record['label'] == label
        ]
        first, *others = (
            embed(record, annotations['skeleton']) for record in records
        )
        found = transfer_labels(first, records[0]['phase'], others)
        truth = [record['phase'] for record in records[1:]]
        accuracy = (np.concatenate(found) == np.concatenate(truth)).mean()
        print(f'{activity:16} {accuracy:.1%} of the frames labeled correctly')


if __name__ == '__main__':
    main()
