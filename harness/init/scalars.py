"""Numbers and texts for a JSON Schema without structure."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from typing import Any, Final

import rstr

from harness.init.functions import snake
from harness.init.model import CannotCall, ExampleValue, Unique

LONGEST: Final = 2000  # characters of a text
_LONGEST_SEARCHED: Final = 24  # characters of a text in which a pattern is searched
_DIGITS: Final = 8  # of a Unique
_FORMATS: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "iri": "https://example.com/",
    "uri-reference": "/example",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "ZXhhbXBsZQ==",
    "password": "Example-password-1",
}
# Parts of a name, and a text that a person would write for it.
_NAMES: Final = (
    ("first_name|firstname|given_name", "Ada"),
    ("last_name|lastname|surname|family_name", "Lovelace"),
    ("user_?name|login|handle", "ada"),
    ("email|e_mail", "ada@example.com"),
    ("phone|mobile", "+14155550100"),
    ("url|link|website|homepage", "https://example.com/"),
    ("currency", "EUR"),
    ("country", "GB"),
    ("language|locale", "en"),
    ("city|town", "London"),
    ("street|address", "12 St James's Square"),
    ("zip|postal|postcode", "10115"),
    ("password", "Example-password-1"),
    ("date|birthday", "2026-01-31"),
    ("description|notes?|comment|message|text|body|content", "An example."),
    ("title|subject", "An example"),
    ("slug|sku|code|key", "example"),
    ("^q$|query|search|term", "a"),
    ("full_name|display_name|real_name", "Ada Lovelace"),
    ("name", "Example"),
)
_TEXTS: Final = (
    *("a", "A", "1", "ab", "abc", "AB", "ABC", "EU", "123", "1234", "12345", "a1", "A1", "abc-123"),
    *("ABC-123", "AB-1234", "10:00", "1.0", "1.0.0", "example", "Example", "2026-01-31", "#336699"),
)
_UNIQUE_NAMES: Final = re.compile(r"(?:^|_)(email|e_mail|user_?name|login|handle|slug|sku)$")


def type_of(schema: Mapping[str, Any]) -> str:
    """The type of a schema, null last; guessed from its keywords where it has none."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    hints = (
        ("properties", "object"),
        ("additionalProperties", "object"),
        ("required", "object"),
        ("items", "array"),
        ("minimum", "number"),
        ("maximum", "number"),
    )
    return next((kind for key, kind in hints if key in schema), "string")


