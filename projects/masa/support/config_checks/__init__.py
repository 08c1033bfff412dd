"""Misspelt names of a config before it is built, wrong values while it is."""

from .building import wrong_values_told
from .check import check_config, exit_on_wrong_config
from .finding import ConfigError, Finding
from .reading import read_config
from .widths import find_other_width

__all__ = [
    'ConfigError',
    'Finding',
    'check_config',
    'exit_on_wrong_config',
    'find_other_width',
    'read_config',
    'wrong_values_told',
]
