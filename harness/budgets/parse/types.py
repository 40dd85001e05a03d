"""The types of the values in budgets.yaml: how they are read, and their JSON Schema.

Every value arrives as text (see `yaml_reader`), so each type has a validator that reads the text
and a JSON Schema of what an editor should accept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from harness.units import EXAMPLES, Unit, parse, pattern


class Section(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Names of budgets and scenarios: lower-case words with hyphens."""
CASE = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
"""Names of self-test cases: often the names of a service's own switches, with underscores."""
METRIC = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"


def _quantity(
    unit: Unit, *, above: float | None = None, least: float = 0.0, most: float | None = None
) -> Callable[[object], float]:
    """A reader of quantities of one unit, within limits in base units."""

    def read(text: object) -> float:
        if not isinstance(text, str):
            raise ValueError(f"expected one value; write {EXAMPLES[unit]}")
        value = parse(text, unit)
        if above is not None and value <= above:
            raise ValueError(f'"{text}" must be above {above:g}')
        if value < least:
            raise ValueError(f'"{text}" must be at least {least:g}')
        if most is not None and value > most:
            raise ValueError(f'"{text}" must be at most {most:g}')
        return value

    return read


def _whole(least: int) -> Callable[[object], int]:
    def read(text: object) -> int:
        if not isinstance(text, str) or not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
            shown = f'"{text}" is not' if isinstance(text, str) else "expected"
            raise ValueError(f"{shown} a whole number; write {least} or more")
        if int(text) < least:
            raise ValueError(f'"{text}" must be at least {least}')
        return int(text)

    return read


def _workers(text: object) -> int | str:
    try:
        return "auto" if text == "auto" else _whole(1)(text)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from None


def _flag(text: object) -> bool:
    if not isinstance(text, str) or text not in {"true", "false"}:
        shown = f'"{text}" is not allowed;' if isinstance(text, str) else "expected one value;"
        raise ValueError(f"{shown} write true or false")
    return text == "true"


def _date(text: object) -> date:
    try:
        if isinstance(text, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f'"{text}" is not a date; write it as 2026-12-31')


def _metric(text: object) -> object:
    if not isinstance(text, str) or re.fullmatch(METRIC, text):
        return text
    if "{" in text:
        name = text.partition("{")[0].strip()
        advice = f"labels go into `where`: {{metric: {name}, where: {{label: value}}}}"
    elif "." in text:
        advice = f"write it as /metrics does, e.g. {re.sub(r'[^a-zA-Z0-9_:]', '_', text)}"
    else:
        advice = "it consists of letters, digits, _ and :, and does not start with a digit"
    raise ValueError(f'"{text}" is not a metric name; {advice}')


def _request(text: object) -> object:
    if isinstance(text, str) and text.startswith("/"):
        raise ValueError(f'"{text}" has no method; write e.g. "GET {text}"')
    return text


def _or_auto(validate: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: value if value == "auto" else validate(value)


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _schema(unit: Unit, bare: dict[str, object]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [bare, {"type": "string", "pattern": pattern(unit)}]})


Seconds = Annotated[
    float, BeforeValidator(_quantity(Unit.SECONDS)), _schema(Unit.SECONDS, {"const": 0})
]
PositiveSeconds = Annotated[
    float,
    BeforeValidator(_quantity(Unit.SECONDS, above=0)),
    WithJsonSchema({"type": "string", "pattern": pattern(Unit.SECONDS)}),
]
PositiveRate = Annotated[
    float,
    BeforeValidator(_quantity(Unit.PER_SECOND, above=0)),
    _schema(Unit.PER_SECOND, {"type": "number", "exclusiveMinimum": 0}),
]
WarmUp = Annotated[
    float | Literal["auto"],
    BeforeValidator(_or_auto(_quantity(Unit.SECONDS))),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": 0},
                {"const": "auto"},
                {"type": "string", "pattern": pattern(Unit.SECONDS)},
            ]
        }
    ),
]
RateText = Annotated[
    float,
    BeforeValidator(_quantity(Unit.PER_SECOND)),
    _schema(Unit.PER_SECOND, {"type": "number", "minimum": 0}),
]
ShareText = Annotated[
    float,
    BeforeValidator(_quantity(Unit.RATIO, most=1)),
    _schema(Unit.RATIO, {"type": "number", "minimum": 0, "maximum": 1}),
]
PositiveRatio = Annotated[
    float,
    BeforeValidator(_quantity(Unit.RATIO, above=0)),
    _schema(Unit.RATIO, {"type": "number", "exclusiveMinimum": 0}),
]
QuantileOf = Annotated[
    float,
    BeforeValidator(_quantity(Unit.RATIO, above=0, most=1)),
    _schema(Unit.RATIO, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
]
# The unit of a bound is that of its indicator, so it stays text until the indicator is known.
BoundText = Annotated[
    str,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": pattern(*Unit)}]}),
]
Positive = Annotated[
    int, BeforeValidator(_whole(1)), WithJsonSchema({"type": "integer", "minimum": 1})
]
Whole = Annotated[
    int, BeforeValidator(_whole(0)), WithJsonSchema({"type": "integer", "minimum": 0})
]
Workers = Annotated[
    int | Literal["auto"],
    BeforeValidator(_workers),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]}),
]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Metric = Annotated[
    str, BeforeValidator(_metric), WithJsonSchema({"type": "string", "pattern": METRIC})
]
Request = Annotated[
    Text, BeforeValidator(_request), WithJsonSchema({"type": "string", "pattern": "^[^/]"})
]
# Label and environment values: numbers and booleans mean their text.
Scalar = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Texts = Annotated[
    list[Text],
    BeforeValidator(_texts),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
