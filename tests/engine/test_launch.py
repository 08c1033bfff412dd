import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from masa.engine import build_runner, launch
from masa.support import compat


@pytest.fixture
def built(monkeypatch):
    """The configs that runners were built from."""
    configs = []
    monkeypatch.setattr(
        Runner, 'from_cfg', lambda cfg: configs.append(cfg.to_dict())
    )
    return configs


@pytest.mark.parametrize(
    ('launcher', 'device'), [('none', 'cpu'), ('pytorch', 'cuda')]
)
def test_nothing_is_changed_where_mmengine_can(
    built, monkeypatch, launcher, device
):
    monkeypatch.setattr(launch, 'get_device', lambda: device)
    given = dict(
        launcher=launcher, env_cfg=dict(dist_cfg=dict(backend='nccl'))
    )
    build_runner(Config(given))
    assert built == [dict(given, runner_type='SafeRunner')]


@pytest.mark.parametrize(
    ('given', 'backend', 'wrapper'),
    [
        (dict(), 'gloo', dict(find_unused_parameters=False)),
        (
            dict(
                env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=9)),
                find_unused_parameters=True,
            ),
            'gloo',
            dict(find_unused_parameters=True),
        ),
        (
            dict(
                env_cfg=dict(dist_cfg=dict(backend='mpi')),
                model_wrapper_cfg=dict(
                    type='MMDistributedDataParallel',
                    broadcast_buffers=False,
                    static_graph=True,
                ),
            ),
            'mpi',
            dict(static_graph=True),
        ),
    ],
)
def test_without_gpus_the_backend_and_the_wrapper_are_of_the_cpu(
    built, monkeypatch, given, backend, wrapper
):
    monkeypatch.setattr(launch, 'get_device', lambda: 'cpu')
    build_runner(Config(dict(given, launcher='slurm')))
    assert built[0]['env_cfg']['dist_cfg']['backend'] == backend
    assert built[0]['model_wrapper_cfg'] == dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        device_ids=None,
        **wrapper,
    )


@pytest.mark.parametrize('available', [True, False])
def test_a_device_is_selected_only_where_there_is_one(monkeypatch, available):
    selected = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: available)
    monkeypatch.setattr(torch.cuda, 'set_device', selected.append)
    original = torch.cuda.set_device
    with compat.no_cuda_device():
        torch.cuda.set_device(1)
    assert selected == ([1] if available else [])
    assert torch.cuda.set_device is original
