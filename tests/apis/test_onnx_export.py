import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from tiny_demo import masa_command

from masa.apis import AlignmentInferencer
from masa.apis.onnx_export import (
    TOLERANCE,
    compare_with_onnx,
    describe_model,
    export_onnx,
)
from masa.apis.trained_model import TrainedModel
from masa.extraction.errors import ExtractionError

onnxruntime = pytest.importorskip(
    'onnxruntime', reason='needs the extra "export"'
)
onnx = pytest.importorskip('onnx', reason='needs the extra "export"')
pytest.importorskip('onnxscript', reason='needs the extra "export"')

ROOT = Path(__file__).resolve().parents[2]
main = masa_command('export')


def build(name, **backbone):
    config = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    config.model.backbone.update(backbone)
    torch.manual_seed(0)
    return config, MODELS.build(config.model).eval()


@pytest.mark.parametrize(
    ('name', 'backbone'),
    [
        ('masa_demo', dict(layers=('self', 'cross'))),
        # An odd width, of heads that no fused kernel takes.
        ('masa_penn_skeleton', dict(layers=('self',))),
        ('masa_demo', dict(layers=('self',), attention='linear')),
        ('masa_demo', dict(layers=('cross',), scale_features=False)),
        ('masa_demo', dict(layers=('self',), position='rotary')),
        ('pretrain_skeleton', {}),
    ],
)
def test_equals_the_model_at_any_length(tmp_path, name, backbone):
    _, model = build(name, **backbone)
    path = tmp_path / 'model.onnx'
    export_onnx(model, path)
    lengths = (1, 2, 7, 64, 301)
    assert compare_with_onnx(model, path, lengths) < TOLERANCE
    # Other weights are seen as others.
    with torch.no_grad():
        next(model.backbone.parameters()).add_(0.1)
    assert compare_with_onnx(model, path, lengths) > TOLERANCE
    assert list(tmp_path.iterdir()) == [path]
    # Nothing of the machine that exported it.
    assert str(ROOT).encode() not in path.read_bytes()


def test_readout_is_exported(tmp_path):
    config, _ = build('masa_demo', layers=('self',))
    config.model.readout = dict(type='FrameReadout', clip=0.5, clock=2.0)
    torch.manual_seed(0)
    model = MODELS.build(config.model).eval()
    path = tmp_path / 'model.onnx'
    export_onnx(model, path)
    assert compare_with_onnx(model, path, (1, 2, 7, 64)) < TOLERANCE
    session = onnxruntime.InferenceSession(str(path))
    assert session.get_outputs()[0].shape[2] == 129
    known = session.get_modelmeta().custom_metadata_map
    assert known['embed_dims'] == '129'
    model.readout.clock = 1.0
    assert compare_with_onnx(model, path, (1, 2, 7, 64)) > TOLERANCE


def test_neck_is_exported(tmp_path):
    config, _ = build('masa_demo', layers=('self',))
    config.model.neck.out_channels = 40
    config.model.head.predictor.embed_dims = 40
    config.model.embedding = 'neck'
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    # Statistics that are not those of a new layer.
    embedding = torch.randn(2, 30, 64)
    model.neck(embedding, torch.ones(2, 30, dtype=torch.bool))
    model.eval()
    path = tmp_path / 'model.onnx'
    export_onnx(model, path)
    assert compare_with_onnx(model, path, (1, 2, 7, 64)) < TOLERANCE
    session = onnxruntime.InferenceSession(str(path))
    assert session.get_outputs()[0].shape[2] == 40
    known = session.get_modelmeta().custom_metadata_map
    assert known['embed_dims'] == '40'


