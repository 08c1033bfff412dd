"""What an application does with an exported model, in base packages alone.

    python tests/light/use_exported_model.py MODEL.onnx ANNOTATIONS OUTPUT.npz

It writes the embeddings of all sequences.
"""

import sys
from pathlib import Path

import numpy as np

from masa.alignment import align_pair
from masa.apis import AlignmentInferencer
from masa.datasets import check_annotations, load_annotations
from masa.evaluation.functional import kendalls_tau
from masa.visualization import draw_poses, flatten_poses, write_video

NOT_INSTALLED = (
    *('torch', 'torchvision', 'mmengine', 'mmaction', 'mmcv', 'cv2'),
    *('matplotlib', 'sklearn', 'jinja2', 'onnx', 'faiss', 'timm'),
)


def main(model: str, annotations: str, output: str) -> None:
    """Check, embed, align, retrieve, transfer, score and draw."""
    assert not check_annotations(load_annotations(annotations))
    inferencer = AlignmentInferencer(model)
    sequences = inferencer.embed(annotations)
    first, second, *others = sequences
    alignment = inferencer.align(first, second)
    again = align_pair(first.embedding, second.embedding)
    assert (alignment.path == again.path).all()
    timeline = inferencer.align_all([first, second])
    assert timeline.frames.shape[0] == 2
    assert len(inferencer.retrieve(first, 0, others, k=2)) == 2
    (labels,) = inferencer.transfer_labels(first, [second])
    assert len(labels) == len(second)
    assert np.isfinite(inferencer.anomaly_score(first, [second])).all()
    tau = kendalls_tau([first.embedding, second.embedding])
    assert np.isfinite(tau.tau)
    (joints,) = inferencer.embed(first.keypoint)
    np.testing.assert_allclose(joints.embedding, first.embedding, atol=1e-5)
    poses = flatten_poses(first.keypoint, inferencer.up)
    video = Path(output).with_suffix('.mp4')
    pictures = draw_poses(poses, inferencer.skeleton, 64)
    assert write_video(video, pictures, 30) == len(first)
    np.savez(output, **{one.name: one.embedding for one in sequences})
    loaded = [name for name in NOT_INSTALLED if sys.modules.get(name)]
    assert not loaded, loaded


if __name__ == '__main__':
    main(*sys.argv[1:])
