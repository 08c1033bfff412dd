"""The pretrained model that comes with masa."""

import json
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from mmaction.registry import MODELS
from mmengine.config import Config
from safetensors import safe_open

import masa
from masa.apis import AlignmentInferencer
from masa.apis.exported_model import ExportedModel
from masa.apis.model_files import PRETRAINED
from masa.apis.onnx_export import (
    TOLERANCE,
    compare_with_onnx,
    describe_model,
)
from masa.apis.pretrained import pretrained_weights
from masa.apis.trained_model import TrainedModel
from masa.cli import main
from masa.datasets import save_annotations
from masa.datasets.parts import SEARCH_MOMENTS
from masa.datasets.random_activities import draw_activity, draw_performance
from masa.datasets.random_activities.body import BONES, place_joints, pose
from masa.datasets.random_activities.performance import project
from masa.datasets.skeletons import LAYOUTS, PENN_ACTION
from masa.datasets.transforms.body_joints import find_body_joints
from masa.extraction.errors import ExtractionError
from masa.support.checkpoints import (
    check_fit,
    read_checkpoint,
    save_weights,
    weights_of,
)

CONFIG = Path(__file__).resolve().parents[2] / 'configs/pretrain_skeleton.py'
BODIES = [
    name
    for name, layout in LAYOUTS.items()
    if find_body_joints(layout['joints'])['left_hip']
]
# How a layout writes what is y up, x to the person's left, z to the front.
AXES = {'y': [0, 1, 2], '-y': [0, 1, 2], 'z': [0, 2, 1]}
SIGNS = {'y': [1, 1, 1], '-y': [1, -1, -1], 'z': [1, -1, 1]}


@pytest.fixture(scope='module')
def model():
    return masa.load()


def motion(frames=40):
    """A person who bends the knees and raises an arm: (T, 13, 3), y up."""
    way = np.sin(np.linspace(0, np.pi, frames))[:, None]
    bent = pose(leg_raise=60, leg_knee=100, left_arm_raise=150, trunk_bend=20)
    return place_joints(way * bent, np.array(list(BONES.values())))


def in_layout(body, layout, up_axis='y'):
    """Put the 13 joints into another layout, all others at the hips."""
    if body.shape[-1] == 3:
        body = body[..., AXES[up_axis]] * SIGNS[up_axis]
    joints = np.repeat(body[:, [7]], len(layout['joints']), 1)
    for i, sources in enumerate(find_body_joints(layout['joints']).values()):
        joints[:, sources] = body[:, [i]]
    if 'LASI' in layout['joints']:
        # The hips are a seventh of the way from here to the knees.
        for side, hip, knee in (('L', 7, 9), ('R', 8, 10)):
            place = (7 * body[:, hip] - body[:, knee]) / 6
            for marker in ('ASI', 'PSI'):
                joints[:, layout['joints'].index(side + marker)] = place
            joints[:, layout['joints'].index(f'{side}KNE')] = body[:, knee]
    return joints


def close(found, expected):
    """Equal up to the rounding of the coordinates."""
    (found,), (expected,) = found, expected
    np.testing.assert_allclose(
        found.embedding,
        expected.embedding,
        atol=0.01 * expected.embedding.std(),
    )


def test_files_are_small():
    files = PRETRAINED, Path(pretrained_weights())
    assert sum(path.stat().st_size for path in files) <= 6e6


def test_the_onnx_file_is_the_weights(model):
    trained = TrainedModel(CONFIG, pretrained_weights(), 'cpu')
    lengths = (1, 2, 7, 63, 64, 65, 500)
    assert compare_with_onnx(trained.network, PRETRAINED, lengths) < TOLERANCE
    assert model.skeleton == trained.skeleton == PENN_ACTION
    known = model.model.session.get_modelmeta().custom_metadata_map
    described = describe_model(trained)
    # Paths in the text of the config may differ.
    assert model.model.moments == trained.moments
    for name in ('pipeline', 'skeleton', 'from_video', 'format'):
        assert json.loads(known[name]) == json.loads(described[name])