@pytest.fixture(scope='module')
def exported(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp('exported') / 'model.onnx'
    assert main([str(trained), str(path)]) == 0
    return path


def test_file_says_what_it_expects(exported, trained):
    session = onnxruntime.InferenceSession(str(exported))
    (values,), (embedding,) = session.get_inputs(), session.get_outputs()
    assert (values.name, embedding.name) == ('values', 'embedding')
    assert values.shape[2] == 75
    assert not any(isinstance(size, int) for size in values.shape[:2])
    known = session.get_modelmeta().custom_metadata_map
    assert known['in_channels'] == '75'
    assert known['embed_dims'] == '64'
    pipeline = json.loads(known['pipeline'])
    assert [one['type'] for one in pipeline[:2]] == [
        'SelectPerson',
        'NormalizeSkeleton',
    ]
    assert 'SequenceAligner' in known['config']


def test_exported_model_equals_the_trained_one(
    exported, inferencer, annotations
):
    """From records, files and arrays, several people among them."""
    other = AlignmentInferencer(exported)
    assert other.skeleton == inferencer.skeleton
    assert other.up == inferencer.up
    record = annotations[0]['annotations'][0]
    crowd = dict(
        record,
        frame_dir='crowd',
        keypoint=np.concatenate([record['keypoint'] + 1, record['keypoint']]),
    )
    del crowd['keypoint_score']
    for item in (annotations[1], record['keypoint'][0], crowd):
        found, expected = other.embed(item), inferencer.embed(item)
        assert [one.name for one in found] == [one.name for one in expected]
        for one, same in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                one.embedding,
                same.embedding,
                atol=10 * TOLERANCE * same.embedding.std(),
            )
            assert one.activity == same.activity
            np.testing.assert_array_equal(one.keypoint, same.keypoint)
            np.testing.assert_array_equal(one.phase, same.phase)
    # It encodes every frame, of parts too.
    sequence = other.embed(annotations[1])[0]
    np.testing.assert_array_equal(
        other.part_embedder(sequence, 2)([(1, 6)])[0],
        other.embed_parts(sequence, [(1, 6)])[0],
    )
    first, second, *_ = other.embed(annotations[1])
    np.testing.assert_array_equal(
        other.align(first, second).path,
        inferencer.align(*inferencer.embed(annotations[1])[:2]).path,
    )


def test_what_an_exported_model_refuses(exported, annotations, tmp_path):
    record = annotations[0]['annotations'][0]
    other = AlignmentInferencer(exported)
    with pytest.raises(ExtractionError, match='fewer'):
        other.embed(
            dict(
                record,
                frame_dir='fewer',
                keypoint=record['keypoint'][..., :2],
            )
        )
    (tmp_path / 'a.mp4').touch()
    with pytest.raises(ValueError, match='from_video'):
        other.embed(tmp_path / 'a.mp4')
    with pytest.raises(FileNotFoundError, match=r'none\.onnx'):
        AlignmentInferencer(tmp_path / 'none.onnx')
    with pytest.raises(ValueError, match=r'epoch_1\.pth'):
        AlignmentInferencer(exported, 'epoch_1.pth')
    with pytest.raises(ValueError, match='tpu'):
        AlignmentInferencer(exported, device='tpu')
    (tmp_path / 'cut.onnx').write_bytes(exported.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r'cut\.onnx'):
        AlignmentInferencer(tmp_path / 'cut.onnx')


def changed(exported, path, **metadata):
    model = onnx.load(str(exported))
    for entry in model.metadata_props:
        entry.value = metadata.get(entry.key, entry.value)
    onnx.save(model, str(path))
    return path


def test_files_of_other_makers(exported, tmp_path):
    path = tmp_path / 'other.onnx'
    with pytest.raises(ValueError, match='masa export'):
        AlignmentInferencer(changed(exported, path, format='99'))
    foreign = json.dumps([dict(type='Unknown'), dict(type='os.system')])
    with pytest.raises(ValueError, match='Unknown'):
        AlignmentInferencer(changed(exported, path, pipeline=foreign))
    unpacked = json.dumps([dict(type='mmaction.SelectPerson')])
    with pytest.raises(ValueError, match='SelectPerson'):
        AlignmentInferencer(changed(exported, path, pipeline=unpacked))


def test_command(exported, trained, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(trained), str(exported)])
    assert '--overwrite' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(trained), str(tmp_path / 'model.pt')])
    weights = tmp_path / 'model.safetensors'
    assert main([str(trained), str(weights)]) == 0
    model = TrainedModel(next(trained.glob('*.py')), weights, 'cpu')
    expected = TrainedModel(trained, device='cpu')
    assert model.skeleton == expected.skeleton is not None
    torch.testing.assert_close(
        *(one.network.state_dict() for one in (model, expected)),
        rtol=0,
        atol=0,
    )
    assert main([str(tmp_path / 'none'), str(tmp_path / 'a.onnx')]) == 2
    assert str(tmp_path / 'none') in capsys.readouterr().err


def test_a_pipeline_that_no_file_can_hold(trained):
    model = TrainedModel(trained, device='cpu')
    model.config.test_dataloader.dataset.pipeline[0].by = 1j
    with pytest.raises(ValueError, match='complex'):
        describe_model(model)


def test_without_the_extra(tmp_path, monkeypatch):
    _, model = build('masa_demo', layers=('self',))
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match=r'\[export\]'):
        export_onnx(model, tmp_path / 'model.onnx')
    assert list(tmp_path.iterdir()) == []
