"""Check a config: names before it is built, values while it is."""

from .check import check_config, exit_on_wrong_config, read_config
from .finding import ConfigError, Finding
from .values import find_width_mismatch, report_wrong_values

__all__ = [
    'ConfigError',
    'Finding',
    'check_config',
    'exit_on_wrong_config',
    'find_width_mismatch',
    'read_config',
    'report_wrong_values',
]
