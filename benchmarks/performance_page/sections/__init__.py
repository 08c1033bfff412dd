"""The parts of the page, in their order."""

from . import data, evaluation, memory, startup, training_step

SECTIONS = {
    module.SECTION.name: module.SECTION
    for module in (training_step, memory, evaluation, data, startup)
}

__all__ = ['SECTIONS']
