"""The one place that knows of upstream breakage.

Every item names the upstream thread it answers and leaves a working upstream
alone.
"""

import importlib.util
import logging
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
)
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

# What the code relies on, and the first release that it cannot work with.
# Why each ceiling: docs/installation.md.
SUPPORTED = {
    'torch': ('2.1.0', None),
    'numpy': ('1.24.0', '3.0.0'),
    'mmengine': ('0.10.0', '0.11.0'),
    'mmcv': ('2.1.0', '2.2.0'),
    'mmaction2': ('1.2.0', '1.3.0'),
}


def repair_upstream() -> None:
    """Make what the package is built on work, as far as it does not.

    Must run before ``mmaction.models`` is first imported, which a lookup in
    MMAction2's registries does.

    Raises:
        ImportError: If a package is missing or of a version that cannot
            work.
    """
    check_versions()
    provide_missing_localizer()
    leave_out_unusable_multimodal()
    provide_torchvision_operators()
    silence_missing_operator()


def check_versions() -> None:
    """Check the versions of what masa is built on.

    Raises:
        ImportError: If a package is missing or of a version that cannot
            work. One error tells of all of them and how to install the set
            that is tested together.
    """
    problems = []
    for name, (lowest, ceiling) in SUPPORTED.items():
        found = _installed_version(name)
        if found is None:
            problems.append(f'{name} is not installed')
        elif digit_version(found) < digit_version(lowest) or (
            ceiling and digit_version(found) >= digit_version(ceiling)
        ):
            below = f' and below {ceiling}' if ceiling else ''
            problems.append(
                f'{name} {found} is installed, expected {lowest} or newer'
                f'{below}'
            )
    if problems:
        raise ImportError(
            f'masa cannot work here: {"; ".join(problems)}. Install the set '
            'that is tested together, from the checkout: pip install '
            '-c requirements/constraints.txt -e .'
        )


def _installed_version(name: str) -> str | None:
    # mmcv has two distributions of one import name.
    for distribution in (name, f'{name}-lite') if name == 'mmcv' else (name,):
        try:
            return version(distribution).split('+')[0]
        except PackageNotFoundError:
            continue
    return None


_DRN = 'mmaction.models.localizers.drn'


