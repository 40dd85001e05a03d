"""The format of errors: always `{code, message, details}`, without internal data."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.core.errors import (
    AppError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    LockedOutError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from sample_app.schemas.errors import ErrorOut

STATUS: Final[dict[type[AppError], HTTPStatus]] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    LockedOutError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
HEADERS: Final = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},  # RFC 9110, 15.5.2
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"},  # seconds
}
# The same words in all Python versions: 3.13 renamed these.
PHRASES: Final = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large"}
_log = logging.getLogger("sample_app.errors")


def handle_errors(app: FastAPI) -> None:
    """Give all errors of `app` the standard format."""
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(UnexpectedErrors)


class UnexpectedErrors:
    """ASGI middleware that answers 500 to unexpected exceptions.

    Starlette's own handler is outside all middleware, so its answer and its log line would lack
    the correlation id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception:
            _log.exception("unexpected error")
            if started:
                raise  # the server must cut the half-sent answer off
            answer = error_answer(500, "internal_error", "Something went wrong on our side.")
            await answer(scope, receive, send)


def error_answer(
    status: int,
    code: str,
    message: str,
    details: dict[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An answer in the standard format."""
    body = ErrorOut(code=code, message=message, details=details or {})
    return _Json(body.model_dump(), status, headers)


class _Json(JSONResponse):
    """JSON in ASCII: what a client sent may come back in `details`, lone surrogates included."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


async def _on_app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    status = STATUS[type(error)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning(error.message, exc_info=error)
    headers = HEADERS.get(status)
    if isinstance(error, LockedOutError):
        headers = {"Retry-After": str(error.seconds)}
    return error_answer(status, error.code, error.message, error.details, headers)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        {"field": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
        for problem in error.errors()  # without `input`: it may be a secret
    ]
    message = "The request is not valid."
    return error_answer(422, "validation_failed", message, {"problems": problems})


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    phrase = PHRASES.get(status, status.phrase)
    code = phrase.lower().replace(" ", "_")
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {**(headers or {}), "Allow": ", ".join(_methods(request))}
    return error_answer(status, code, f"{phrase}.", {}, headers)


def _methods(request: Request) -> list[str]:
    """All methods of the path (RFC 9110, 15.5.6): Starlette names those of its first route only."""
    return [
        method.value
        for method in HTTPMethod
        if any(
            route.matches({**request.scope, "method": method.value})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
