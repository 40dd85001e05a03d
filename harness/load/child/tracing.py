"""Inside the generator: every request carries a `traceparent` (https://www.w3.org/TR/trace-context).

It leads from a slow request to the log lines of the service, and to its trace when the sampled flag
is set. A traceparent of the locustfile is kept, and so is one that an OpenTelemetry instrumentation
of `requests` puts in its place: the recorded trace id is the one that was sent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from random import Random
from typing import Any

TRACEPARENT = "traceparent"
_NAMES = (TRACEPARENT, TRACEPARENT.encode())
_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")

_BATCH = 64

_Headers = Mapping[str, Any] | Iterable[tuple[str, Any]]


def traceparents(ratio: float) -> Callable[[], str]:
    """A function that returns a new traceparent with each call.

    Args:
        ratio: Share with the sampled flag, which asks the service to record a trace; without it
            the service still logs the trace id.
    """
    # Not the global generator, which is seeded to repeat a mix of tasks: two runs must not send
    # the same ids.
    source = Random(os.urandom(32))  # noqa: S311 - ids, not secrets

    def hexadecimal(size: int) -> list[str]:
        return source.randbytes(size * _BATCH).hex(",", size).split(",")

    def batch() -> list[str]:
        ids = zip(hexadecimal(16), hexadecimal(8), strict=True)
        draw = source.random
        return [f"00-{trace}-{span}-{'01' if draw() < ratio else '00'}" for trace, span in ids]

    # No call of a Python function for each: see recording.py for its cost.
    return chain.from_iterable(iter(batch, None)).__next__


def traced(
    headers: _Headers | None, defaults: Mapping[str, Any], make: Callable[[], str]
) -> tuple[dict[str, Any], Any]:
    """The headers of a request with a traceparent, and its value.

    Args:
        headers: The headers that the locustfile gives for this request; not changed.
        defaults: The headers that its session sends with each request, names in lower case.
        make: Makes a traceparent when neither of them has one.
    """
    merged = dict(headers) if headers else {}
    for name, value in merged.items():
        if name.lower() in _NAMES:
            return merged, value
    if TRACEPARENT in defaults:
        return merged, defaults[TRACEPARENT]
    value = merged[TRACEPARENT] = make()
    return merged, value


def trace_of(given: object, request: object = None) -> tuple[str, bool]:
    """The trace id of a request and whether it is sampled; the id is "" without a valid one.

    Args:
        given: The traceparent that the generator added.
        request: The sent request with its `headers`, if known.
    """
    headers = getattr(request, "headers", None)
    sent = headers.get(TRACEPARENT, given) if headers else given
    text = sent.decode("latin-1") if isinstance(sent, bytes) else str(sent)
    form = _FORM.match(text.strip())
    return (form[1], bool(int(form[2], 16) & 1)) if form else ("", False)
