import gc
from contextlib import suppress
from functools import cache
from itertools import count

import matplotlib
import mmengine.config.config
import mmengine.runner.runner
import pytest
import torch
import yapf.yapflib.yapf_api
from mmengine.registry import init_default_scope

import masa.registration  # noqa: F401

# After faiss, which is made by SWIG as well, it could read but not write.
with suppress(ImportError):
    import ezc3d  # noqa: F401

matplotlib.use('Agg')


@pytest.fixture(autouse=True, scope='session')
def _one_thread():
    # Several workers of pytest-xdist share the cores.
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def _caches(tmp_path_factory):
    return tmp_path_factory.mktemp('caches'), count()


@pytest.fixture(autouse=True)
def _own_cache(_caches, monkeypatch):
    folder, numbers = _caches
    monkeypatch.setenv('MASA_CACHE', str(folder / str(next(numbers))))


@pytest.fixture(autouse=True, scope='session')
def _cheap_runners():
    """Halve the time that MMEngine takes to build and save a run.

    Every data set collects garbage, every run starts compilers to tell their
    versions, and every checkpoint formats its config anew.
    """
    # What is imported stays, and need not be searched for garbage.
    gc.collect()
    gc.freeze()
    # onedl-mmengine imports it where it is called.
    namespace = mmengine.config.config
    if not hasattr(namespace, 'FormatCode'):
        namespace = yapf.yapflib.yapf_api
    format_code = namespace.FormatCode
    collect_env = mmengine.runner.runner.collect_env

    @cache
    def formatted(text, style):
        return format_code(text, style_config=dict(style))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            namespace,
            'FormatCode',
            lambda text, style_config: formatted(
                text, (*style_config.items(),)
            ),
        )
        patch.setattr(
            mmengine.runner.runner, 'collect_env', cache(collect_env)
        )
        yield


@pytest.fixture(autouse=True)
def _mmaction_scope():
    init_default_scope('mmaction')
