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

from harness.budgets.limits import (
    DURATION,
    FALL,
    MOST_SAMPLES,
    MOST_SEED,
    MOST_USERS,
    MOST_WORKERS,
    OBJECTIVE_WINDOW,
    QUANTILE,
    RATE,
    RATE_OR_PAUSE,
    REGRESSION,
    SCRAPE_INTERVAL,
    SHARE,
    STAGE,
    TIME,
    WAIT,
    Limits,
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


def _quantity(limits: Limits, *, positive: bool = False) -> Callable[[object], float]:
    """A reader of quantities of one unit, within limits."""

    def read(text: object) -> float:
        if not isinstance(text, str):
            raise ValueError(f"expected one value; write {EXAMPLES[limits.unit]}")
        value = parse(text, limits.unit)
        if positive and value <= 0:
            raise ValueError(f'"{text}" must be above 0')
        if problem := limits.problem(value):
            raise ValueError(f'"{text}" {problem}')
        return value

    return read


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(text: object) -> int:
        if not isinstance(text, str) or not re.fullmatch(r"[+-]?[0-9]{1,400}", text):
            shown = f'"{text}" is not' if isinstance(text, str) else "expected"
            raise ValueError(f"{shown} a whole number; write {least} or more")
        if int(text) < least:
            raise ValueError(f'"{text}" must be at least {least}')
        if int(text) > most:
            raise ValueError(f'"{text}" must be at most {most}')
        return int(text)

    return read


def _workers(text: object) -> int | str:
    try:
        return "auto" if text == "auto" else _whole(1, MOST_WORKERS)(text)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from None


def _flag(text: object) -> bool:
    if not isinstance(text, str) or text not in {"true", "false"}:
        shown = f'"{text}" is not allowed;' if isinstance(text, str) else "expected one value;"
        raise ValueError(f"{shown} write true or false")
    return text == "true"


def _date(text: object) -> date:
    if not isinstance(text, str):
        raise ValueError("expected one date; write it as 2026-12-31")
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
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


def _filter(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    found = "a mapping" if isinstance(value, dict) else "a list of others"
    raise ValueError(f"expected a value or a list of values, found {found}")


def _absent(text: object) -> object:
    if text != "0":
        raise ValueError("write 0: the value of a counter that is not exposed yet")
    return text


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _number(limits: Limits, *, positive: bool = False) -> dict[str, object]:
    """The schema of a number without a unit; a time has one, unless it is 0."""
    if limits.unit is Unit.SECONDS:
        return {"const": 0}
    least = parse(limits.least, limits.unit)
    lower = {"exclusiveMinimum": 0} if positive and least == 0 else {"minimum": least}
    return {"type": "number", **lower, "maximum": parse(limits.most, limits.unit)}


def _schema(limits: Limits, *, positive: bool = False, auto: bool = False) -> WithJsonSchema:
    """The schema of a quantity: a number, a text with a unit, and `auto` where it is allowed."""
    text = {
        "type": "string",
        "pattern": pattern(limits.unit),
        "description": f"{limits.least} to {limits.most}",
    }
    number = (
        [] if positive and limits.unit is Unit.SECONDS else [_number(limits, positive=positive)]
    )
    choices = [*number, *([{"const": "auto"}] if auto else []), text]
    return WithJsonSchema({"anyOf": choices} if len(choices) > 1 else text)


def _whole_schema(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def _positive(limits: Limits) -> tuple[BeforeValidator, WithJsonSchema]:
    """Validator and schema of a quantity above 0."""
    return BeforeValidator(_quantity(limits, positive=True)), _schema(limits, positive=True)


Seconds = Annotated[float, BeforeValidator(_quantity(TIME)), _schema(TIME)]
Wait = Annotated[float, BeforeValidator(_quantity(WAIT)), _schema(WAIT)]
PositiveWait = Annotated[float, *_positive(WAIT)]
Duration = Annotated[float, *_positive(DURATION)]
StageTime = Annotated[float, *_positive(STAGE)]
ScrapeInterval = Annotated[float, *_positive(SCRAPE_INTERVAL)]
ObjectiveWindow = Annotated[
    float, BeforeValidator(_quantity(OBJECTIVE_WINDOW)), _schema(OBJECTIVE_WINDOW, positive=True)
]
PositiveRate = Annotated[float, *_positive(RATE)]
WarmUp = Annotated[
    float | Literal["auto"],
    BeforeValidator(_or_auto(_quantity(TIME))),
    _schema(TIME, auto=True),
]
RateText = Annotated[float, BeforeValidator(_quantity(RATE_OR_PAUSE)), _schema(RATE_OR_PAUSE)]
ShareText = Annotated[float, BeforeValidator(_quantity(SHARE)), _schema(SHARE)]
Regression = Annotated[float, *_positive(REGRESSION)]
Fall = Annotated[float, *_positive(FALL)]
ObjectiveShare = Annotated[float, *_positive(SHARE)]
QuantileOf = Annotated[float, *_positive(QUANTILE)]
# The unit of a bound is that of its indicator, so it stays text until the indicator is known.
BoundText = Annotated[
    str,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": pattern(*Unit)}]}),
]
Users = Annotated[int, BeforeValidator(_whole(1, MOST_USERS)), _whole_schema(1, MOST_USERS)]
UsersOrNone = Annotated[int, BeforeValidator(_whole(0, MOST_USERS)), _whole_schema(0, MOST_USERS)]
Samples = Annotated[int, BeforeValidator(_whole(1, MOST_SAMPLES)), _whole_schema(1, MOST_SAMPLES)]
Seed = Annotated[int, BeforeValidator(_whole(0, MOST_SEED)), _whole_schema(0, MOST_SEED)]
Workers = Annotated[
    int | Literal["auto"],
    BeforeValidator(_workers),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_WORKERS},
                {"const": "auto"},
            ]
        }
    ),
]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Metric = Annotated[
    str, BeforeValidator(_metric), WithJsonSchema({"type": "string", "pattern": METRIC})
]
Label = Annotated[Text, StringConstraints(pattern=LABEL)]
Request = Annotated[
    Text, BeforeValidator(_request), WithJsonSchema({"type": "string", "pattern": "^[^/]"})
]
# Label and environment values: numbers and booleans mean their text.
Scalar = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
_SCALAR = {"type": ["string", "number", "boolean"]}
Filter = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_filter),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}),
]
Absent = Annotated[Literal["0"], BeforeValidator(_absent), WithJsonSchema({"const": 0})]
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
