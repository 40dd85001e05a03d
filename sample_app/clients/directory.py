"""The client of the company directory, another service with profiles of companies.

The protections, from the outside in: a deadline for the whole call, retries, the circuit breaker,
the bulkhead, and time-outs for each attempt. There is one connection pool per process, because a
new TLS connection costs more than most answers.

Each request carries the correlation id and `traceparent`, also when its trace is not recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import httpx
from opentelemetry import propagate, trace
from pydantic import ValidationError

from sample_app.clients.directory_stub import StubDirectory
from sample_app.core.errors import UnavailableError
from sample_app.core.logs.correlation import HEADER, request_id
from sample_app.core.resilience.breaker import Breaker
from sample_app.core.resilience.bulkhead import Bulkhead
from sample_app.core.resilience.retries import with_retries
from sample_app.schemas.companies import CompanyProfile
from sample_app.settings import DirectorySettings
from sample_app.telemetry.outgoing import OutgoingMetrics
from sample_app.telemetry.tracing import instrument_httpx

PEER: Final = "directory"  # its name in metrics
_tracer = trace.get_tracer(__name__)


class _FailedError(Exception):
    """The directory answered with an error."""


FAILURES: Final = (httpx.TransportError, _FailedError)


class CompanyDirectory:
    """Gets profiles; without a URL from a stub in this process.

    Args:
        transport: The transport of requests; by default the network, or the stub.
    """

    def __init__(
        self,
        settings: DirectorySettings,
        metrics: OutgoingMetrics,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._breaker = Breaker(PEER, settings.failures, settings.pause, metrics)
        self._bulkhead = Bulkhead(PEER, settings.concurrency, metrics)
        self._client = httpx.AsyncClient(
            base_url=settings.url or "http://stub",
            timeout=settings.timeout,
            # The bulkhead bounds the connections. A bound of the pool would lose a slot for good
            # with each request that is cancelled just when its connection is made (httpcore 1.0).
            limits=httpx.Limits(max_keepalive_connections=settings.concurrency),
            transport=transport or (None if settings.url else StubDirectory(settings.stub_delay)),
            trust_env=False,
            event_hooks={"request": [_identify]},
        )
        instrument_httpx(self._client)
        metrics.duration.labels(PEER, "")

    @_tracer.start_as_current_span("directory.profile")
    async def profile(self, company: str) -> CompanyProfile | None:
        """The profile of the company of that name; None when there is none.

        Raises:
            UnavailableError: When the directory does not answer, or the circuit is open.
        """
        try:
            async with asyncio.timeout(self._settings.deadline):
                return await with_retries(
                    partial(self._attempt, company),
                    self._settings.attempts,
                    self._settings.retry_wait,
                    FAILURES,
                )
        except (*FAILURES, TimeoutError) as error:
            message = "The company directory does not answer. Try again later."
            raise UnavailableError(message) from error

    async def ping(self) -> bool:
        """Whether the circuit is closed; this sends no request."""
        return self._breaker.state != "opened"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Close the connections at the end."""
        async with self._client:
            yield

    async def _attempt(self, company: str) -> CompanyProfile | None:
        async with self._bulkhead(), self._breaker():
            with self._metrics.timed(PEER):
                return _read(await self._client.get("/companies", params={"name": company}))


async def _identify(request: httpx.Request) -> None:
    """Add the ids; the span of a recorded request replaces `traceparent` by its own."""
    if identifier := request_id.get():
        request.headers[HEADER] = identifier
    propagate.inject(request.headers)


def _read(answer: httpx.Response) -> CompanyProfile | None:
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.status_code != httpx.codes.OK:
        message = f"status {answer.status_code}"
        raise _FailedError(message)
    try:
        return CompanyProfile.model_validate_json(answer.content)
    except ValidationError as error:
        message = "an answer of another shape"
        raise _FailedError(message) from error
