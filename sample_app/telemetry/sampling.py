"""Decides before anything else whether a request is recorded.

The contributed instrumentations build all attributes of a span before they ask the sampler. So a
request that will not be recorded, 95 of 100 at the shipped settings, is served with
OpenTelemetry's own switch that suppresses instrumentations. It keeps a trace id for log lines, and
passes the decision on in `traceparent`. `docs/service.md` has the costs of both ways.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import Final

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from starlette.types import ASGIApp, Receive, Scope, Send

_CHOSEN: Final = context.create_key("chosen")
_NOT_REMOTE: Final = False
_IDS: Final = RandomIdGenerator()
_random: Final = Random()  # noqa: S311 - no secret; its own, since callers may seed the global one
with suppress_instrumentation():
    _SUPPRESSED: Final = context.get_current()


class SampledRequests:
    """ASGI middleware, outside of all others: records `ratio` of the traces that begin here.

    The decision of a caller that sends one is followed.

    Args:
        ratio: From 0 to 1.
        untraced: Paths whose requests are never recorded.
    """

    def __init__(self, app: ASGIApp, ratio: float, untraced: Collection[str]) -> None:
        self.app = app  # FastAPI looks for instrumentations by this name, to switch off its own
        self._ratio = ratio
        self._untraced = frozenset(untraced)
        fields = propagate.get_global_textmap().fields
        self._fields = {field.lower().encode() for field in fields}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = context.attach(self._context(scope))
        try:
            await self.app(scope, receive, send)
        finally:
            context.detach(token)

    def _context(self, scope: Scope) -> Context:
        """The context of the request: chosen, or suppressed with a trace id."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in self._fields
        }
        base = propagate.extract(carrier, _SUPPRESSED) if carrier else _SUPPRESSED
        caller = trace.get_current_span(base).get_span_context()
        begins = _random.random() < self._ratio
        chosen = caller.trace_flags.sampled if caller.is_valid else begins
        if chosen and scope["path"] not in self._untraced:
            return context.set_value(_CHOSEN, True)
        if caller.is_valid:
            return base
        own = SpanContext(_IDS.generate_trace_id(), _IDS.generate_span_id(), _NOT_REMOTE)
        return trace.set_span_in_context(NonRecordingSpan(own), base)


class ChosenOrRatio(Sampler):
    """Records what `SampledRequests` has chosen, and `ratio` of the traces outside of requests."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(  # noqa: PLR0917 - OpenTelemetry's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The decision on a span without a parent."""
        chosen = context.get_value(_CHOSEN, parent_context)
        sampler: Sampler = ALWAYS_ON if chosen else self._ratio
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """The sampler's name."""
        return f"ChosenOrRatio{{{self._ratio.rate}}}"


def sampler(ratio: float) -> Sampler:
    """A sampler for a provider that serves behind `SampledRequests`; it follows every parent."""
    return ParentBased(ChosenOrRatio(ratio))
