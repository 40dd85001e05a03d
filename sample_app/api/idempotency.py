"""A POST with an `Idempotency-Key` takes effect once, however often a client repeats it.

After the IETF's draft-ietf-httpapi-idempotency-key-header: the same key with the same body gets
the first answer again; with another body 422; while the first request is in progress 409. Only
successes are stored: a failed request changed nothing and may be repeated.

Every POST takes a key, except those of `/api/v1/auth`: their answers hold tokens, which must not be
stored, and a repeated log-in only issues another token.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Header, Request, Response

from sample_app.api.edge.identity import caller_key
from sample_app.api.errors import error_answer
from sample_app.api.http_cache import Handler
from sample_app.core.idempotency.store import Answer, IdempotencyStore, Record

HEADER: Final = "Idempotency-Key"
_ACCEPTABLE: Final = r"^[A-Za-z0-9._:-]{1,128}$"
_KEPT: Final = frozenset({"content-type", "location", "x-task-id"})

# For the OpenAPI document; `idempotent` reads the header before a route's parameters are parsed.
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        pattern=_ACCEPTABLE,
        description="Chosen by the client; the same one again brings the first answer again.",
    ),
]


def idempotent(handler: Handler, *, streamed: bool = False) -> Handler:
    """Execute a POST with a key once.

    Args:
        handler: Answers the request.
        streamed: The body is too long to be read before the handler reads it. Requests are then
            compared by their query, type and length.
    """

    async def handle(request: Request) -> Response:
        given = request.headers.get(HEADER)
        if given is None or not re.fullmatch(_ACCEPTABLE, given):
            return await handler(request)  # which refuses a bad key
        store: IdempotencyStore = request.app.state.idempotency
        # Keys of other callers and other paths are different keys.
        key = _digest(caller_key(request.scope), request.url.path, given)
        body = _head(request) if streamed else await request.body()
        fingerprint = _fingerprint(request, body)
        record = await store.claim(key, fingerprint)
        if record is None:
            return await _first(handler, request, store, key, fingerprint)
        return _again(record, fingerprint)

    return handle


async def _first(
    handler: Handler, request: Request, store: IdempotencyStore, key: str, fingerprint: str
) -> Response:
    try:
        response = await handler(request)
    except BaseException:  # cancelled by a time-out, too
        await store.release(key)
        raise
    if response.status_code >= 300:
        await store.release(key)
        return response
    headers = tuple((k, v) for k, v in response.headers.items() if k in _KEPT)
    answer = Answer(response.status_code, headers, bytes(response.body).decode())
    await store.keep(key, Record(fingerprint, answer))
    return response


def _again(record: Record, fingerprint: str) -> Response:
    if record.fingerprint != fingerprint:
        text = f"This {HEADER} was used for another request."
        return error_answer(422, "idempotency_key_reused", text)
    if record.answer is None:
        text = f"The first request with this {HEADER} is still being answered."
        return error_answer(409, "idempotency_in_progress", text, None, {"Retry-After": "1"})
    stored = record.answer
    return Response(
        stored.body, stored.status, {**dict(stored.headers), "Idempotency-Replayed": "true"}
    )


def _head(request: Request) -> bytes:
    names = ("Content-Type", "Content-Length")
    return "\n".join(request.headers.get(name, "") for name in names).encode()


def _fingerprint(request: Request, body: bytes) -> str:
    """With a secret key, because a plain digest of a body with a password lets others guess it."""
    key: bytes = request.app.state.fingerprint_key
    return hmac.digest(key, request.url.query.encode() + b"\n" + body, "sha256").hex()


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
