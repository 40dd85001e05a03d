"""Quantities: every suffix, bad inputs, and text for people that reads back as the same value."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.units import (
    _FACTORS,
    EXAMPLES,
    Unit,
    bucket_text,
    counted,
    format_quantity,
    parse,
    pattern,
)

S, R, B, P, C = Unit.SECONDS, Unit.RATIO, Unit.BYTES, Unit.PER_SECOND, Unit.COUNT


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3ns", S, 3e-9),
        ("3us", S, 3e-6),
        ("3µs", S, 3e-6),
        ("200ms", S, 0.2),
        ("5s", S, 5.0),
        ("2m", S, 120.0),
        ("2min", S, 120.0),
        ("1.5h", S, 5400.0),
        ("1d", S, 86400.0),
        ("0", S, 0.0),
        ("-1s", S, -1.0),
        ("1%", R, 0.01),
        ("0.8", R, 0.8),
        ("120%", R, 1.2),
        ("10", B, 10.0),
        ("10B", B, 10.0),
        ("1kB", B, 1e3),
        ("1MB", B, 1e6),
        ("2GB", B, 2e9),
        ("1TB", B, 1e12),
        ("1KiB", B, 1024.0),
        ("512MiB", B, 536870912.0),
        ("1GiB", B, 1073741824.0),
        ("1TiB", B, 1099511627776.0),
        ("50", P, 50.0),
        ("50/s", P, 50.0),
        ("600/m", P, 10.0),
        ("600/min", P, 10.0),
        ("3600/h", P, 1.0),
        ("3", C, 3.0),
        ("1e3", C, 1000.0),
        ("1E-3", C, 0.001),
        ("+.5", C, 0.5),
        ("5.", C, 5.0),
        (" 200 ms ", S, 0.2),
        ("1e-99999999999999999999ms", S, 0.0),
        ("0e99999999999999999999ms", S, 0.0),
        (3, C, 3.0),
        (0.05, R, 0.05),
        (0, S, 0.0),
        (1e-7, R, 1e-7),
    ],
)
def test_parse_reads_into_base_units(text: str | float, unit: Unit, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


@given(st.integers(0, 10**9))
def test_parse_yields_the_float_that_is_nearest(number: int) -> None:
    # The edge of a bucket: 700 * 0.001 would be 0.7000000000000001.
    assert parse(f"{number}ms", S) == number / 1000
    assert parse(f"{number}%", R) == number / 100


@pytest.mark.parametrize(
    ("text", "unit", "complaint"),
    [
        ("200", S, '"200" has no suffix; write "200ms", "5s" or "2m"'),
        (200, S, '200 has no suffix; write "200ms", "5s" or "2m"'),
        ("200MS", S, '"200MS" has the suffix "MS"; write "200ms", "5s" or "2m"'),
        ("5%", S, '"5%" has the suffix "%"; write "200ms", "5s" or "2m"'),
        ("5ms", R, '"5ms" has the suffix "ms"; write "1%" or 0.01'),
        ("5mb", B, '"5mb" has the suffix "mb"; write "512MiB" or "2GB"'),
        ("5s", P, '"5s" has the suffix "s"; write "50/s", "600/m" or 50'),
        ("5%", C, '"5%" has the suffix "%"; write 3 or 0.5'),
        ("", S, '"" is not a quantity'),
        ("ms", S, '"ms" is not a quantity'),
        ("fast", S, '"fast" is not a quantity'),
        ("1m30s", S, '"1m30s" is not a quantity'),
        ("12:30", S, '"12:30" is not a quantity'),
        ("1_000", C, '"1_000" is not a quantity'),
        ("1,5s", S, '"1,5s" is not a quantity'),
        ("0x10", C, '"0x10" is not a quantity'),
        ("< 200ms", S, '"< 200ms" is not a quantity'),
        ("٣s", S, '"٣s" is not a quantity'),
        ("nan", C, '"nan" is not a quantity'),
        ("inf", C, '"inf" is not a quantity'),
        (float("nan"), C, "nan is not a quantity"),
        (float("inf"), C, "inf is not a quantity"),
        (True, C, "True is not a quantity"),
        ("1e999", C, '"1e999" is not finite'),
        ("1e308h", S, '"1e308h" is not finite'),
    ],
)
def test_parse_refuses_and_shows_what_is_allowed(
    text: str | float, unit: Unit, complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse(text, unit)


@pytest.mark.parametrize("unit", Unit)
def test_examples_of_the_error_message_can_be_parsed(unit: Unit) -> None:
    examples = re.split(r", | or ", EXAMPLES[unit].replace('"', ""))
    assert len(examples) > 1
    assert all(parse(example, unit) > 0 for example in examples)


NUMBERS = st.floats(min_value=1e-6, max_value=1e12)


@given(NUMBERS, NUMBERS, st.sampled_from(Unit), st.data())
def test_parse_keeps_the_order_of_numbers(
    one: float, other: float, unit: Unit, data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(sorted(_FACTORS[unit])))
    low, high = sorted((one, other))
    assert parse(f"{low!r}{suffix}", unit) <= parse(f"{high!r}{suffix}", unit)


@given(st.text(max_size=8), st.sampled_from(Unit))
def test_parse_answers_any_text_with_a_number_or_a_value_error(text: str, unit: Unit) -> None:
    try:
        value = parse(text, unit)
    except ValueError:
        return
    assert value == parse(text.strip(), unit)


@given(NUMBERS, st.sampled_from(Unit), st.data())
def test_pattern_accepts_what_parse_accepts(number: float, unit: Unit, data: st.DataObject) -> None:
    suffixes = sorted(suffix for factors in _FACTORS.values() for suffix in factors)
    text = f"{number!r}{data.draw(st.sampled_from(suffixes))}"
    try:
        parse(text, unit)
        accepted = True
    except ValueError:
        accepted = False
    assert (re.search(pattern(unit), text) is not None) == accepted


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1834, S, "183 ms"),
        (0.0123, R, "1.23%"),
        (536870912, B, "512 MiB"),
        (0.0, S, "0 s"),
        (0.0, B, "0 B"),
        (0.0, R, "0%"),
        (1.0, R, "100%"),
        (0.2, S, "200 ms"),
        (1.5, S, "1.5 s"),
        (1e-9, S, "1 ns"),
        (2.5e-6, S, "2.5 µs"),
        (90.0, S, "1.5 min"),
        (7200.0, S, "120 min"),
        (-0.25, S, "-250 ms"),
        pytest.param(5.53e-40, R, "0%", id="a share that is none"),
        (1e-9, R, "1e-07%"),
        (49.96, P, "50/s"),
        (12345.6, P, "12346/s"),
        (3.0, C, "3"),
        (0.5, C, "0.5"),
        (1234567.0, C, "1234567"),
        (0.00001234, C, "1.23e-05"),
        (float("inf"), S, "inf"),
        pytest.param(0.0009994, S, "999 µs", id="just under a step stays below it"),
        pytest.param(0.0009996, S, "1 ms", id="what rounds up to 1000 µs is 1 ms"),
        pytest.param(0.9999, S, "1 s", id="what rounds up to 1000 ms is 1 s"),
        pytest.param(59.94, S, "59.9 s", id="just under a minute stays seconds"),
        pytest.param(59.97, S, "1 min", id="what rounds up to 60 s is 1 min"),
        pytest.param(60.0, S, "1 min", id="exactly a minute"),
        pytest.param(1023.0, B, "1023 B", id="a byte less than a KiB"),
        pytest.param(1023.9, B, "1 KiB", id="what rounds up to 1024 B is 1 KiB"),
        pytest.param(1000.0, B, "1000 B", id="a thousand bytes are no KiB"),
        pytest.param(999.6, C, "1000", id="what rounds up to a thousand has no exponent"),
    ],
)
def test_format_writes_three_digits_and_the_suffix_that_fits(
    value: float, unit: Unit, text: str
) -> None:
    assert format_quantity(value, unit) == text


@given(st.floats(min_value=1e-9, max_value=1e15), st.sampled_from(Unit), st.booleans())
def test_formatted_quantity_parses_back_to_the_value_within_its_rounding(
    size: float, unit: Unit, negative: bool
) -> None:
    value = -size if negative else size
    assert parse(format_quantity(value, unit), unit) == pytest.approx(value, rel=0.005)


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.sampled_from(Unit))
def test_formatting_never_turns_the_order_of_values(one: float, other: float, unit: Unit) -> None:
    low, high = sorted((one, other))
    shown_low, shown_high = (parse(format_quantity(v, unit), unit) for v in (low, high))
    assert shown_low <= shown_high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("bucket", "unit", "text"),
    [
        ((0.1, 0.25), Unit.SECONDS, "100 to 250 ms"),
        ((0.5, 1.0), Unit.SECONDS, "500 ms to 1 s"),
        ((0.0, 0.005), Unit.SECONDS, "0 to 5 ms"),
        ((1024.0, 4096.0), Unit.BYTES, "1 to 4 KiB"),
        ((0.1, 0.5), Unit.RATIO, "10 to 50%"),
        ((1.0, 5.0), Unit.COUNT, "1 to 5"),
    ],
)
def test_bucket_is_written_with_one_suffix_where_that_fits(
    bucket: tuple[float, float], unit: Unit, text: str
) -> None:
    assert bucket_text(bucket, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 queries"),
        (0.5, "0.5 queries"),
        (1, "1 query"),
        (1.0, "1 query"),
        (1.0001, "1 query"),
        (1.5, "1.5 queries"),
        (12345, "12345 queries"),
    ],
)
def test_noun_agrees_with_the_number_that_is_shown(value: float, text: str) -> None:
    assert counted(value, "query", "queries") == text
    assert counted(value, "user") == text.replace("queries", "users").replace("query", "user")
