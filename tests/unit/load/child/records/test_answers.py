"""The shape of an answer, by answers of requests and of stand-ins for other clients."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace
from typing import Any

import pytest

from harness.load.child.records import answers
from harness.load.child.records.answers import AnswerSampler, shape_of
from harness.runs.recording.answer_shape import AnswerShape

ROWS = [{"id": 7, "note": "é"}, {"id": 8, "note": "ab"}]


def response(body: object, url: str = "http://x/items", **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Accept-Encoding": "gzip", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    return SimpleNamespace(
        _content=raw,
        url=url,
        headers={"content-type": "application/json", **named},
        request=SimpleNamespace(headers=sent),
    )


def shape(body: object, url: str = "http://x/items", **headers: str) -> AnswerShape:
    found = shape_of("GET /items", response(body, url, **headers))
    assert found is not None
    return found


def test_shape_of_a_page() -> None:
    page = {"data": {"rows": ROWS, "ids": [1]}, "size": 20}
    found = shape(page)
    body = json.dumps(page).encode()
    compact = json.dumps(ROWS, ensure_ascii=False, separators=(",", ":")).encode()
    assert (found.request, found.trace_id, found.accepts) == ("GET /items", "a" * 32, "gzip")
    assert (found.wire, found.size, found.coding) == (len(body), len(body), "")
    assert abs(found.gzip - len(gzip.compress(body, 6))) <= 1
    assert (found.place, found.items, found.item_bytes) == ("data.rows", 2, len(compact))
    # "id":7 twice; "note":"é" has 11 bytes and "note":"ab" 11.
    assert found.fields == (("note", 22), ("id", 12))
    assert found.told is None  # of the object around the other one


def test_size_on_the_wire_of_a_compressed_answer() -> None:
    body = json.dumps(ROWS * 50).encode()
    assert shape(body, content_encoding="gzip", content_length="99").wire == 99
    assert shape(body, content_encoding="gzip").wire == shape(body).gzip < shape(body).wire


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("limit=25", 25),
        ("page=3&per_page=10", 10),
        ("page%5Bsize%5D=30", 30),
        ("PageSize=5", 5),
        ("page=3", None),
        ("limit=all", None),
        ("limit=-1", None),
        ("limit=0", None),  # often all of them
        ("", None),
    ],
)
def test_size_of_a_page_by_the_query(query: str, asked: int | None) -> None:
    assert shape(ROWS, f"http://x/items?{query}").asked == asked


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"size": 20}, 20),
        ({"perPage": 30}, 30),
        ({"count": 2}, None),  # usually of all items
        ({"size": True}, None),
        ({"size": "large"}, None),
        ({}, None),
    ],
)
def test_size_of_a_page_by_the_answer(beside: dict[str, object], told: int | None) -> None:
    assert shape({"items": ROWS, **beside}).told == told


@pytest.mark.parametrize(
    ("body", "items", "fields"),
    [
        (ROWS, 2, (("note", 22), ("id", 12))),
        ({"a": 1, "bc": "de"}, None, (("bc", 9), ("a", 5))),
        ([1, 2, 3], 3, ()),
        ("text", None, ()),
        (b"{damaged", None, ()),
        (b"[" * 100_000, None, ()),
        ({"a": {"b": {"c": {"d": {"e": [1]}}}}}, None, (("a", 31),)),
    ],
)
def test_bodies(body: object, items: int | None, fields: tuple[tuple[str, int], ...]) -> None:
    found = shape(body)
    assert (found.items, found.fields) == (items, fields)


def test_a_body_of_another_type_is_not_read() -> None:
    assert shape(ROWS, content_type="text/html").items is None


def test_no_shape_without_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shape_of("GET /", response(b"")) is None
    assert shape_of("GET /", SimpleNamespace(headers={})) is None  # a stream that nobody read
    monkeypatch.setattr(answers, "LARGEST_BODY", 3)
    assert shape_of("GET /", response(b"1234")) is None


def test_some_answers_of_each_request_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("harness.load.child.records.answers.time.monotonic", lambda: now)
    sampler = AnswerSampler()
    for _ in range(40):
        for name in ("/a", "/b"):
            sampler.on_request(request_type="GET", name=name, response=response(ROWS))
        now += 0.5
    assert [one.request for one in sampler.take()] == ["GET /a", "GET /b"] * 10
    assert sampler.take() == ()


def test_failed_and_odd_answers_are_not_kept() -> None:
    sampler = AnswerSampler()
    failed = {"response": response(ROWS), "exception": ValueError("no")}
    sampler.on_request(request_type="GET", name="/a", **failed)
    sampler.on_request(request_type="WS", name="/a", response=None)
    odd = SimpleNamespace(_content=b"1", headers=5)
    sampler.on_request(request_type="GET", name="/a", response=odd)
    assert sampler.take() == ()