def number_for(schema: Mapping[str, Any], name: str) -> int | float:
    """20 for the size of a page, else 1, if that is allowed; else a number at the limits.

    Raises:
        CannotCall: No number keeps the limits.
    """
    low, high = _limits(schema)
    step = schema.get("multipleOf")
    whole = type_of(schema) == "integer"
    if not isinstance(step, int | float) or isinstance(step, bool) or step <= 0:
        step = 1 if whole else None
    elif whole and isinstance(step, float):
        step = int(step) if step.is_integer() else 1
    wanted: int | float = 20 if re.search(r"limit|size|per_?page|page_size", name.lower()) else 1
    for start in (wanted, 1, low, high):
        if start is None:
            continue
        steps = (0, 1, -1) if step else (0, 0.5, -0.5)
        for shift in steps:
            value = (-(-start // step) + shift) * step if step else start + shift
            if keeps_limits(value, schema):
                return int(value) if float(value).is_integer() else value
    raise CannotCall("its schema has limits that no number keeps")


def _limits(schema: Mapping[str, Any]) -> tuple[float | None, float | None]:
    def limit(key: str, exclusive: str, choose: Any) -> float | None:
        found = [schema.get(key), schema.get(exclusive)]
        numbers = [one for one in found if isinstance(one, int | float) and one is not True]
        numbers = [one for one in numbers if one is not False]
        return choose(numbers) if numbers else None

    return limit("minimum", "exclusiveMinimum", max), limit("maximum", "exclusiveMaximum", min)


def keeps_limits(value: float, schema: Mapping[str, Any]) -> bool:
    """Whether a number keeps the limits of a schema.

    An exclusive limit is true or false in OpenAPI 3.0, and a number in OpenAPI 3.1.
    """
    low, high = _limits(schema)
    least, most = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    no_low = least is True or (least is not False and least is not None and least == low)
    no_high = most is True or (most is not False and most is not None and most == high)
    above = low is None or (value > low if no_low else value >= low)
    return above and (high is None or (value < high if no_high else value <= high))


def text_for(schema: Mapping[str, Any], name: str) -> str:
    """A text by pattern, format, limits and name.

    Raises:
        CannotCall: There is none.
    """
    least = whole(schema.get("minLength"), 0)
    most = whole(schema.get("maxLength"), max(least, LONGEST))
    if least > LONGEST:
        raise CannotCall(f"its schema needs a text of {least} characters")
    if least > most:
        raise CannotCall(
            f"its schema has limits that no text keeps: at least {least}, at most {most}"
        )
    kind = schema.get("format")
    by_name = _by_name(name)
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return _matching(pattern, least, most, (_FORMATS.get(str(kind), by_name), by_name))
    if isinstance(kind, str) and kind in _FORMATS and least <= len(_FORMATS[kind]) <= most:
        return _FORMATS[kind]
    text = by_name if len(by_name) <= most else by_name[:most].rstrip()
    while len(text) < least:
        text += "x" * min(least - len(text), 10)
    return text


def _by_name(name: str) -> str:
    plain = snake(name)
    return next((text for parts, text in _NAMES if re.search(parts, plain)), "example")


def _matching(pattern: str, least: int, most: int, first: tuple[str, ...]) -> str:
    """A text that matches a pattern: a readable one if any does, else a generated one."""
    try:
        regex = re.compile(pattern)
        for text in (*first, *_TEXTS):
            if least <= len(text) <= most and regex.search(text):
                return text
        repeats = [int(number) for number in re.findall(r"[{,](\d+)(?=[,}])", pattern)]
        if math.prod(filter(None, repeats)) > LONGEST:
            raise CannotCall(f"no text can be made for the pattern {pattern[:60]!r}")
        generator = rstr.Rstr(random.Random(0))  # noqa: S311 - the same text for the same pattern
        for _ in range(50):
            text = generator.xeger(pattern)
            # The search in a long text may take for ever, and what it excludes is rare.
            good = len(text) > _LONGEST_SEARCHED or regex.search(text)
            if least <= len(text) <= most and text.isprintable() and good:
                return text
    except (re.error, ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise CannotCall(f"no text can be made for the pattern {pattern[:60]!r}") from error
    raise CannotCall(f"no text can be made for the pattern {pattern[:60]!r}")


def made_unique(value: ExampleValue, schema: Mapping[str, Any], name: str) -> ExampleValue:
    """A text that is usually unique as one that differs in each request; other values as they are.

    Args:
        value: A value for the schema.
        schema: Its schema.
        name: Of the property.
    """
    if isinstance(value, Mapping):
        parts = mapping(schema.get("properties"))
        return {key: made_unique(one, mapping(parts.get(key)), key) for key, one in value.items()}
    fixed = "enum" in schema or "const" in schema
    if not isinstance(value, str) or fixed or not re.fullmatch(r"[\w .@+-]+", value):
        return value
    if schema.get("format") == "uuid":
        return Unique(uuid=True)
    if schema.get("format") == "email" or _UNIQUE_NAMES.search(snake(name)):
        return _with_digits(value, schema)
    return value


def _with_digits(value: str, schema: Mapping[str, Any]) -> ExampleValue:
    """A text with random digits before its `@` or its end; itself where they do not fit."""
    user, at, host = value.partition("@")
    room = whole(schema.get("maxLength"), LONGEST) - len(at + host) - _DIGITS
    before = f"{user}{'.' if at else '-'}"
    before = before if len(before) <= room else user[: max(0, room)]
    pattern = schema.get("pattern")
    unfit = isinstance(pattern, str) and not _matches(pattern, f"{before}0a1b2c3d{at}{host}")
    return value if room < 0 or unfit else Unique(before, at + host)


def _matches(pattern: str, text: str) -> bool:
    try:
        return bool(re.search(pattern, text))
    except re.error:
        return False


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping for one of another type."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """The value, or an empty list for one of another type."""
    return value if isinstance(value, list) else []


def is_text(value: Any) -> bool:
    """Whether the value is a text."""
    return isinstance(value, str)


def whole(value: Any, otherwise: int) -> int:
    """The value if it is a whole number of 0 or more, else the other one."""
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if good else otherwise
