"""How errors look on the wire: always `{code, message, details}`, and nothing internal."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_app.core.errors import (
    AppError,
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from sample_app.schemas.errors import ErrorOut

STATUS: Final[dict[type[AppError], HTTPStatus]] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_log = logging.getLogger("sample_app.errors")


def handle_errors(app: FastAPI) -> None:
    """Give every error of `app` the one shape."""
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(UnexpectedErrors)


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The error answers of a route, for its OpenAPI document."""
    return {status: {"model": ErrorOut} for status in statuses}


class UnexpectedErrors:
    """ASGI middleware that answers 500 to what nobody expected.

    Starlette's own last resort stands outside all middleware, so its answer would lack the
    correlation id, and its log line too.
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
            answer = _answer(500, "internal_error", "Something went wrong on our side.", {})
            await answer(scope, receive, send)


def _answer(
    status: int, code: str, message: str, details: dict[str, object], headers: object = None
) -> JSONResponse:
    body = ErrorOut(code=code, message=message, details=details)
    return JSONResponse(body.model_dump(), status, headers if isinstance(headers, dict) else None)


async def _on_app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    status = STATUS[type(error)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning(error.message, exc_info=error)
    return _answer(status, error.code, error.message, error.details)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        {"field": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
        for problem in error.errors()  # without `input`: it may be a secret
    ]
    message = "The request is not valid."
    return _answer(422, "validation_failed", message, {"problems": problems})


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_")
    return _answer(status, code, f"{status.phrase}.", {}, error.headers)
