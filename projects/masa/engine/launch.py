from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

from ..registry import RUNNERS
from ..support.compat import no_cuda_device
from ..support.config_checks import report_wrong_values


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a config, with or without GPUs.

    Args:
        cfg (Config): The config; ``runner_type`` defaults to
            :class:`SafeRunner`. For distributed training without GPUs, the
            backend ``nccl`` is replaced by ``gloo`` and the model is wrapped
            for the CPU.

    Returns:
        Runner: The runner, in a process group if distributed.

    Raises:
        ConfigError: If a constructor rejects a value of the config.
    """
    if cfg.get('custom_imports'):
        # The file may have been read in another process.
        import_modules_from_strings(**cfg.custom_imports)
    cfg.setdefault('runner_type', 'SafeRunner')
    with report_wrong_values(cfg):
        if cfg.get('launcher', 'none') == 'none' or get_device() != 'cpu':
            return RUNNERS.build(cfg)
        _fit_to_cpu(cfg)
        with no_cuda_device():
            return RUNNERS.build(cfg)


def _fit_to_cpu(cfg: Config) -> None:
    cfg.setdefault('env_cfg', ConfigDict())
    dist_cfg = cfg.env_cfg.setdefault('dist_cfg', ConfigDict())
    # NCCL requires GPUs.
    if dist_cfg.get('backend', 'nccl') == 'nccl':
        dist_cfg.backend = 'gloo'
    wrapper = cfg.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    # By default MMEngine assigns a GPU to each process.
    cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
