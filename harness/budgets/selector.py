r"""The series of one metric, and the filters on their labels.

A filter is written as in `where`: `5xx` is the value itself, `~5..` a regular expression (see
`patterns`), `!x` any other value and `!~x` any value that does not match. A list means one of its
values, or none of them if each begins with `!`. A value that itself begins with `~`, `!` or `\` has
a `\` before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json import dumps
from typing import Literal

from harness.budgets.patterns import compiled, literal

Where = str | tuple[str, ...]
"""A filter as it is written: a text, or a list of them."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A filter on the value of a label, as PromQL has it; an absent label has an empty value.

    Attributes:
        value: The value, or with `=~` and `!~` a regular expression that fits a whole value.
    """

    operator: Literal["=", "!=", "=~", "!~"]
    value: str

    def __str__(self) -> str:
        """The operator and the value in PromQL."""
        return f"{self.operator}{dumps(self.value, ensure_ascii=False)}"

    @property
    def negated(self) -> bool:
        """Whether it names what is left out."""
        return self.operator.startswith("!")

    def matches(self, value: str) -> bool:
        """Whether a value passes."""
        if self.operator.endswith("~"):
            return compiled(self.value).matches(value) is not self.negated
        return (value == self.value) is not self.negated

    def example(self, *, passing: bool = True) -> str:
        """A value that passes, or one that does not."""
        own = compiled(self.value).example() if self.operator.endswith("~") else self.value
        for value in (own or "", "other", "200", "-", ""):
            if self.matches(value) is passing:
                return value
        return ""


@lru_cache(maxsize=1000)
def matcher(written: Where) -> Matcher:
    """Read a filter as it stands in `where`.

    Raises:
        ValueError: It is not valid; the text says why.
    """
    parts = [_part(one) for one in ([written] if isinstance(written, str) else written)]
    if not parts:
        raise ValueError("the list is empty")
    negated = {one.negated for one in parts}
    if len(negated) > 1:
        raise ValueError("a list has either only values or only values with !, not both")
    if len(parts) == 1:
        return parts[0]
    texts = [one.value if one.operator.endswith("~") else literal(one.value) for one in parts]
    whole = "|".join(texts)
    compiled(whole)
    return Matcher("!~" if negated.pop() else "=~", whole)


def _part(written: str) -> Matcher:
    negated = written.startswith("!")
    rest = written[negated:]
    if rest.startswith("~"):
        compiled(rest[1:])
        return Matcher("!~" if negated else "=~", rest[1:])
    if rest.startswith(("\\~", "\\!", "\\\\")):
        rest = rest[1:]
    return Matcher("!=" if negated else "=", rest)


@dataclass(frozen=True, slots=True)
class Selector:
    """The series of one metric whose labels pass all filters of `where`; their values are summed.

    Attributes:
        where: Filters as they are written, by label.
        absent_is_zero: Whether a counter without any trace in the scrapes is zero.
        scale: The base unit in the metric's own unit: 0.001 for milliseconds.
    """

    metric: str
    where: Mapping[str, Where] = field(default_factory=dict)
    absent_is_zero: bool = False
    scale: float = 1.0

    def __str__(self) -> str:
        """The selector in PromQL."""
        labels = ", ".join(f"{name}{one}" for name, one in self.matchers.items())
        return f"{self.metric}{{{labels}}}" if labels else self.metric

    @property
    def matchers(self) -> dict[str, Matcher]:
        """The filters by label."""
        return {name: matcher(written) for name, written in self.where.items()}

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels of a series pass all filters."""
        return all(one.matches(labels.get(name, "")) for name, one in self.matchers.items())

    def part(self, suffix: Literal["bucket", "sum", "count"]) -> Selector:
        """One of the series that make up this histogram or summary; only the sum has a unit."""
        scale = self.scale if suffix == "sum" else 1.0
        return Selector(f"{self.metric}_{suffix}", self.where, scale=scale)
