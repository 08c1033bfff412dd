"""Workarounds for defects of upstream packages.

Each names the upstream thread and does nothing if the package works.
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
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

import torch

from .versions import check_versions


def repair_upstream() -> None:
    """Apply the workarounds that ``import masa`` needs.

    Must run before ``mmaction.models`` is first imported, for example by a
    lookup in MMAction2's registries.

    Raises:
        ImportError: If a package is missing or its version is not supported.
    """
    check_versions()
    provide_missing_localizer()
    leave_out_unusable_multimodal()
    provide_torchvision_operators()
    silence_missing_operator()


class _ModuleProvider(MetaPathFinder, Loader):
    """Import hook that provides a missing module, set up by ``fill``.

    At the end of ``sys.meta_path``, it is used only if no other finder has the
    module.
    """

    def __init__(
        self,
        name: str,
        fill: Callable[[types.ModuleType], None],
        is_package: bool = False,
    ):
        self.name = name
        self._fill = fill
        self._is_package = is_package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target=None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return ModuleSpec(fullname, self, is_package=self._is_package)

    def exec_module(self, module: types.ModuleType) -> None:
        self._fill(module)


def _provide(*providers: _ModuleProvider) -> None:
    provided = {getattr(finder, 'name', None) for finder in sys.meta_path}
    sys.meta_path += [one for one in providers if one.name not in provided]


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def provide_missing_localizer() -> bool:
    """Make ``mmaction.models`` importable (open-mmlab/mmaction2#2714).

    The wheel of MMAction2 1.2.0 lacks ``localizers/drn``, so that importing
    ``mmaction.models``, as every registry lookup in the scope ``mmaction``
    does, raises ModuleNotFoundError. Must run before ``mmaction.models`` is
    first imported.

    Returns:
        bool: Whether the module was missing.
    """
    folder = _folder_of('mmaction')
    if folder is None or (folder / 'models' / 'localizers' / 'drn').exists():
        return False
    name = 'mmaction.models.localizers.drn'
    _provide(
        _ModuleProvider(name, _fill_localizer, is_package=True),
        _ModuleProvider(f'{name}.drn', _fill_localizer),
    )
    return True


def _fill_localizer(module: types.ModuleType) -> None:
    class DRN:
        """Placeholder for the localizer that the wheel lacks."""

        def __init__(self, *args, **kwargs):
            raise ImportError(
                'DRN is missing in the wheel of MMAction2 1.2.0 '
                '(open-mmlab/mmaction2#2714); install MMAction2 from its '
                'source to use it'
            )

    module.DRN = DRN


def leave_out_unusable_multimodal() -> bool:
    """Make ``mmaction.models`` importable with a new transformers.

    MMAction2 1.2.0 imports its multimodal models if transformers is installed;
    they import a function that ``transformers.modeling_utils`` lacks since
    4.56 (modelscope/evalscope#864 is the same). Without it, the models are
    left out as if transformers were missing, and building one says what to
    install. Must run before ``mmaction.models`` is first imported.

    Returns:
        bool: Whether they were left out.
    """
    from mmaction.utils import dependency

    if not dependency.WITH_MULTIMODAL:
        return False
    folder = _folder_of('transformers')
    if folder is not None:
        source = folder / 'modeling_utils.py'
        moved = 'apply_chunking_to_forward'
        if source.is_file() and moved in source.read_text('utf-8'):
            return False
    dependency.WITH_MULTIMODAL = False
    return True


def provide_mmcv_operators() -> bool:
    """Make ``mmcv.ops`` importable with mmcv-lite (open-mmlab/mmpose#3250).

    mmpose and mmdet import it, although RTMDet and the models for bodies and
    hands use no operator except ``nms``, which is provided in PyTorch. Calling
    any other raises NotImplementedError. Must run before ``mmcv.ops`` is first
    imported.

    Returns:
        bool: Whether the operators were missing.
    """
    folder = _folder_of('mmcv')
    if folder is None or PathFinder.find_spec('_ext', [str(folder)]):
        return False
    _provide(_ModuleProvider('mmcv._ext', _fill_operators))
    return True


def _fill_operators(module: types.ModuleType) -> None:
    def missing(name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)

        def operator(*args, **kwargs):
            raise NotImplementedError(
                f'mmcv-lite has no operator {name!r}, which this model needs: '
                'install the full mmcv 2.1 in its place '
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
    """Return the indices of the boxes kept, best first: mmcv's ``nms``.

    A box is suppressed if its overlap with a better, kept one exceeds the
    threshold. Takes boxes (N, 4) and scores (N,).
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


# The operators exist as long as the library object.
_torchvision_operators = None


def provide_torchvision_operators() -> bool:
    """Make ``import torchvision`` work if its operators do not load.

    PyPI's torchvision is built for CUDA. With a PyTorch for CPU, its import
    fails with "operator torchvision::nms does not exist"
    (pytorch/vision#9085). MMEngine's Runner imports it if it is installed, and
    timm needs its transforms, which use no operator. The two operators that
    the import looks up are declared without an implementation, so that calling
    one is still an error. Must run before torchvision is first imported.

    Returns:
        bool: Whether the operators were declared.
    """
    global _torchvision_operators
    # For Windows, PyPI's builds of both are for CPU.
    if 'torchvision' in sys.modules or sys.platform == 'win32':
        return False
    folder = _folder_of('torchvision')
    if folder is None:
        return False
    # It has the second name from 0.29 on.
    extensions = (
        PathFinder.find_spec(name, [str(folder)])
        for name in ('_C', '_C_stable')
    )
    extension = next(filter(None, extensions), None)
    try:
        # As torchvision does; loading a library again has no effect.
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
    """Suppress the warning of ``mmcv.cnn`` about a missing operator.

    mmcv 2.1 imports ``MultiScaleDeformableAttention`` at its old place for
    compatibility and, with mmcv-lite, warns in every process
    (open-mmlab/mmcv#1975). No model here uses it.
    """
    warnings.filterwarnings(
        'ignore',
        'Fail to import ``MultiScaleDeformableAttention``',
        UserWarning,
        r'mmcv\.cnn\.bricks\.transformer',
    )


def is_no_deprecation_of_mmengine(record: logging.LogRecord) -> bool:
    """Filter deprecation warnings about MMEngine's own code from the log.

    ``CheckpointHook`` of MMEngine 0.10 uses the deprecated ``FileClient``
    whatever the config (open-mmlab/mmengine#1084).

    Args:
        record (logging.LogRecord): A log record.

    Returns:
        bool: Whether to keep the record.
    """
    deprecations = (
        '"FileClient" will be deprecated',
        '"HardDiskBackend" is the alias',
    )
    return not record.getMessage().startswith(deprecations)


@contextmanager
def no_cuda_device() -> Iterator[None]:
    """Let MMEngine start distributed training without a GPU.

    ``init_dist`` of MMEngine 0.10 selects a CUDA device for every backend,
    which fails without a GPU. Within this context it selects none.

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

    MMEngine 0.10 uses PyTorch's default of ``weights_only``, which allows code
    before 2.6 and, with TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD, as advised in
    open-mmlab/mmengine#1655, also later.

    Yields:
        None: The environment is restored afterwards.
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
