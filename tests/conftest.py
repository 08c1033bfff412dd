import matplotlib
import pytest
import torch
from mmengine.registry import init_default_scope

import masa.registration  # noqa: F401

matplotlib.use('Agg')


@pytest.fixture(autouse=True, scope='session')
def _one_thread():
    # Several workers of pytest-xdist share the cores.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _mmaction_scope():
    init_default_scope('mmaction')
