"""Report values that constructors reject or that do not fit the data."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from torch import nn

from .finding import ConfigError, Finding

# Methods in which hooks check that they suit the run.
_PREPARING = ('before_run', 'before_train', 'before_val', 'before_test')


def find_width_mismatch(
    model: nn.Module | None, dataset: Sequence[dict], loader: str
) -> Finding | None:
    """Compare the frame width of a model with that of its data.

    Args:
        model (nn.Module, optional): The model; skipped if it is None or has no
            ``check_width``.
        dataset (Sequence[dict]): Packed samples; only the first is read.
        loader (str): Name of its data loader in the config.

    Returns:
        Finding, optional: The mismatch and its fix; None if they agree.
    """
    if not hasattr(model, 'check_width'):
        return None
    sample = dataset[0]
    name = sample['data_samples'].get('frame_dir', 0)
    for view in sample['inputs']:
        width = view['values'].shape[-1]
        try:
            model.check_width(width)
        except ValueError as error:
            return Finding(
                'model.backbone',
                f'{error}: set in_channels={width}, or give other data. The '
                f'sequence is {name!r} of {loader}',
            )
    return None


@contextmanager
def report_wrong_values(config: Config) -> Iterator[None]:
    """Turn an error of a constructor into one that names the setting.

    Converts a ValueError or AssertionError with a message that is raised while
    MMEngine builds a part of the config or a hook prepares for the run, and
    the TypeError for a missing argument. Other errors pass unchanged: those of
    the training; subclasses such as AnnotationError, which name their cause;
    and a TypeError inside a constructor, which may be a defect of the code.

    Args:
        config (Config): The config being built.

    Yields:
        None: Nothing.

    Raises:
        ConfigError: If a value is rejected.
    """
    try:
        yield
    except (ValueError, AssertionError, TypeError) as error:
        frames = [frame for frame, _ in walk_tb(error.__traceback__)]
        parts = [part for frame in frames for part in _part_of(frame)]
        if (
            not parts
            or not str(error)
            or type(error) not in (ValueError, AssertionError, TypeError)
            or (isinstance(error, TypeError) and not _is_builder(frames[-1]))
        ):
            raise
        path = _find(config, parts, _loop_of(frames))
        name = parts[-1].get('type')
        name = getattr(name, '__name__', name)
        raise ConfigError(
            str(config.filename or 'config'),
            [Finding(path, f'{name}: {error}' if name else str(error))],
        ) from error


def _is_builder(frame: FrameType) -> bool:
    """Return whether it is ``build_from_cfg`` or a method of the Runner."""
    return (
        frame.f_code.co_name.startswith('build_')
        and frame.f_globals.get('__name__', '').split('.')[0] == 'mmengine'
    )


def _part_of(frame: FrameType) -> Iterator[dict]:
    """Yield the part of the config being built, or of the hook preparing."""
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    values = [frame.f_locals.get(name) for name in names]
    if _is_builder(frame):
        yield from [one for one in values if one and isinstance(one, dict)][:1]
    elif frame.f_code.co_name in _PREPARING and isinstance(values[0], Hook):
        yield dict(type=type(values[0]).__name__)


def _loop_of(frames: list[FrameType]) -> str:
    """Return which loop is being built: ``train``, ``val`` or ``test``."""
    for frame in frames:
        name = frame.f_code.co_name
        if name.startswith('build_') and name.endswith('_loop'):
            return name.split('_')[1]
    return ''


def _find(config: Config, parts: list[dict], loop: str) -> str:
    """Return the path of the innermost part found in the config."""
    # The loaders of validation and test are often equal.
    first = {k: v for k, v in config.items() if loop and k.startswith(loop)}
    path, inside = '', first
    for part in parts:
        for node, prefix in ((inside, path), (first, ''), (config, '')):
            found = next(_places(node, part, prefix), None)
            if found:
                path, inside = found
                break
    return path or 'the whole config'


def _places(node: Any, part: dict, path: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, dict) and path and _is_same(node, part):
        yield path, node
    if isinstance(node, (dict, Config)):
        items: Any = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    else:
        return
    for key, value in items:
        yield from _places(value, part, f'{path}.{key}' if path else str(key))


def _is_same(node: dict, part: dict) -> bool:
    """Compare with the part being built, which may have more settings."""
    if not node or node.get('type') != part.get('type'):
        return False
    return len(part) == 1 or all(part.get(k) == v for k, v in node.items())
