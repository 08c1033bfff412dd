"""Comparison of methods under one protocol, and its table."""

from .plan import plan_trainings
from .pool import run_trainings
from .results import ComparisonResult, read_results, write_result
from .run import train_and_test
from .table import comparison_rows, format_comparison, format_markdown
from .trainings import (
    CONTROLS,
    Training,
    find_activities,
    find_changes,
    find_config,
    known_methods,
    labels_used,
    training_config,
)

__all__ = [
    'CONTROLS',
    'ComparisonResult',
    'Training',
    'comparison_rows',
    'find_activities',
    'find_changes',
    'find_config',
    'format_comparison',
    'format_markdown',
    'known_methods',
    'labels_used',
    'plan_trainings',
    'read_results',
    'run_trainings',
    'train_and_test',
    'training_config',
    'write_result',
]
