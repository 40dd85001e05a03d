"""Quantities: the text that people write, and the numbers that the code uses.

Inside, only base units exist: seconds, bytes, ratios 0..1, events per second, plain counts.
`parse` is called where YAML and the command line enter, `format_quantity` where text leaves.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import StrEnum
from typing import assert_never


class Unit(StrEnum):
    """The base unit of an indicator's value."""

    SECONDS = "s"
    RATIO = "ratio"
    BYTES = "bytes"
    PER_SECOND = "1/s"
    COUNT = "1"


_SUFFIX = "abcdefghijklmnopqrstuvwxyzµBGKMT% /"

_FACTORS: dict[Unit, dict[str, float]] = {
    Unit.SECONDS: {
        "ns": 1e-9,
        "us": 1e-6,
        "µs": 1e-6,
        "ms": 1e-3,
        "s": 1.0,
        "m": 60.0,
        "min": 60.0,
        "h": 3600.0,
        "d": 86400.0,
    },
    Unit.RATIO: {"": 1.0, "%": 0.01},
    Unit.BYTES: {
        "": 1.0,
        "B": 1.0,
        "kB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
        "KiB": 2.0**10,
        "MiB": 2.0**20,
        "GiB": 2.0**30,
        "TiB": 2.0**40,
    },
    Unit.PER_SECOND: {"": 1.0, "/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600},
    Unit.COUNT: {"": 1.0},
}

EXAMPLES: dict[Unit, str] = {
    Unit.SECONDS: '"200ms", "5s" or "2m"',
    Unit.RATIO: '"1%" or 0.01',
    Unit.BYTES: '"512MiB" or "2GB"',
    Unit.PER_SECOND: '"50/s", "600/m" or 50',
    Unit.COUNT: "3 or 0.5",
}

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*([^\s\d]*)\s*")


def parse(value: str | float, unit: Unit) -> float:
    """Read a quantity such as `"200ms"` or `0.8` into its base unit.

    Args:
        value: Text with a suffix, or a bare number where the unit has a suffix-free form.
        unit: The dimension that is expected here.

    Returns:
        The value in base units, finite.

    Raises:
        ValueError: The text is no number, its suffix belongs to another dimension, a duration has
            no suffix, or the number is not finite. The message shows what would be accepted.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{_shown(value)} is not a quantity; write {EXAMPLES[unit]}")
    match = _QUANTITY.fullmatch(value if isinstance(value, str) else repr(value))
    if match is None:
        raise ValueError(f"{_shown(value)} is not a quantity; write {EXAMPLES[unit]}")
    number, suffix = match.groups()
    factors = _FACTORS[unit]
    if suffix not in factors and float(number) == 0 and not suffix:
        return 0.0
    if suffix not in factors:
        what = f'the suffix "{suffix}"' if suffix else "no suffix"
        raise ValueError(f"{_shown(value)} has {what}; write {EXAMPLES[unit]}")
    if not math.isfinite(float(number)):
        raise ValueError(f"{_shown(value)} is not finite")
    if not float(number):
        return 0.0  # its exponent may be one that Decimal refuses
    # Decimal, or 700 ms would be 0.7000000000000001 s, which is the edge of no bucket.
    result = float(Decimal(number) * Decimal(repr(factors[suffix])))
    if not math.isfinite(result):
        raise ValueError(f"{_shown(value)} is not finite")
    return result


def pattern(*units: Unit) -> str:
    """A regular expression, in the dialect of JSON Schema, of the texts that `parse` accepts."""
    suffixes = dict.fromkeys(suffix for unit in units for suffix in _FACTORS[unit])
    longest_first = sorted(suffixes, key=len, reverse=True)
    return rf"^\s*{_NUMBER}\s*(?:{'|'.join(longest_first)})\s*$"


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


_NO_SHARE = 1e-12  # such as 1e-40, the lower end of an interval for a few failures
_Steps = tuple[tuple[float, str], ...]
_STEPS: dict[Unit, _Steps] = {
    Unit.SECONDS: ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (60.0, "min")),
    Unit.BYTES: tuple(
        (2.0 ** (10 * i), s) for i, s in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))
    ),
}


def in_own_unit(value: float, scale: float) -> float:
    """A value of the base unit in the unit of a metric: 0.2 s are 200 ms."""
    return value if scale == 1 else float(Decimal(repr(value)) / Decimal(repr(scale)))


def format_quantity(value: float, unit: Unit) -> str:
    """Write a base-unit value for people: three significant digits and the suffix that fits.

    Examples: 0.1834 s as "183 ms", 0.0123 as "1.23%", 536870912 bytes as "512 MiB".
    """
    if not math.isfinite(value):
        return str(value)
    match unit:
        case Unit.RATIO:
            return f"{_digits(value * 100 if abs(value) > _NO_SHARE else 0.0)}%"
        case Unit.PER_SECOND:
            return f"{_digits(value)}/s"
        case Unit.SECONDS | Unit.BYTES:
            return _scaled(value, _STEPS[unit])
        case Unit.COUNT:
            return _digits(value)
        case _:
            assert_never(unit)


def counted(value: float, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Args:
        value: The number.
        noun: For 1.
        plural: For all others; empty adds an s.

    Examples: "1 query", "1.5 queries", "0 users".
    """
    number = format_quantity(value, Unit.COUNT)
    return f"{number} {noun if number == '1' else plural or f'{noun}s'}"


def bucket_text(bucket: tuple[float, float], unit: Unit) -> str:
    """Write a bucket for people, with one suffix if both ends have it: "100 to 250 ms"."""
    lower, upper = (format_quantity(end, unit) if end else "0" for end in bucket)
    suffix = upper[len(upper.rstrip(_SUFFIX)) :]
    if suffix and lower.endswith(suffix):
        lower = lower.removesuffix(suffix)
    return f"{lower} to {upper}"


def scale_of(value: float, unit: Unit) -> tuple[float, str]:
    """Factor and suffix for the labels of a chart with this largest value.

    Examples: 0.1834 s gives 0.001 and " ms", 0.0123 of a ratio 0.01 and "%".
    """
    match unit:
        case Unit.SECONDS | Unit.BYTES:
            factor, suffix = _step(value, _STEPS[unit])
            return factor, f" {suffix}"
        case Unit.RATIO:
            return 0.01, "%"
        case Unit.PER_SECOND:
            return 1.0, "/s"
        case Unit.COUNT:
            return 1.0, ""
        case _:
            assert_never(unit)


def _scaled(value: float, steps: _Steps) -> str:
    if value == 0:
        return f"0 {'s' if steps[0][1] == 'ns' else steps[0][1]}"
    factor, suffix = _step(value, steps)
    least = 1.0 if factor > steps[0][0] else 0.0
    return f"{_digits(math.copysign(max(abs(value) / factor, least), value))} {suffix}"


def _step(value: float, steps: _Steps) -> tuple[float, str]:
    # A value that rounds up to the next step (999.9 ms, 59.97 s) is written in that step.
    chosen = steps[0]
    for step in steps[1:]:
        in_chosen = float(_digits(abs(value) / chosen[0])) * chosen[0]
        if in_chosen >= step[0] * (1 - 1e-9):
            chosen = step
    return chosen


def _digits(value: float) -> str:
    """Three significant digits, all digits of large integers, and no trailing zeros."""
    text = f"{value:.3g}"
    return f"{value:.0f}" if abs(float(text)) >= 1000 else text
