"""What the bytes of answers consist of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import Budget, Mean, Selector
from harness.diagnose.evidence.sizes import answer_sizes
from harness.diagnose.questions import answers_of_routes
from harness.diagnose.traces import traces_of
from harness.runs.recording.answer_shape import AnswerShape
from harness.units import Unit
from tests.unit.diagnose.spans import request

PAGE = AnswerShape(
    "GET /items",
    trace_id="",
    content_type="application/json",
    coding="",
    accepts="gzip, deflate",
    wire=2000,
    size=2000,
    gzip=500,
    items=20,
    place="data.rows",
    item_bytes=1800,
    told=20,
    fields=(("notes", 1200), ("id", 300)),
)
SMALL = replace(PAGE, wire=500, size=500, gzip=200, item_bytes=400)
COMPRESSED = replace(PAGE, coding="gzip", wire=500)


def named(answers: list[AnswerShape]) -> list[tuple[str, float, str]]:
    return [
        (one.what, round(one.share, 3), one.sign)
        for one in answer_sizes(answers).causes
        if one.sign
    ]


def test_answers_that_are_not_compressed() -> None:
    analysis = answer_sizes([PAGE] * 6)
    assert analysis.about == "the bytes of 6 answers (GET /items, 1.95 KiB on average)"
    cause = analysis.causes[0]
    assert (cause.kind, cause.what, cause.sign) == (
        *("answer", "answers are not compressed", "the requests accept gzip"),
    )
    assert (cause.share, cause.lower, cause.upper) == (0.75, 0.75, 0.75)
    assert cause.evidence == "1.95 KiB each, 500 B with gzip"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(COMPRESSED, id="compressed"),
        pytest.param(replace(PAGE, coding="br", wire=450), id="compressed with Brotli"),
        pytest.param(SMALL, id="below 1 KiB"),
        pytest.param(replace(PAGE, gzip=1001), id="of a type that gzip hardly makes smaller"),
        pytest.param(replace(PAGE, accepts=""), id="to a client that accepts no coding"),
        pytest.param(replace(PAGE, accepts="br"), id="to a client that accepts another coding"),
        pytest.param(replace(PAGE, accepts="gzip;q=0"), id="to a client that refuses gzip"),
        pytest.param(replace(PAGE, accepts="gzip; q=0.0, br"), id="to a client that refuses it so"),
    ],
)
def test_no_compression_is_missed_for_an_answer(answer: AnswerShape) -> None:
    assert named([answer] * 6) == []


@pytest.mark.parametrize("accepts", ["gzip", "br, GZIP;q=0.5", "*", "deflate, x-gzip;q=1.0"])
def test_a_client_accepts_gzip(accepts: str) -> None:
    answers = [replace(PAGE, accepts=accepts, coding="identity")] * 6
    assert [what for what, _, _ in named(answers)] == ["answers are not compressed"]


def test_items_beyond_the_size_of_the_page() -> None:
    # 480 of 500 items, in 90% of the body.
    large = replace(COMPRESSED, items=500, told=20)
    sign = "a page has 20 by the request or the answer itself"
    assert named([large] * 6) == [("500 items in an answer in 'data.rows'", 0.864, sign)]
    assert answer_sizes([large] * 6).causes[0].evidence == "3.6 B of JSON an item"
    # What the request asks for counts, not what the answer tells.
    assert named([replace(large, asked=500, told=20)] * 6) == []
    assert named([replace(large, asked=10, told=500)] * 6) == [
        (
            *("500 items in an answer in 'data.rows'", 0.882),
            "a page has 10 by the request or the answer itself",
        )
    ]


def test_items_beyond_the_largest_usual_page() -> None:
    body = replace(COMPRESSED, place="", items=400, told=None, item_bytes=1600, size=2000)
    sign = "the largest page of usual APIs has 100"
    assert named([body] * 6) == [("400 items in an answer", 0.6, sign)]
    assert named([replace(body, items=100)] * 6) == []
    assert named([replace(body, items=None)] * 6) == []


def test_both_at_once_add_up() -> None:
    both = replace(PAGE, items=500, told=20)
    found = {what: share for what, share, _ in named([both] * 6)}
    assert found["answers are not compressed"] == 0.75
    assert found["500 items in an answer in 'data.rows'"] == pytest.approx(0.25 * 0.864)


def test_a_few_answers_are_no_sign_for_all() -> None:
    mixed = answer_sizes([PAGE] * 2 + [COMPRESSED] * 18)
    assert mixed.causes[0].share == pytest.approx(3000 / 13000)
    assert mixed.causes[0].lower < 0.2  # below it is no cause


def test_fields_are_listed_without_a_sign() -> None:
    fields = [one for one in answer_sizes([COMPRESSED] * 6).causes if not one.sign]
    assert [(one.what, one.share, one.evidence) for one in fields] == [
        ("field data.rows[].notes", 0.6, "1.17 KiB of JSON in an answer"),
        ("field data.rows[].id", 0.15, "300 B of JSON in an answer"),
    ]


def test_too_few_answers() -> None:
    text = "fewer than 5 whole answers of these requests were kept"
    assert answer_sizes([PAGE] * 4).missing == text


def test_answers_of_the_routes_of_a_budget() -> None:
    size = Selector("http_server_response_body_size_bytes", {"http_route": "/items"})
    budget = Budget("size", Mean(size), Unit.BYTES, 1.0, "max")
    traces = traces_of(request("t1", 0.1, []) + request("t2", 0.1, [], route="/other"))
    answers = [
        replace(PAGE, request="the list", trace_id="t1"),
        replace(PAGE, request="the list", trace_id="lost"),  # as the other one of its request
        replace(PAGE, request="GET /items", trace_id="t2"),  # the trace counts, not the name
        replace(PAGE, request="GET /items/", trace_id=""),
        replace(PAGE, request="POST /items", trace_id=""),
    ]
    found = answers_of_routes(budget, answers, traces, by_default())
    assert found == [answers[0], answers[1], answers[4]]
