"""List the arguments that a constructor accepts."""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

# Functions that get the **kwargs of a class.
_FORWARDED = {CheckpointHook: Runner.save_checkpoint}


@functools.cache
def arguments_of(target: Callable) -> frozenset[str] | None:
    """List the argument names of a class or function.

    ``**kwargs`` passed to ``super().__init__`` stand for the arguments of the
    parent class; those of a :class:`~masa.models.heads.MethodHead` for the
    arguments of its ``loss_class``.

    Args:
        target (Callable): The class or function.

    Returns:
        frozenset[str], optional: The names; None if any name is accepted.
    """
    if not inspect.isclass(target):
        names, takes_more = _names(target)
        return None if takes_more else frozenset(names)
    known: frozenset[str] = frozenset()
    for parent in target.__mro__[:-1]:
        constructor = parent.__dict__.get('__init__')
        if constructor is None:
            continue
        names, takes_more = _names(constructor)
        known |= names
        if not takes_more:
            break
        forwarded = _FORWARDED.get(parent, getattr(target, 'loss_class', None))
        if forwarded is not None:
            more = arguments_of(forwarded)
            return None if more is None else (known | more) - {'self'}
        taken = _taken_before_passing_on(constructor)
        if taken is None:
            return None
        known |= taken
    return frozenset(known - {'self'})


def _names(function: Callable) -> tuple[set[str], bool]:
    """Return the argument names, and whether there are ``**kwargs``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        # Functions written in C may have no signature.
        return set(), True
    named = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return (
        {one.name for one in parameters if one.kind in named},
        any(one.kind == inspect.Parameter.VAR_KEYWORD for one in parameters),
    )


def _taken_before_passing_on(constructor: Callable) -> set[str] | None:
    """List the names that a constructor reads from its ``**kwargs``.

    Returns None if it does anything with them except reading some and passing
    them to ``super().__init__``.
    """
    try:
        source = textwrap.dedent(
            inspect.getsource(inspect.unwrap(constructor))
        )
        function: Any = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError):
        return None
    if not isinstance(function, ast.FunctionDef) or not function.args.kwarg:
        return None
    kwargs = function.args.kwarg.arg
    names: set[str] = set()
    passed = reads = 0
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        if _is_super_init(node.func):
            passed += sum(
                keyword.arg is None and _is_name(keyword.value, kwargs)
                for keyword in node.keywords
            )
        elif _is_reader(node.func, kwargs) and isinstance(
            node.args[0], ast.Constant
        ):
            names.add(str(node.args[0].value))
            reads += 1
    uses = sum(_is_name(node, kwargs) for node in ast.walk(function))
    return names if passed and uses == passed + reads else None


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_reader(function: ast.expr, kwargs: str) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in ('get', 'pop', 'setdefault')
        and _is_name(function.value, kwargs)
    )


def _is_super_init(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == '__init__'
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == 'super'
    )
