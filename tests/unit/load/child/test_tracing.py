"""Traceparents are well formed, differ, ask for the given share of traces, and respect others'."""

import math
import random
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from harness.load.child.tracing import trace_of, traced, traceparents

FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"
OURS = f"00-{'a' * 32}-{'b' * 16}-00"


@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.5, 1.0])
def test_traceparents_are_distinct_and_sampled_at_the_ratio(ratio: float) -> None:
    make = traceparents(ratio)
    made = [make() for _ in range(20_000)]
    assert all(FORM.fullmatch(one) for one in made)
    assert len({one[3:35] for one in made}) == len({one[36:52] for one in made}) == len(made)
    sampled = sum(one.endswith("01") for one in made)
    # 6 standard deviations of a binomial count
    assert abs(sampled - ratio * len(made)) <= 6 * math.sqrt(len(made) * ratio * (1 - ratio))


def test_traceparents_of_two_runs_differ_though_the_global_generator_is_seeded() -> None:
    random.seed(1)
    first = traceparents(0.5)()
    random.seed(1)
    assert traceparents(0.5)() != first
    assert random.random() == random.Random(1).random()  # and they take nothing from it


@pytest.mark.parametrize(
    ("headers", "defaults", "expected", "value"),
    [
        pytest.param(None, {}, {"traceparent": OURS}, OURS, id="no headers at all"),
        pytest.param({}, {}, {"traceparent": OURS}, OURS, id="empty headers"),
        pytest.param({"A": "b"}, {"C": "d"}, {"A": "b", "traceparent": OURS}, OURS, id="others"),
        pytest.param([("A", "b")], {}, {"A": "b", "traceparent": OURS}, OURS, id="as pairs"),
        pytest.param({"traceparent": GIVEN}, {}, {"traceparent": GIVEN}, GIVEN, id="given"),
        pytest.param({"TraceParent": GIVEN}, {}, {"TraceParent": GIVEN}, GIVEN, id="other case"),
        pytest.param(
            {b"Traceparent": GIVEN.encode()},
            {},
            {b"Traceparent": GIVEN.encode()},
            GIVEN.encode(),
            id="given as bytes",
        ),
        pytest.param({"A": "b"}, {"traceparent": GIVEN}, {"A": "b"}, GIVEN, id="of the session"),
        pytest.param(
            {"traceparent": OURS},
            {"traceparent": GIVEN},
            {"traceparent": OURS},
            OURS,
            id="the request's before the session's",
        ),
        pytest.param(
            {"traceparent": None},
            {"traceparent": GIVEN},
            {"traceparent": None},
            None,
            id="the session's taken away",
        ),
    ],
)
def test_traced_headers_have_one_traceparent_and_keep_a_given_one(
    headers: Any, defaults: Mapping[str, str], expected: dict[Any, Any], value: object
) -> None:
    before = None if headers is None else headers.copy()
    assert traced(headers, defaults, lambda: OURS) == (expected, value)
    assert headers == before


@pytest.mark.parametrize(
    ("given", "trace"),
    [
        pytest.param(GIVEN, (TRACE, True), id="sampled"),
        pytest.param(GIVEN[:-1] + "0", (TRACE, False), id="not sampled"),
        pytest.param(GIVEN[:-2] + "03", (TRACE, True), id="sampled and random"),
        pytest.param(GIVEN[:-2] + "02", (TRACE, False), id="random only"),
        pytest.param(GIVEN.encode(), (TRACE, True), id="bytes"),
        pytest.param(f" {GIVEN} ", (TRACE, True), id="spaces around it"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-what-comes", (TRACE, True), id="a later version"),
        pytest.param("", ("", False), id="none"),
        pytest.param(None, ("", False), id="taken away"),
        pytest.param(GIVEN.upper(), ("", False), id="upper case"),
        pytest.param("00-1234-5678-01", ("", False), id="too short"),
        pytest.param("tr\xe4ce".encode("latin-1"), ("", False), id="no ASCII"),
    ],
)
def test_trace_of_a_header_is_its_id_and_flag_or_nothing(
    given: object, trace: tuple[str, bool]
) -> None:
    assert trace_of(given) == trace


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        pytest.param({"traceparent": GIVEN}, (TRACE, True), id="another was sent"),
        pytest.param({"traceparent": OURS}, ("a" * 32, False), id="the same was sent"),
        pytest.param({}, ("a" * 32, False), id="what was sent is not known"),
        pytest.param(None, ("a" * 32, False), id="a request without headers"),
    ],
)
def test_trace_of_a_request_is_the_one_that_was_sent(
    headers: object, trace: tuple[str, bool]
) -> None:
    assert trace_of(OURS, SimpleNamespace(headers=headers)) == trace
    assert trace_of(OURS, None) == ("a" * 32, False)
