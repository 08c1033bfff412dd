"""Evaluate embeddings with all metrics beside the training-free baselines.

The embeddings here are a projection of synthetic skeletons to their 16
principal components. Put your own in the place of them.
"""

import numpy as np
from sklearn.decomposition import PCA

from masa.apis import EmbeddedSequence
from masa.datasets.synthetic import make_annotations
from masa.datasets.transforms import NormalizeSkeleton
from masa.evaluation import SequenceCollection, SequenceEvaluator, format_table
from masa.evaluation import metrics as M


def main() -> None:
    """Embed, evaluate and print the table."""
    annotations = make_annotations(dict(train=5, val=5))
    records = annotations['annotations']
    normalize = NormalizeSkeleton(rotation='sequence', up_axis='y')
    inputs = []
    for record in records:
        record = dict(record, skeleton=annotations['skeleton'])
        joints = normalize(record)['keypoint'][0]
        inputs.append(joints.reshape(len(joints), -1))
    pca = PCA(16, random_state=0).fit(np.concatenate(inputs))
    collection = SequenceCollection.from_sequences(
        EmbeddedSequence(
            name=record['frame_dir'],
            embedding=pca.transform(values),
            split=record['frame_dir'].split('/')[0],
            activity=annotations['activities'][record['label']],
            phase=record['phase'],
            canonical_time=record['canonical_time'],
            inputs=values,
        )
        for record, values in zip(records, inputs, strict=True)
    )
    metrics = [M.PhaseClassification(), M.PhaseProgress(), M.KendallsTau()]
    metrics += [M.FrameRetrieval(), M.CrossActivityRetrieval()]
    metrics += [M.ActionRecognition(), M.ActivitySeparation()]
    metrics += [M.KeyEventTransfer(), M.AlignmentError()]
    baselines = (
        'raw',
        'window',
        'clock',
        'position',
        'raw+clock',
        'window+clock',
    )
    report = SequenceEvaluator(metrics, baselines).compute_report(collection)
    print(format_table(report))
    print('The model is a PCA of single frames, so it is expected to lose to')
    print('the time-only baseline where time alone suffices, as for tau.')


if __name__ == '__main__':
    main()
