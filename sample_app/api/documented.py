"""Every error that a route may answer, for the OpenAPI document, with an example of each."""

from __future__ import annotations

from typing import Final

from sample_app.schemas.errors import ErrorOut

# status: what it means, then code and message of the example
_ERRORS: Final = {
    400: ("The body cannot be read.", "bad_request", "Bad Request."),
    401: ("Nobody knows who asks.", "unauthenticated", "Log in first."),
    403: ("Who asks may not do this.", "forbidden", "Only the role admin may do this."),
    404: ("It does not exist.", "not_found", "This contact does not exist."),
    409: ("It contradicts what is stored.", "conflict", "Another contact has this e-mail address."),
    413: ("The body is too long.", "content_too_large", "The body has more than 1048576 bytes."),
    415: ("The body has another format.", "unsupported_media_type", "Unsupported Media Type."),
    422: ("It is not valid.", "validation_failed", "The request is not valid."),
    429: ("Too many requests.", "too_many_requests", "More than 600 requests. Try again in 7 s."),
    500: ("A mistake on our side.", "internal_error", "Something went wrong on our side."),
    503: ("A dependency does not answer.", "unavailable", "The database does not answer."),
    504: ("No answer in time.", "timeout", "The answer took longer than 30 s. Try again later."),
}  # fmt: skip
_NUMBER: Final = {"schema": {"type": "integer"}}
_HEADERS: Final[dict[int, dict[str, object]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    503: {"Retry-After": _NUMBER | {"description": "Seconds to wait."}},
    429: {
        "Retry-After": _NUMBER | {"description": "Seconds to wait."},
        "X-RateLimit-Limit": _NUMBER | {"description": "Requests that one caller may make."},
        "X-RateLimit-Remaining": _NUMBER | {"description": "How many of them are left."},
        "X-RateLimit-Reset": _NUMBER | {"description": "Seconds until all are allowed again."},
    },
}


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The error answers of a route."""
    return {status: _error(status) for status in statuses}


def _error(status: int) -> dict[str, object]:
    meaning, code, message = _ERRORS[status]
    example = {"code": code, "message": message, "details": {}}
    error: dict[str, object] = {
        "model": ErrorOut,
        "description": meaning,
        "content": {"application/json": {"example": example}},
    }
    if headers := _HEADERS.get(status):
        error["headers"] = headers
    return error


EVERYWHERE: Final = documented(429, 500, 503, 504)
UNLIMITED: Final = documented(500, 504)  # of routes without rate limit and database
BODY: Final = (400, 413, 422)  # of any request with a body
