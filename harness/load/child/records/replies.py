"""The start of the answer to a failed request, as text."""

from __future__ import annotations

from typing import Any

from harness.runs.records.failed import FailedReply

# Characters that are sent. The harness stores fewer, to see a secret at the cut as a whole.
SENT_BODY = 3072
_FIRST_BYTES = 16  # of a body that is no text


def reply_of(response: object, at: float, trace_id: str) -> FailedReply | None:
    """The start of an answer; None without an answer, or if its body was not read.

    Args:
        response: A response of requests or of FastHttpUser.
        at: The intended start of its request.
        trace_id: Of its request.
    """
    status = getattr(response, "status_code", 0)
    if not isinstance(status, int) or status <= 0:
        return None
    body = content_of(response)
    if body is None:
        return None
    try:
        content_type = str((getattr(response, "headers", None) or {}).get("content-type") or "")
    except Exception:  # noqa: BLE001 - headers of a client of the locustfile
        content_type = ""
    return FailedReply(at, status, content_type[:200], len(body), _text(body), trace_id)


def content_of(response: Any) -> bytes | None:
    """The body, if the client has read it: to read a stream here would change the request."""
    try:
        known = vars(response)
        if isinstance(known.get("_raw"), bytes):  # a LazyResponse
            found = response.content
        else:
            found = known.get("_content", getattr(response, "_cached_content", None))
    except Exception:  # noqa: BLE001 - e.g. a damaged gzip body
        return None
    return found if isinstance(found, bytes) else None


def _text(body: bytes) -> str:
    start = body[: 4 * SENT_BODY]
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character at the cut may be incomplete.
        if len(start) == len(body) or error.start < len(start) - 3:
            return _bytes_note(body)
        text = start[: error.start].decode("utf-8")
    return _bytes_note(body) if "\0" in text else text[:SENT_BODY]


def _bytes_note(body: bytes) -> str:
    more = " ..." if len(body) > _FIRST_BYTES else ""
    return f"(no text; in hexadecimal: {body[:_FIRST_BYTES].hex(' ')}{more})"
