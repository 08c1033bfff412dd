import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from tiny_demo import masa_command

from masa.apis.onnx_export import (
    TOLERANCE,
    compare_with_onnx,
    describe_config,
    export_onnx,
)

onnxruntime = pytest.importorskip(
    'onnxruntime', reason='needs the extra "onnx"'
)
onnx = pytest.importorskip('onnx', reason='needs the extra "onnx"')
pytest.importorskip('onnxscript', reason='needs the extra "onnx"')

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
    ],
)
def test_equals_the_model_at_any_length(tmp_path, name, backbone):
    config, model = build(name, **backbone)
    path = tmp_path / 'model.onnx'
    export_onnx(model, path, describe_config(config))
    lengths = (1, 2, 7, 64, 301)
    assert compare_with_onnx(model, path, lengths) < TOLERANCE
    # Other weights are seen as others.
    with torch.no_grad():
        model.backbone.frame_mlp[0].weight += 0.1
    assert compare_with_onnx(model, path, lengths) > TOLERANCE
    assert list(tmp_path.iterdir()) == [path]


def test_readout_is_exported(tmp_path):
    config, _ = build('masa_demo', layers=('self',))
    config.model.readout = dict(type='FrameReadout', clip=0.5, clock=2.0)
    torch.manual_seed(0)
    model = MODELS.build(config.model).eval()
    path = tmp_path / 'model.onnx'
    export_onnx(model, path)
    assert compare_with_onnx(model, path, (1, 2, 7, 64)) < TOLERANCE
    session = onnxruntime.InferenceSession(str(path))
    assert session.get_outputs()[0].shape[1] == 129
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
    assert session.get_outputs()[0].shape[1] == 40
    known = session.get_modelmeta().custom_metadata_map
    assert known['embed_dims'] == '40'


def test_file_says_what_it_expects(tmp_path):
    config, model = build('masa_demo', layers=('self',))
    path = tmp_path / 'model.onnx'
    export_onnx(model, path, describe_config(config))
    session = onnxruntime.InferenceSession(str(path))
    (values,), (embedding,) = session.get_inputs(), session.get_outputs()
    assert (values.name, embedding.name) == ('values', 'embedding')
    assert values.shape[1] == 75
    assert not isinstance(values.shape[0], int)
    known = session.get_modelmeta().custom_metadata_map
    assert known['in_channels'] == '75'
    assert known['embed_dims'] == '64'
    pipeline = json.loads(known['pipeline'])
    assert [one['type'] for one in pipeline[:2]] == [
        'SelectPerson',
        'NormalizeSkeleton',
    ]
    assert 'SequenceAligner' in known['config']


def test_command(trained, tmp_path, capsys, inferencer, annotations):
    path = tmp_path / 'model.onnx'
    assert main([str(trained), str(path)]) == 0
    assert 'standard deviations at most' in capsys.readouterr().out
    record = annotations[0]['annotations'][0]
    values = inferencer.pipeline(dict(record, skeleton=inferencer.skeleton))[
        'inputs'
    ][0]['values']
    session = onnxruntime.InferenceSession(str(path))
    (found,) = session.run(None, dict(values=values.numpy()))
    (expected,) = inferencer.embed(record)
    np.testing.assert_allclose(found, expected.embedding, atol=1e-3)
    with pytest.raises(SystemExit):
        main([str(trained), str(path)])
    assert 'exists; --overwrite' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(trained), str(tmp_path / 'model.pt')])
    assert main([str(tmp_path / 'none'), str(tmp_path / 'a.onnx')]) == 2
    assert 'there is no config or folder' in capsys.readouterr().err


def test_without_the_extra(tmp_path, monkeypatch):
    _, model = build('masa_demo', layers=('self',))
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match=r"-e '\.\[lite,onnx\]'"):
        export_onnx(model, tmp_path / 'model.onnx')
    assert list(tmp_path.iterdir()) == []
