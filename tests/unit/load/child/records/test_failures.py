"""Failed requests are counted exactly, and take a bounded amount of memory."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.records.failures import (
    FAILED,
    MOST_KINDS,
    FailureCounts,
    note_outcome,
)
from harness.load.child.records.replies import SENT_BODY, reply_of
from harness.runs.records.failed import MOST_REPLIES, REPLIES_OF_KIND, Failures

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def answer(status: int, body: bytes = b"", content_type: str = "text/plain") -> SimpleNamespace:
    return SimpleNamespace(
        status_code=status, _content=body, headers={"content-type": content_type}
    )


def add(
    counts: FailureCounts,
    name: str,
    at: float,
    response: Any,
    error: object = None,
) -> None:
    counts.add(
        *(("GET", name), at // 1.0, at),
        traceparent=PARENT,
        response=response,
        error=error,
        raised=None,
    )


def test_requests_of_a_kind_are_one_report_with_counts_and_times() -> None:
    counts = FailureCounts()
    for at in (3.25, 3.75, 14.5):
        add(counts, "/a", at, answer(500, b'{"detail": "boom"}', "application/json"))
    (found,) = counts.take()
    assert (found.method, found.name, found.kind, found.status) == ("GET", "/a", "status", 500)
    assert (dict(found.counts), found.first, found.last) == ({3: 2, 14: 1}, 3.25, 14.5)
    assert (found.trace_id, found.varies, found.group) == (TRACE, False, "")
    reply = found.replies[0]
    assert (reply.at, reply.status, reply.size, reply.body) == (3.25, 500, 18, '{"detail": "boom"}')
    assert (reply.content_type, reply.trace_id) == ("application/json", TRACE)


def test_report_has_only_what_was_counted_since_the_last_one() -> None:
    counts = FailureCounts()
    add(counts, "/a", 1.0, answer(500))
    assert [dict(one.counts) for one in counts.take()] == [{1: 1}]
    assert counts.take() == ()
    add(counts, "/a", 2.0, answer(500))
    add(counts, "/b", 2.0, answer(404))
    assert sorted((one.name, dict(one.counts)) for one in counts.take()) == [
        ("/a", {2: 1}),
        ("/b", {2: 1}),
    ]


def test_message_that_differs_each_time_costs_a_bounded_number_of_kinds() -> None:
    counts = FailureCounts()
    words = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(3000)]
    for word in words:
        add(counts, "/a", 1.0, answer(200, b"x" * 10**5), f"bad {word}")
    found = counts.take()
    assert len(found) == MOST_KINDS + 1
    (other,) = [one for one in found if one.kind == "other"]
    assert dict(other.counts) == {1: 3000 - MOST_KINDS}
    replies = [reply for one in found for reply in one.replies]
    assert len(replies) == MOST_REPLIES
    assert max(len(reply.body) for reply in replies) == SENT_BODY


def test_message_of_any_length_is_cut_and_a_kind_has_few_replies() -> None:
    counts = FailureCounts()
    for number in range(50):
        add(counts, "/a", 1.0, answer(200, b"no"), f"id {number} {'x' * 10**6}")
    (found,) = counts.take()
    assert len(found.text) == 500
    assert found.varies
    assert len(found.replies) == REPLIES_OF_KIND


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/a", "/b"]),
            st.sampled_from([404, 500]),
            st.floats(-5, 60),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.floats(0, 30),
)
def test_reports_add_up_to_the_requests_after_any_rebase(
    requests: list[tuple[str, int, float, bool]], shift: float
) -> None:
    counts, taken = FailureCounts(), list[Failures]()
    for name, status, at, take in requests:
        add(counts, name, at, answer(status))
        if take:
            taken += counts.take()
    counts.rebase(-shift, -1)
    rest = counts.take()
    for key in {(name, status) for name, status, _, _ in requests}:
        expected = sum((name, status) == key for name, status, _, _ in requests)
        both = [one for one in [*taken, *rest] if (one.name, one.status) == key]
        assert sum(n for one in both for n in one.counts.values()) == expected
        times = [at for name, status, at, _ in requests if (name, status) == key]
        assert min(one.first for one in both) == min(times)
        assert max(one.last for one in both) == max(times)
    assert all(second <= -1 for one in rest for second in one.counts)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"plain", "plain"),
        (b"", ""),
        ("ü€".encode(), "ü€"),
        (b"\xff\xfe\x00\x01", "(no text; in hexadecimal: ff fe 00 01)"),
        (b"a\x00b", "(no text; in hexadecimal: 61 00 62)"),
        (bytes(range(256)), f"(no text; in hexadecimal: {bytes(range(16)).hex(' ')} ...)"),
        ("€".encode() * 10**5, "€" * SENT_BODY),
    ],
)
def test_body_is_text_or_a_note_of_its_first_bytes(body: bytes, text: str) -> None:
    reply = reply_of(answer(500, body), 0.0, "")
    assert reply is not None
    assert (reply.body, reply.size) == (text, len(body))


@pytest.mark.parametrize(
    "response",
    [
        None,
        answer(0),
        SimpleNamespace(status_code=200, _content=False),  # a stream that nobody has read
        SimpleNamespace(status_code="200"),
        SimpleNamespace(status_code=500),
    ],
)
def test_response_without_a_read_body_has_no_reply(response: object) -> None:
    assert reply_of(response, 0.0, "") is None


def test_note_on_a_user_says_how_its_last_request_failed() -> None:
    user, named = SimpleNamespace(), ("GET", "/a")
    assert note_outcome(user, named, answer(500), None)
    assert user.__dict__[FAILED] == "GET /a answered 500"
    assert note_outcome(user, named, None, ValueError("no\nid"))
    assert user.__dict__[FAILED] == "GET /a failed: ValueError: no id"
    assert not note_outcome(user, named, answer(200), None)
    assert FAILED not in user.__dict__
    assert not note_outcome(None, named, answer(500), None)
