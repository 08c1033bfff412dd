import copy
import importlib
import importlib.util
import io
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import torch
from fresh_python import run_program
from mmengine.logging import HistoryBuffer, MessageHub

from masa.support import compat

GOOD = dict(
    torch='2.13.0+cpu',
    numpy='2.2.1',
    mmengine='0.10.7',
    mmcv='2.1.0',
    mmaction2='1.2.0',
)


@pytest.fixture
def installed(monkeypatch):
    """What is installed, by name; changing it changes what compat finds."""
    versions = dict(GOOD)

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(compat, 'version', version)
    return versions


def test_supported_versions_pass(installed):
    compat.check_versions()


def test_this_environment_passes():
    compat.check_versions()


def test_lite_counts_as_mmcv(installed):
    installed['mmcv-lite'] = installed.pop('mmcv')
    compat.check_versions()


def test_one_error_tells_of_all_problems(installed):
    installed.update(torch='1.13.1+cu117', mmcv='2.2.0', mmengine='0.11.0')
    del installed['mmaction2']
    with pytest.raises(ImportError) as caught:
        compat.check_versions()
    message = str(caught.value)
    for part in (
        'torch 1.13.1 is installed, expected 2.1.0 or newer;',
        'mmcv 2.2.0 is installed, expected 2.1.0 or newer and below 2.2.0',
        'mmengine 0.11.0 is installed',
        'mmaction2 is not installed',
        'pip install -c requirements/constraints.txt',
    ):
        assert part in message
    assert 'numpy' not in message


@pytest.mark.parametrize(
    ('name', 'version', 'right'),
    [
        ('mmcv', '2.1.0', True),
        ('mmcv', '2.0.1', False),
        ('numpy', '1.26.4', True),
        ('numpy', '3.0.0', False),
        ('torch', '2.1.0', True),
        ('torch', '99.0.0', True),
        ('mmaction2', '1.3.0', False),
    ],
)
def test_bounds(installed, name, version, right):
    installed[name] = version
    if right:
        compat.check_versions()
    else:
        with pytest.raises(ImportError, match=f'{name} {version}'):
            compat.check_versions()


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """Where a package of MMAction2's name lies, without any localizer."""
    localizers = tmp_path / 'mmaction' / 'models' / 'localizers'
    localizers.mkdir(parents=True)
    init = tmp_path / 'mmaction' / '__init__.py'
    init.touch()
    spec = ModuleSpec('mmaction', None, origin=str(init), is_package=True)
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, package=None: spec if name == 'mmaction' else None,
    )
    monkeypatch.setattr(
        sys,
        'meta_path',
        [
            finder
            for finder in sys.meta_path
            if not isinstance(finder, compat._MissingLocalizer)
        ],
    )
    return localizers


def test_a_working_upstream_is_left_alone(upstream):
    (upstream / 'drn').mkdir()
    before = list(sys.meta_path)
    assert compat.provide_missing_localizer() is False
    assert sys.meta_path == before


def test_the_missing_modules_are_supplied_last_and_once(upstream):
    before = list(sys.meta_path)
    assert compat.provide_missing_localizer() is True
    assert compat.provide_missing_localizer() is True
    assert sys.meta_path[:-1] == before
    finder = sys.meta_path[-1]
    assert finder.find_spec('mmaction.models.localizers.bsn', None) is None
    for name, is_package in (('drn', True), ('drn.drn', False)):
        spec = finder.find_spec(f'mmaction.models.localizers.{name}', None)
        assert (spec.submodule_search_locations is not None) == is_package
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises(ImportError, match='mmaction2#2714'):
            module.DRN()