def test_long_sequences_are_told(model):
    body, _ = project(motion(900), 0, 0, np.random.default_rng(0))
    assert model.model.moments == 48
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        model.embed([body[:60], body[:860]])
    with pytest.warns(UserWarning, match=r'900 frames.* 48\s+moments'):
        model.embed(body)
    slow = masa.load(frame_rate=10)
    with pytest.warns(UserWarning, match=r'90 s.* 48\s+moments'):
        slow.embed(body)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        masa.load(frame_rate=60).embed(body)


def test_the_onnx_file_embeds_motion_as_the_weights_do(model):
    other = AlignmentInferencer(CONFIG, pretrained_weights(), 'cpu')
    rng = np.random.default_rng(0)
    for _ in range(3):
        performance = draw_performance(draw_activity(rng, 96), rng, 96)
        record = dict(
            frame_dir='a',
            total_frames=len(performance.time),
            keypoint=performance.keypoint[None],
            keypoint_score=performance.score[None],
        )
        (found,), (expected,) = model.embed(record), other.embed(record)
        atol = 10 * TOLERANCE * expected.embedding.std()
        np.testing.assert_allclose(
            found.embedding, expected.embedding, atol=atol
        )
        # Two parts of one length, which are a batch, and another one.
        parts = [(0, 20), (3, 23), (2, len(found))]
        for one, same in zip(
            model.part_embedder(found, SEARCH_MOMENTS)(parts),
            other.part_embedder(expected, SEARCH_MOMENTS)(parts),
            strict=True,
        ):
            np.testing.assert_allclose(one, same, atol=atol)


@pytest.mark.parametrize('up_axis', AXES)
@pytest.mark.parametrize('name', BODIES)
def test_any_layout_and_axis_give_the_same(model, name, up_axis):
    body = motion()
    expected = masa.load(up_axis='y').embed(body)
    layout = LAYOUTS[name]
    joints = in_layout(body, layout, up_axis)
    said = layout.get('up_axis')
    given = None if said == up_axis else up_axis
    close(masa.load(layout=name, up_axis=given).embed(joints), expected)
    # As a record that says both.
    record = dict(
        frame_dir='a',
        total_frames=len(joints),
        keypoint=joints[None],
        skeleton=layout | {'up_axis': up_axis},
    )
    close(model.embed(record), expected)
    # Flat joints are in the picture, whatever a layout says of 3D.
    flat = body[..., :2] * [1, -1]
    close(
        masa.load(layout=name).embed(in_layout(flat, layout)),
        model.embed(flat),
    )


def test_missing_joints(model):
    flat = motion()[..., :2] * [1, -1]
    (whole,) = model.embed(flat)
    flat[5:9, 3] = np.nan
    (found,) = model.embed(flat)
    assert np.isfinite(found.embedding).all()
    missing = np.argwhere(found.keypoint_score == 0)
    assert missing.tolist() == [[t, 3] for t in range(5, 9)]
    # The same as a record with scores, wherever the joint is put.
    record = dict(
        frame_dir='a',
        total_frames=len(flat),
        keypoint=np.nan_to_num(flat, nan=7.0)[None],
        keypoint_score=np.isfinite(flat[None, ..., 0]).astype(np.float32),
    )
    close(model.embed(record), [found])
    assert not np.allclose(found.embedding, whole.embedding)
    # Somebody who is not there at all for a while.
    flat[20:25] = np.nan
    (found,) = model.embed(flat)
    assert np.isfinite(found.embedding).all()
    flat[:] = np.nan
    with pytest.raises(ExtractionError, match='nothing'):
        model.embed(flat)


@pytest.mark.parametrize(
    ('joints', 'options', 'hint'),
    [
        (np.ones((5, 33, 2)), {}, 'BLAZEPOSE_33'),
        (np.ones((5, 25, 2)), {}, 'OPENPOSE_25 or KINECT_25'),
        (np.ones((5, 4, 2)), {}, 'COCO_17'),
        (np.ones((5, 17, 3)), dict(layout='COCO_17'), '--up-axis'),
        (np.ones((5, 42, 2)), dict(layout='HANDS_42'), 'left_hip'),
        (np.full((5, 13, 2), np.inf), {}, 'finite'),
    ],
)
def test_joints_that_cannot_be_understood(joints, options, hint):
    with pytest.raises(ExtractionError, match=hint):
        masa.load(**options).embed(joints)


