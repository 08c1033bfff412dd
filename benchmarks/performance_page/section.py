from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from matplotlib.figure import Figure

# A prediction that is off by more than this factor is called missed.
TOLERANCE = 1.5


class Settings(NamedTuple):
    """What all measurements have in common.

    Attributes:
        device (str): Of training: 'cpu' or 'cuda'.
        threads (int): Of PyTorch and of what it is compared with.
        memory_limit (float): GiB that no measurement may be expected to
            need; what would need more is extrapolated, and marked so.
    """

    device: str
    threads: int
    memory_limit: float


@dataclass(frozen=True)
class Expectation:
    """A figure that was predicted before it was measured.

    Attributes:
        key (str): Under which the section's result has it.
        quantity (str): What it is, in words.
        predicted (float): The prediction, above 0.
        unit (str): Written after the figure.
        at_least (float, optional): The goal, if it is a lower bound.
        at_most (float, optional): The goal, if it is an upper bound.
    """

    key: str
    quantity: str
    predicted: float
    unit: str = ''
    at_least: float | None = None
    at_most: float | None = None

    def goal(self) -> str:
        """Return the goal in words, '' if there is none."""
        if self.at_least is not None:
            return f'at least {self._text(self.at_least)}'
        if self.at_most is not None:
            return f'at most {self._text(self.at_most)}'
        return ''

    def is_met(self, measured: float) -> bool:
        """Return whether the goal is met; True if there is none."""
        return (self.at_least is None or measured >= self.at_least) and (
            self.at_most is None or measured <= self.at_most
        )

    def row(self, measured: float | None) -> list[str]:
        """Write the cells of the table of figures.

        Args:
            measured (float, optional): The figure; None if there is none.

        Returns:
            list[str]: Quantity, goal, prediction, measurement, and how the
            prediction did.
        """
        cells = [self.quantity, self.goal(), self._text(self.predicted)]
        if measured is None:
            return [*cells, 'not measured', '']
        met = '' if self.is_met(measured) else ' (**goal missed**)'
        factor = measured / self.predicted
        off = max(factor, 1 / factor) if factor > 0 else float('inf')
        direction = 'more' if factor > 1 else 'less'
        verdict = (
            'held'
            if off <= TOLERANCE
            else f'**missed**: {off:.1f} times {direction}'
        )
        return [*cells, self._text(measured) + met, verdict]

    def _text(self, value: float) -> str:
        return f'{three_digits(value)} {self.unit}'.strip()


@dataclass(frozen=True)
class Section:
    """One part of the page.

    A module under ``sections`` defines one, and ``sections/__init__.py``
    lists it; nothing else has to know of it.

    Attributes:
        name (str): Of the command line and of the saved result.
        title (str): Heading.
        expectations (tuple[Expectation, ...]): Written before measuring.
        full (Any): Sizes of the page, keyword arguments of ``measure``.
        small (Any): Sizes of the tests, seconds in all.
        measure (Callable): Takes :class:`Settings` and the sizes, and returns
            a plain dict that JSON can hold: ``figures`` has what the
            expectations name, the rest is the section's own.
        describe (Callable): Turns that dict into Markdown.
        draw (Callable): Turns it into figures by name; what ``describe``
            shows as ``figures/performance_<name>.png``.
    """

    name: str
    title: str
    expectations: tuple[Expectation, ...]
    full: dict[str, Any]
    small: dict[str, Any]
    measure: Callable[..., dict]
    describe: Callable[[dict], str]
    draw: Callable[[dict], dict[str, Figure]]


def three_digits(value: float) -> str:
    """Write a number with three significant digits, without exponent.

    Args:
        value (float): The number.

    Returns:
        str: Such as '0.0123', '1.23', '123' or '12,300'.
    """
    if value == 0:
        return '0'
    rounded = float(f'{value:.2e}')
    if abs(rounded) >= 100:
        return f'{rounded:,.0f}'
    return f'{rounded:.3g}'


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table.

    Args:
        header (list[str]): Of the columns.
        rows (list[list[str]]): Cells.

    Returns:
        str: The table, without a line break at its end.
    """
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
