"""Misspelt types, arguments and keys of a config, before it is built."""

from .check import check_config, exit_on_wrong_config
from .finding import ConfigError, Finding

__all__ = ['ConfigError', 'Finding', 'check_config', 'exit_on_wrong_config']