def test_no_upstream_is_no_error(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert compat.provide_missing_localizer() is False


def test_models_of_mmaction_can_be_imported():
    # In a process of its own, as other tests have imported them already.
    run = run_program(
        'import masa.registry, mmaction.models as m\n'
        'm.ActionDataPreprocessor()'
    )
    assert run.returncode == 0, run.stderr


class Declared(list):
    """Stands for torch.library.Library."""

    def __call__(self, *_):
        return self

    def define(self, schema):
        self.append(schema.split('(')[0])


@pytest.fixture
def torchvision(tmp_path, monkeypatch):
    """A folder for torchvision, its operators and what gets declared."""
    init = tmp_path / 'torchvision' / '__init__.py'
    init.parent.mkdir()
    init.touch()
    spec = ModuleSpec('torchvision', None, origin=str(init), is_package=True)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    monkeypatch.delitem(sys.modules, 'torchvision', raising=False)
    monkeypatch.setattr(compat, '_torchvision_operators', None)
    declared = Declared()
    monkeypatch.setattr(torch.library, 'Library', declared)
    return init.parent, declared


needs_extensions = pytest.mark.skipif(
    sys.platform == 'win32', reason='nothing is done on Windows'
)


@needs_extensions
def test_operators_that_cannot_be_loaded_are_declared_once(torchvision):
    folder, declared = torchvision
    # What a missing libcudart looks like: no library that can be loaded.
    (folder / '_C.so').write_text('no library')
    assert compat.provide_torchvision_operators() is True
    assert compat.provide_torchvision_operators() is True
    assert declared == ['nms', 'qnms']


@needs_extensions
def test_operators_that_were_not_built_are_declared(torchvision):
    _, declared = torchvision
    assert compat.provide_torchvision_operators() is True
    assert declared == ['nms', 'qnms']


def test_operators_that_can_be_loaded_are_left_alone(torchvision, monkeypatch):
    folder, declared = torchvision
    (folder / '_C.so').touch()
    loaded = []
    monkeypatch.setattr(torch.ops, 'load_library', loaded.append)
    assert compat.provide_torchvision_operators() is False
    assert declared == []
    if sys.platform != 'win32':
        assert loaded == [str(folder / '_C.so')]


def test_torchvision_that_is_imported_or_missing(torchvision, monkeypatch):
    _, declared = torchvision
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert compat.provide_torchvision_operators() is False
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    assert compat.provide_torchvision_operators() is False
    assert declared == []


def test_runner_works_beside_torchvision():
    # In a process of its own, as other tests may have imported it already.
    if importlib.util.find_spec('torchvision') is None:
        pytest.skip('needs torchvision, which the extra "features" brings')
    code = (
        'import masa.registry, torch\n'
        'from mmengine.utils.dl_utils import collect_env\n'
        'print(collect_env()["TorchVision"])\n'
        'from torchvision.ops import nms\n'
        'boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])\n'
        'try:\n'
        '    assert nms(boxes, torch.ones(1), 0.5).tolist() == [0]\n'
        'except (NotImplementedError, RuntimeError):\n'
        '    print("no operator")\n'
    )
    run = run_program(code)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(importlib.metadata.version('torchvision'))


def test_timm_works_beside_torchvision():
    # In a process of its own, which has imported nothing else.
    if importlib.util.find_spec('timm') is None:
        pytest.skip('needs timm, which the extra "features" brings')
    run = run_program(
        'from masa.extraction.feature_weights import import_timm\n'
        'import_timm()'
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ('source', 'left_out'),
    [
        ('from .pytorch_utils import apply_chunking_to_forward', False),
        ('class PreTrainedModel: ...', True),
        (None, True),
    ],
)
def test_models_of_text_beside_any_transformers(
    tmp_path, monkeypatch, source, left_out
):
    from mmaction.utils import dependency

    package = tmp_path / 'transformers'
    package.mkdir()
    (package / '__init__.py').touch()
    if source is not None:
        (package / 'modeling_utils.py').write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'transformers', raising=False)
    monkeypatch.setattr(dependency, 'WITH_MULTIMODAL', False)
    assert compat.leave_out_unusable_multimodal() is False
    monkeypatch.setattr(dependency, 'WITH_MULTIMODAL', True)
    assert compat.leave_out_unusable_multimodal() is left_out
    assert dependency.WITH_MULTIMODAL is not left_out


def test_masa_works_beside_a_new_transformers(tmp_path):
    (tmp_path / 'transformers').mkdir()
    (tmp_path / 'transformers' / '__init__.py').write_text(
        'raise ImportError("of no use")'
    )
    metadata = tmp_path / 'transformers-5.17.0.dist-info' / 'METADATA'
    metadata.parent.mkdir()
    metadata.write_text(
        'Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n'
    )
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
        'import masa.registry\n'
        'from mmaction.registry import MODELS\n'
        'import mmaction.models\n'
        'try:\n'
        '    MODELS.build(dict(type="VindLUVQA"))\n'
        'except ImportError as error:\n'
        '    print(error)\n'
    )
    run = run_program(code)
    assert run.returncode == 0, run.stderr
    assert 'multi-modal dependencies' in run.stdout


def message_hub_state():
    hub = MessageHub('compat')
    for step in range(5):
        hub.update_scalar('train/loss', 1 / (step + 1), count=step + 1)
    hub.update_scalar('lr', 3e-3)
    hub.update_info('epoch', 4)
    hub.update_info('best', np.float64(0.5))
    hub.update_info('table', np.arange(4).reshape(2, 2))
    return hub.state_dict()


def through_a_file(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def test_message_hub_round_trip():
    state = message_hub_state()
    before = copy.deepcopy(state)
    packed = through_a_file(compat.pack_message_hub(state))
    hub = MessageHub('restored')
    hub.load_state_dict(compat.unpack_message_hub(packed))
    assert set(hub.log_scalars) == set(before['log_scalars'])
    for name, buffer in before['log_scalars'].items():
        restored = hub.get_scalar(name)
        assert restored.max_length == buffer.max_length
        for got, wanted in zip(restored.data, buffer.data, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted)
    assert hub.get_scalar('train/loss').mean(3) == before['log_scalars'][
        'train/loss'
    ].mean(3)
    assert hub.get_info('epoch') == 4
    assert hub.get_info('best') == 0.5
    assert hub.get_info('table') == [[0, 1], [2, 3]]
    # Packing left the state as it was.
    assert isinstance(state['log_scalars']['lr'], HistoryBuffer)
    hub.update_scalar('train/loss', 0.1)
    assert len(hub.get_scalar('train/loss').data[0]) == 6


def test_a_state_that_was_not_packed_passes():
    state = message_hub_state()
    assert compat.unpack_message_hub(state) == state


class OnDevice:
    """A tensor on an accelerator: NumPy cannot see it."""

    def __init__(self, tensor):
        self.tensor = tensor

    def numpy(self):
        raise TypeError("can't convert a tensor of this device to numpy")

    def cpu(self):
        return self.tensor


def test_histories_may_have_been_loaded_to_a_device():
    packed = compat.pack_message_hub(message_hub_state())
    for buffer in packed['log_scalars'].values():
        for key in ('log_history', 'count_history'):
            buffer[key] = OnDevice(buffer[key])
    restored = compat.unpack_message_hub(packed)['log_scalars']['lr']
    assert restored.data[0].tolist() == [3e-3]


def test_plain_values():
    value = dict(
        a=[np.float32(0.5), (np.arange(2), 'text')], b=None, c=np.array('x')
    )
    assert compat.to_plain(value) == dict(
        a=[0.5, ([0, 1], 'text')], b=None, c='x'
    )
    assert type(compat.to_plain(np.int64(3))) is int
    tensor = torch.ones(2)
    assert compat.to_plain([tensor])[0] is tensor