class _MissingLocalizer(MetaPathFinder, Loader):
    """Supplies the two modules that the wheel of MMAction2 1.2.0 lacks."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target=None
    ) -> ModuleSpec | None:
        if fullname in (_DRN, f'{_DRN}.drn'):
            return ModuleSpec(fullname, self, is_package=fullname == _DRN)
        return None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return types.ModuleType(spec.name, 'Missing in MMAction2 1.2.0.')

    def exec_module(self, module: types.ModuleType) -> None:
        class DRN:
            """Stands for a localizer that was left out of the wheel."""

            def __init__(self, *args, **kwargs):
                raise ImportError(
                    'DRN is missing in the wheel of MMAction2 1.2.0 '
                    '(open-mmlab/mmaction2#2714); install MMAction2 from its '
                    'source to use it'
                )

        module.DRN = DRN


def provide_missing_localizer() -> bool:
    """Make ``mmaction.models`` importable (open-mmlab/mmaction2#2714).

    The wheel of MMAction2 1.2.0 lacks ``localizers/drn``, so that
    ``import mmaction.models``, and with it every registry lookup in the scope
    ``mmaction``, raises ModuleNotFoundError. Must run before
    ``mmaction.models`` is first imported. A finder at the end of
    ``sys.meta_path`` is asked only for what nobody else has.

    Returns:
        bool: Whether anything was missing.
    """
    package = importlib.util.find_spec('mmaction')
    if package is None or package.origin is None:
        return False
    localizers = Path(package.origin).parent / 'models' / 'localizers'
    if (localizers / 'drn').exists():
        return False
    if not any(isinstance(f, _MissingLocalizer) for f in sys.meta_path):
        sys.meta_path.append(_MissingLocalizer())
    return True


# What MMAction2's models of video and text import from transformers, and
# releases from 4.56 on have elsewhere or not at all.
_MOVED_FUNCTION = 'apply_chunking_to_forward'


def leave_out_unusable_multimodal() -> bool:
    """Make ``mmaction.models`` importable beside a new transformers.

    MMAction2 1.2.0 imports its models of video and text wherever
    transformers is installed, whatever masa needs, and those import what
    ``transformers.modeling_utils`` has no longer
    (modelscope/evalscope#864 is the same). Where that is missing, they are
    left out as if transformers were not installed: building one says what
    to install. Must run before ``mmaction.models`` is first imported.

    Returns:
        bool: Whether anything was left out.
    """
    from mmaction.utils import dependency

    if not dependency.WITH_MULTIMODAL:
        return False
    package = importlib.util.find_spec('transformers')
    if package is not None and package.origin is not None:
        source = Path(package.origin).parent / 'modeling_utils.py'
        if source.is_file() and _MOVED_FUNCTION in source.read_text('utf-8'):
            return False
    dependency.WITH_MULTIMODAL = False
    return True


_MMCV_OPERATORS = 'mmcv._ext'


class _MissingOperators(MetaPathFinder, Loader):
    """Supplies the compiled operators that mmcv-lite has none of."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target=None
    ) -> ModuleSpec | None:
        if fullname == _MMCV_OPERATORS:
            return ModuleSpec(fullname, self)
        return None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return types.ModuleType(spec.name, 'Missing in mmcv-lite.')

    def exec_module(self, module: types.ModuleType) -> None:
        def missing(name: str) -> Callable:
            if name.startswith('__'):
                raise AttributeError(name)

            def operator(*args, **kwargs):
                raise NotImplementedError(
                    f'mmcv-lite has no operator {name!r}, which this model '
                    'needs: install the full mmcv 2.1 in its place '
                    '(docs/installation.md)'
                )

            return operator

        module.nms = _non_maximum_suppression
        module.__getattr__ = missing


def _non_maximum_suppression(
    bboxes: torch.Tensor,
    scores: torch.Tensor,
    iou_threshold: float,
    offset: int = 0,
) -> torch.Tensor:
    """Return which boxes stay, best first: mmcv's operator ``nms``.

    A box is left out if it overlaps a better one that stays by more than the
    threshold. (N, 4) and (N,) to indices.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = bboxes[order]
    sizes = (boxes[:, 2:] - boxes[:, :2] + offset).clamp(min=0)
    areas = sizes.prod(1)
    stays = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for i in range(len(boxes)):
        if not stays[i]:
            continue
        upper_left = torch.maximum(boxes[i, :2], boxes[i + 1 :, :2])
        lower_right = torch.minimum(boxes[i, 2:], boxes[i + 1 :, 2:])
        shared = (lower_right - upper_left + offset).clamp(min=0).prod(1)
        union = areas[i] + areas[i + 1 :] - shared
        stays[i + 1 :] &= shared <= iou_threshold * union
    return order[stays]


def provide_mmcv_operators() -> bool:
    """Make ``mmcv.ops`` importable with mmcv-lite (open-mmlab/mmpose#3250).

    mmpose and mmdet import it at the top, though the models for bodies and
    hands, and RTMDet, use no operator but ``nms``. That one is given in
    PyTorch; calling any other says what is missing. Must run before
    ``mmcv.ops`` is first imported. A finder at the end of ``sys.meta_path``
    is asked only for what nobody else has: the full mmcv keeps its own.

    Returns:
        bool: Whether anything was missing.
    """
    package = importlib.util.find_spec('mmcv')
    if package is None or package.origin is None:
        return False
    finder = FileFinder(
        str(Path(package.origin).parent),
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
    )
    if finder.find_spec('_ext') is not None:
        return False
    if not any(isinstance(f, _MissingOperators) for f in sys.meta_path):
        sys.meta_path.append(_MissingOperators())
    return True


# They last as long as the library object.
_torchvision_operators = None


def provide_torchvision_operators() -> bool:
    """Make ``import torchvision`` work where its operators cannot be loaded.

    PyPI's torchvision is built for CUDA; beside a PyTorch for CPU its
    operators cannot be loaded, and importing it ends in "operator
    torchvision::nms does not exist" (pytorch/vision#9085). MMEngine's Runner
    imports it wherever it is installed, and timm needs its transforms, which
    use no operator. The two that the import asks for are declared, without
    anything behind them, so that calling one is still an error. Must run
    before torchvision is first imported.

    Returns:
        bool: Whether anything was missing.
    """
    global _torchvision_operators
    # PyPI's builds for Windows are for CPU, both.
    if 'torchvision' in sys.modules or sys.platform == 'win32':
        return False
    package = importlib.util.find_spec('torchvision')
    if package is None or package.origin is None:
        return False
    folder = str(Path(package.origin).parent)
    extension = FileFinder(
        folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)
    ).find_spec('_C')
    try:
        # As torchvision does; loading a library twice does nothing.
        if extension is not None:
            torch.ops.load_library(extension.origin)
            return False
    except OSError:
        pass
    if _torchvision_operators is None:
        library = torch.library.Library('torchvision', 'FRAGMENT')
        for name in ('nms', 'qnms'):
            library.define(
                f'{name}(Tensor dets, Tensor scores, float iou_threshold) '
                '-> Tensor'
            )
        _torchvision_operators = library
    return True


def silence_missing_operator() -> None:
    """Keep ``mmcv.cnn`` from warning of an operator that mmcv-lite lacks.

    mmcv 2.1 imports ``MultiScaleDeformableAttention``, which has moved, in
    its old place for old code's sake, and warns in every process where that
    fails (open-mmlab/mmcv#1975). No model here uses it.
    """
    warnings.filterwarnings(
        'ignore',
        'Fail to import ``MultiScaleDeformableAttention``',
        UserWarning,
        r'mmcv\.cnn\.bricks\.transformer',
    )


# How MMEngine 0.10 begins to say that its own hooks use old names of its own.
_DEPRECATIONS = (
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)


def is_no_deprecation_of_mmengine(record: logging.LogRecord) -> bool:
    """Filter the log for the deprecations of what MMEngine does itself.

    Its ``CheckpointHook`` takes the ``FileClient`` that it calls deprecated
    (open-mmlab/mmengine#1084), which is nothing that a config changes.

    Args:
        record (logging.LogRecord): A line of the log.

    Returns:
        bool: Whether it is anything else.
    """
    return not record.getMessage().startswith(_DEPRECATIONS)


@contextmanager
def no_cuda_device() -> Iterator[None]:
    """Let MMEngine start distributed training where there is no GPU.

    ``init_dist`` of MMEngine 0.10 selects a CUDA device whatever the backend
    is, which PyTorch refuses where there is none. Within this context nothing
    is selected then.

    Yields:
        None: Nothing.
    """
    select = torch.cuda.set_device
    if not torch.cuda.is_available():
        torch.cuda.set_device = lambda device: None
    try:
        yield
    finally:
        torch.cuda.set_device = select


@contextmanager
def only_weights_loaded() -> Iterator[None]:
    """Make ``torch.load`` refuse code wherever MMEngine calls it.

    MMEngine 0.10 leaves ``weights_only`` to PyTorch's default, which admits
    code before 2.6, and later where TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set,
    as open-mmlab/mmengine#1655 advises.

    Yields:
        None: The environment is as before afterwards.
    """
    changes = {
        'TORCH_FORCE_WEIGHTS_ONLY_LOAD': '1',
        'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '0',
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def pack_message_hub(state: dict) -> dict:
    """Turn a message hub's state into plain containers and tensors.

    PyTorch 2.6 and later load only those by default, and MMEngine 0.10's
    checkpoints do not load there (open-mmlab/mmengine#1655): they hold
    ``HistoryBuffer`` objects. Allowing those would also need ``getattr``,
    which opens the door to any code.

    Args:
        state (dict): From ``MessageHub.state_dict()``.

    Returns:
        dict: The same information; :func:`unpack_message_hub` turns it back.
    """
    packed = dict(state, log_scalars={})
    for key, buffer in state['log_scalars'].items():
        if isinstance(buffer, HistoryBuffer):
            log, count = buffer.data
            buffer = dict(
                log_history=torch.as_tensor(np.asarray(log)),
                count_history=torch.as_tensor(np.asarray(count)),
                max_length=buffer.max_length,
            )
        packed['log_scalars'][key] = buffer
    return to_plain(packed)


def unpack_message_hub(state: dict) -> dict:
    """Turn what :func:`pack_message_hub` made back.

    Args:
        state (dict): From a checkpoint. One that MMEngine wrote itself, and
            that an older PyTorch loaded, passes unchanged.

    Returns:
        dict: What ``MessageHub.load_state_dict`` reads.
    """
    unpacked = dict(state, log_scalars={})
    for key, buffer in state['log_scalars'].items():
        if isinstance(buffer, dict):
            buffer = HistoryBuffer(
                # Runner.resume loads to the model's device.
                buffer['log_history'].cpu().numpy(),
                buffer['count_history'].cpu().numpy(),
                buffer['max_length'],
            )
        unpacked['log_scalars'][key] = buffer
    return unpacked


def to_plain(value):
    """Turn nested NumPy values into lists and numbers.

    ``torch.load(weights_only=True)`` refuses NumPy's.

    Args:
        value (Any): Dicts, lists and tuples are gone through.

    Returns:
        Any: The same; anything else passes unchanged.
    """
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [to_plain(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value
