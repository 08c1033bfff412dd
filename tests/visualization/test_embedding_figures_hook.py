import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from mmengine.evaluator import Evaluator
from mmengine.visualization import Visualizer

from masa.evaluation import SequenceCollection, SequenceEvaluator
from masa.visualization import EmbeddingFiguresHook
from masa.visualization.embedding_figures_hook import as_image


def collection(splits):
    rng = np.random.default_rng(0)
    number = len(splits)
    return SequenceCollection(
        names=[str(i) for i in range(number)],
        splits=list(splits),
        labels=[0] * number,
        activities=['hop'] * number,
        embeddings=[rng.normal(size=(12, 4)) for _ in range(number)],
        phases=[None] * number,
        canonical_times=[None] * number,
    )


class Kept:
    """A visualizer that keeps what it is given."""

    def __init__(self):
        self.images = {}

    def add_image(self, name, image, step):
        self.images[name, step] = image


def run(of, visualizer, **options):
    evaluator = SequenceEvaluator([])
    evaluator.collection = collection(of) if of else None
    runner = SimpleNamespace(
        val_loop=SimpleNamespace(evaluator=evaluator),
        visualizer=visualizer,
        seed=0,
        epoch=7,
    )
    EmbeddingFiguresHook(**options).after_val_epoch(runner)


def test_images():
    kept = Kept()
    run(['train', 'val', 'val'], kept)
    assert set(kept.images) == {('val_embeddings', 7), ('val_similarity', 7)}
    for image in kept.images.values():
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert image.std() > 5
    again = Kept()
    run(['train', 'val', 'val'], again)
    for key, image in kept.images.items():
        np.testing.assert_array_equal(image, again.images[key])


def test_other_splits():
    # A single sequence has no other to compare it with.
    kept = Kept()
    run(['train', 'val', 'val'], kept, splits=['train'])
    assert set(kept.images) == {('val_embeddings', 7)}
    kept = Kept()
    run(['train', 'train'], kept)
    assert len(kept.images) == 2


def test_other_processes_draw_nothing():
    kept = Kept()
    run([], kept)
    assert kept.images == {}


def test_files_of_the_local_backend(tmp_path):
    visualizer = Visualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path)
    )
    run(['val', 'val'], visualizer)
    found = sorted(Path(tmp_path).rglob('*.png'))
    assert len(found) == 2
    assert all(cv2.imread(str(path)) is not None for path in found)


def test_tensorboard(tmp_path):
    tensorboard = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator',
        reason='TensorBoard is not installed',
        # It is, and its protobuf is another one.
        exc_type=ImportError,
    )
    visualizer = Visualizer(
        vis_backends=[dict(type='TensorboardVisBackend')],
        save_dir=str(tmp_path),
    )
    run(['val', 'val'], visualizer)
    visualizer.close()
    events = tensorboard.EventAccumulator(str(tmp_path / 'vis_data'))
    events.Reload()
    assert set(events.Tags()['images']) == {'val_embeddings', 'val_similarity'}


def test_wrong_evaluator_and_argument():
    runner = SimpleNamespace(val_loop=SimpleNamespace(evaluator=Evaluator([])))
    with pytest.raises(ValueError, match=r'SequenceEvaluator.* Evaluator'):
        EmbeddingFiguresHook().after_val_epoch(runner)
    with pytest.raises(ValueError, match=r'max_frames .*1'):
        EmbeddingFiguresHook(max_frames=1)


def test_image_of_a_figure():
    figure = Figure(figsize=(2, 1), dpi=50, facecolor='red')
    image = as_image(figure)
    assert image.shape == (50, 100, 3)
    assert image[0, 0].tolist() == [255, 0, 0]


def test_the_engine_imports_no_figure_code():
    code = (
        'import sys, masa.engine\n'
        'assert not [m for m in sys.modules if m.startswith('
        '("matplotlib", "masa.visualization"))]'
    )
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True)
