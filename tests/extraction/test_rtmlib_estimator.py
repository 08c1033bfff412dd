"""The backend rtmlib, with models of constant outputs made on the spot."""

import numpy as np
import pytest

from masa.datasets.skeletons import COCO_17, HALPE_26
from masa.extraction.backends import BACKENDS
from masa.extraction.errors import ExtractionError

onnx = pytest.importorskip('onnx', reason='needs the extra "export"')
pytest.importorskip('rtmlib', reason='needs the extra "rtmlib"')

# Height and width of the pictures of the pose model.
SIZE = (256, 192)
SQUARE = 640


def save(path, nodes, constants, inputs, outputs):
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        'model',
        [helper.make_tensor_value_info(*inputs[:1], kind, inputs[1])],
        [
            helper.make_tensor_value_info(name, kind, shape)
            for name, shape in outputs
        ],
        [
            onnx.numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in constants.items()
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8
    )
    onnx.save(model, path)
    return path


def pose_model(path, joints=17):
    """Joint j is at (10 + j, 20 + 2 j) of the picture, sure by its red."""
    helper = onnx.helper
    # Two bins a pixel.
    curves = (
        np.zeros((1, joints, 2 * SIZE[1])),
        np.zeros((1, joints, 2 * SIZE[0])),
    )
    for j in range(joints):
        curves[0][0, j, 2 * (10 + j)] = 1
        curves[1][0, j, 2 * (20 + j)] = 1
    nodes = [
        helper.make_node('Slice', ['x', 'from', 'to', 'axis'], ['red']),
        helper.make_node('ReduceMean', ['red'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['across', 'mean'], ['simcc_x']),
        helper.make_node('Mul', ['down', 'mean'], ['simcc_y']),
    ]
    path = save(
        path,
        nodes,
        dict(across=curves[0], down=curves[1]),
        ('x', (1, 3, *SIZE)),
        [('simcc_x', curves[0].shape), ('simcc_y', curves[1].shape)],
    )
    model = onnx.load(path)
    for name, value in (('from', 0), ('to', 1), ('axis', 1)):
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(np.array([value]), name)
        )
    onnx.save(model, path)
    return path


def detector(path, boxes):
    """Always finds these boxes of (left, top, right, bottom, score)."""
    helper = onnx.helper
    boxes = np.array([boxes], float).reshape(1, -1, 5)
    nodes = [
        helper.make_node('ReduceMean', ['x'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['mean', 'nothing'], ['zero']),
        helper.make_node('Add', ['boxes', 'zero'], ['dets']),
    ]
    return save(
        path,
        nodes,
        dict(boxes=boxes, nothing=np.zeros(())),
        ('x', (1, 3, SQUARE, SQUARE)),
        [('dets', boxes.shape)],
    )


def build(pose, target='body2d', **options):
    return BACKENDS['rtmlib'](
        target, 'cpu', pose_weights=pose, detector='none', **options
    )


@pytest.mark.parametrize(
    ('joints', 'skeleton'), [(17, COCO_17), (26, HALPE_26), (133, COCO_17)]
)
def test_one_person_who_fills_the_picture(joints, skeleton, tmp_path):
    estimator = build(pose_model(tmp_path / 'pose.onnx', joints))
    assert estimator.skeleton == skeleton
    estimator.prepare()
    red = np.zeros((*SIZE, 3), np.uint8)
    red[..., 0] = 255
    ((found,),) = estimator.detect([red])
    count = len(skeleton['joints'])
    assert found.keypoint.shape == (count, 2)
    # The box is enlarged by a quarter about its middle.
    expected = (
        np.stack([10 + np.arange(count), 20 + np.arange(count)], -1) * 1.25
        - np.array([SIZE[1], SIZE[0]]) * 0.125
    )
    np.testing.assert_allclose(found.keypoint, expected, atol=0.01)
    # Beyond the picture, which is enlarged as well, all is black.
    within = 0.8**2
    sure = within * (255 - 123.675) / 58.395 - (1 - within) * 123.675 / 58.395
    np.testing.assert_allclose(found.keypoint_score, sure, atol=0.01)
    # Blue pictures have a red below the mean: nobody is sure.
    ((found,),) = estimator.detect([red[..., ::-1]])
    assert (found.keypoint_score == 0).all()


@pytest.mark.parametrize('kind', ['yolox', 'rtmdet'])
def test_several_people_and_none(kind, tmp_path):
    pose = pose_model(tmp_path / 'pose.onnx')
    boxes = [[0, 0, 320, 320, 0.9], [320, 0, 640, 320, 0.8], [0] * 4 + [0.1]]
    estimator = BACKENDS['rtmlib'](
        *('body2d', 'cpu'),
        pose_weights=pose,
        detector=kind,
        detector_weights=detector(tmp_path / 'boxes.onnx', boxes),
    )
    estimator.prepare()
    frames = np.full((2, 64, 64, 3), 255, np.uint8)
    for found in estimator.detect(frames):
        np.testing.assert_allclose(
            [one.box for one in found],
            [[0, 0, 32, 32], [32, 0, 64, 32]],
            atol=1e-4,
        )
        apart = found[1].keypoint - found[0].keypoint
        np.testing.assert_allclose(apart, np.tile([32, 0], (17, 1)), atol=0.01)
    weights = estimator.settings['weights']
    empty = BACKENDS['rtmlib'](
        *('body2d', 'cpu'),
        pose_weights=pose,
        detector=kind,
        detector_weights=detector(
            tmp_path / 'none.onnx', [[0, 0, 9, 9, 0.01]]
        ),
    )
    assert empty.settings['weights'] != weights
    empty.prepare()
    assert list(empty.detect(frames)) == [[], []]


def test_what_cannot_be_used(tmp_path):
    pose = pose_model(tmp_path / 'pose.onnx')
    with pytest.raises(ExtractionError, match='body3d'):
        build(pose, 'body3d')
    with pytest.raises(ExtractionError, match='--pose-weights'):
        build(None)
    with pytest.raises(ExtractionError, match=r'gone\.onnx'):
        build(tmp_path / 'gone.onnx')
    with pytest.raises(ExtractionError, match='--detector-weights'):
        BACKENDS['rtmlib']('body2d', 'cpu', pose_weights=pose)
    with pytest.raises(ExtractionError, match='retinanet'):
        BACKENDS['rtmlib'](
            'body2d', 'cpu', pose_weights=pose, detector='retinanet'
        )
    with pytest.raises(ExtractionError, match='lifter'):
        build(pose, lifter='x')
    (tmp_path / 'text.onnx').write_text('no model')
    with pytest.raises(ExtractionError, match=r'text\.onnx'):
        build(tmp_path / 'text.onnx')
    with pytest.raises(ExtractionError, match='joints'):
        build(pose_model(tmp_path / 'five.onnx', 5))
