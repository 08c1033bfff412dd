"""What an application does with an exported model, in base packages alone.

    python tests/light/use_exported_model.py MODEL.onnx ANNOTATIONS EXPECTED

EXPECTED is what ``masa embed`` wrote with the model in PyTorch.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import masa
from masa.alignment import align_pair
from masa.apis import AlignmentInferencer
from masa.cli import main as run_command
from masa.datasets import check_annotations, load_annotations
from masa.embeddings import SequenceCollection
from masa.evaluation.functional import kendalls_tau
from masa.visualization import draw_poses, flatten_poses, write_video

NOT_INSTALLED = (
    *('torch', 'torchvision', 'mmengine', 'mmaction', 'mmcv', 'cv2'),
    *('matplotlib', 'sklearn', 'jinja2', 'onnx', 'faiss', 'timm'),
    *('h5py', 'ezc3d', 'starlette', 'uvicorn', 'rtmlib'),
)


def main(model: str, annotations: str, expected: str) -> None:
    """Check, embed, align, retrieve, transfer, score and draw."""
    installed = [name for name in NOT_INSTALLED if find_spec(name)]
    assert not installed, installed
    assert not check_annotations(load_annotations(annotations))
    inferencer = AlignmentInferencer(model)
    sequences = inferencer.embed(annotations)
    for one, same in zip(
        sequences, SequenceCollection.load(expected), strict=True
    ):
        assert one.name == same.name
        np.testing.assert_allclose(
            one.embedding, same.embedding, atol=1e-3 * same.embedding.std()
        )
    first, second, *others = sequences
    alignment = inferencer.align(first, second)
    again = align_pair(first.embedding, second.embedding)
    assert (alignment.path == again.path).all()
    assert len(inferencer.retrieve(first, 0, others, k=2)) == 2
    (labels,) = inferencer.transfer_labels(first, [second])
    assert len(labels) == len(second)
    assert np.isfinite(inferencer.anomaly_score(first, [second])).all()
    live = inferencer.follow(first)
    state = live.push(first.keypoint[0], 0.0)
    assert 0 <= state.confidence <= 1
    tau = kendalls_tau([first.embedding, second.embedding])
    assert np.isfinite(tau.tau)
    (joints,) = inferencer.embed(first.keypoint)
    np.testing.assert_allclose(joints.embedding, first.embedding, atol=1e-5)
    folder = Path(expected).parent
    comparison = inferencer.compare([first, second], others[0])
    assert np.isfinite(comparison.score)
    comparison.save(folder / 'compared.html')
    poses = flatten_poses(first.keypoint, inferencer.up)
    pictures = draw_poses(poses, inferencer.skeleton, 64)
    assert write_video(folder / 'poses.mp4', pictures, 30) == len(first)
    outputs = [str(folder / name) for name in ('found.csv', 'found.mp4')]
    command = ['align', annotations, '--model', model, '--overwrite']
    names = ['--only', first.name, second.name]
    outputs = ['-o', outputs[0], '-o', outputs[1]]
    assert run_command([*command, *names, *outputs]) == 0
    assert run_command(['check', annotations]) == 0
    # The pretrained model, on the same joints.
    pretrained = masa.load()
    assert pretrained.skeleton != inferencer.skeleton
    for one, same in zip(
        pretrained.embed(annotations), sequences, strict=True
    ):
        assert one.name == same.name
        assert len(one) == len(same)
        assert np.isfinite(one.embedding).all()
    command = ['align', annotations, '--overwrite', *names, *outputs]
    assert run_command(command) == 0


if __name__ == '__main__':
    main(*sys.argv[1:])