@pytest.fixture
def own_joints(tmp_path):
    """A model that takes the joints that it was trained on, untrained."""
    path = CONFIG.with_name('masa_demo.py')
    config = Config.fromfile(path)
    weights = tmp_path / 'demo.safetensors'
    save_weights(MODELS.build(config.model).state_dict(), weights, {})
    return dict(model=path, weights=weights, device='cpu')


def test_options_are_checked(own_joints):
    with pytest.raises(ValueError, match='BLAZEPOSE_33'):
        masa.load(layout='blaze')
    with pytest.raises(ValueError, match='up_axis'):
        masa.load(up_axis='x')
    for option in (dict(layout='COCO_17'), dict(up_axis='y')):
        with pytest.raises(ValueError, match=next(iter(option))):
            masa.load(**own_joints, **option)
    with pytest.raises(ValueError, match=r'body13\.onnx'):
        masa.load(weights=own_joints['weights'])


def test_align_without_a_model(tmp_path, capsys):
    """Two pose files, one of a detector and one of a depth camera."""
    body = motion(30)
    layout = LAYOUTS['KINECT_20']
    first, second = tmp_path / 'first.npy', tmp_path / 'second.pkl'
    np.save(first, in_layout(body[..., :2] * [90, -90], LAYOUTS['COCO_17']))
    slow = np.repeat(body, 2, axis=0)
    record = dict(
        frame_dir='second',
        total_frames=len(slow),
        keypoint=in_layout(slow, layout)[None].astype(np.float32),
    )
    save_annotations(dict(annotations=[record], skeleton=layout), second)
    outputs = tmp_path / 'a.csv', tmp_path / 'a.mp4'
    command = ['align', first, second, '-o', outputs[0], '-o', outputs[1]]
    command += ['--frame-rate', '30', '--height', '64']
    command = list(map(str, command))
    assert main(command) == 2
    assert 'COCO_17' in capsys.readouterr().err
    assert main([*command, '--layout', 'COCO_17', '--reference', 'first']) == 0
    rows = np.loadtxt(outputs[0], delimiter=',', skiprows=1)
    assert rows[:, 0].tolist() == list(range(30))
    assert np.abs(rows[:, 2] / 2 - rows[:, 0]).max() <= 3
    assert outputs[1].stat().st_size > 0


def test_a_file_that_names_no_layout(tmp_path, capsys):
    joints = in_layout(motion()[..., :2], LAYOUTS['COCO_17'])[None]
    records = [
        dict(frame_dir=name, total_frames=40, keypoint=joints)
        for name in ('a', 'b')
    ]
    path = tmp_path / 'a.pkl'
    save_annotations(dict(annotations=records), path)
    command = ['embed', str(path), '-o', str(tmp_path / 'e.npz')]
    assert main(command) == 2
    assert '--layout' in capsys.readouterr().err
    assert main([*command, '--layout', 'COCO_17']) == 0


def test_the_recipe_that_trains_on_begins_with_the_weights():
    config = Config.fromfile(CONFIG.with_name('finetune_skeleton.py'))
    assert config.load_from == pretrained_weights()
    weights = weights_of(read_checkpoint(config.load_from), config.load_from)
    model = MODELS.build(config.model)
    # All but the projection.
    del model.neck
    check_fit(weights, model, config.load_from)


def test_threads_embed_as_one_does():
    rng = np.random.default_rng(0)
    prepared = [
        rng.normal(size=(length, 65)).astype(np.float32)
        for length in [1, *[60] * 50, *[300] * 8, 700]
    ]
    alone, shared = (
        ExportedModel(PRETRAINED, threads=threads).embed(prepared)
        for threads in (1, 3)
    )
    assert [one.shape for one in shared] == [(len(v), 128) for v in prepared]
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_files_name_no_folder_of_a_machine():
    with safe_open(pretrained_weights(), 'np') as file:
        kept = file.metadata()
    session = onnxruntime.InferenceSession(PRETRAINED)
    known = session.get_modelmeta().custom_metadata_map
    assert known['config'] == kept['config']
    config = Config.fromstring(kept['config'], '.py')
    assert not {'work_dir', 'load_from'} & config.keys()
