import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec

import pytest
import torch
from fresh_python import run_program

from masa.support import compat


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
            if not isinstance(finder, compat._ModuleProvider)
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
    assert sys.meta_path[:-2] == before
    for finder, name, is_package in zip(
        sys.meta_path[-2:], ('drn', 'drn.drn'), (True, False), strict=True
    ):
        assert finder.find_spec('mmaction.models.localizers.bsn', None) is None
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


both_names = pytest.mark.parametrize('file', ['_C.so', '_C_stable.so'])


@needs_extensions
@both_names
def test_operators_that_cannot_be_loaded_are_declared_once(torchvision, file):
    folder, declared = torchvision
    # What a missing libcudart looks like: no library that can be loaded.
    (folder / file).write_text('no library')
    assert compat.provide_torchvision_operators() is True
    assert compat.provide_torchvision_operators() is True
    assert declared == ['nms', 'qnms']


@needs_extensions
def test_operators_that_were_not_built_are_declared(torchvision):
    _, declared = torchvision
    assert compat.provide_torchvision_operators() is True
    assert declared == ['nms', 'qnms']


@both_names
def test_operators_that_can_be_loaded_are_left_alone(
    torchvision, monkeypatch, file
):
    folder, declared = torchvision
    (folder / file).touch()
    loaded = []
    monkeypatch.setattr(torch.ops, 'load_library', loaded.append)
    assert compat.provide_torchvision_operators() is False
    assert declared == []
    if sys.platform != 'win32':
        assert loaded == [str(folder / file)]


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
