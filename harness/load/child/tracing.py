"""Inside the generator: every request carries a `traceparent` (https://www.w3.org/TR/trace-context).

By it the service's log lines, and its traces when the sampled flag is set, are found from a slow
request. One that the locustfile gives is left alone, and its trace id is what counts. So does the
one that was really sent: an OpenTelemetry instrumentation of `requests` puts its own in the place.
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
    """A function that makes one after the other, all different.

    Args:
        ratio: The share that asks the service to record a trace; the others leave a trace id in
            its log all the same.
    """
    # Not the global generator: it is seeded, so that a mix of tasks can be repeated. Two runs must
    # not send the same ids.
    source = Random(os.urandom(32))  # noqa: S311 - ids, not secrets

    def batch() -> list[str]:
        digits = source.randbytes(24 * _BATCH).hex()
        return [
            f"00-{digits[i : i + 32]}-{digits[i + 32 : i + 48]}"
            f"-{'01' if source.random() < ratio else '00'}"
            for i in range(0, len(digits), 48)
        ]

    # Without a Python function of its own for each: see recording.py on what those take.
    return chain.from_iterable(iter(batch, None)).__next__


def traced(
    headers: _Headers | None, defaults: Mapping[str, Any], make: Callable[[], str]
) -> tuple[dict[str, Any], Any]:
    """Headers of a request that hold a traceparent, and its value.

    Args:
        headers: What the locustfile gives for this request; not changed.
        defaults: What its session sends with each request, the names in lower case.
        make: Called when neither of them has a traceparent.
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
    """The trace id of a request and whether it is sampled; "" when it carried none that is valid.

    Args:
        given: The traceparent that it should have carried.
        request: The request as it was sent, with its `headers`, if that is known.
    """
    headers = getattr(request, "headers", None)
    sent = headers.get(TRACEPARENT, given) if headers else given
    text = sent.decode("latin-1") if isinstance(sent, bytes) else str(sent)
    form = _FORM.match(text.strip())
    return (form[1], bool(int(form[2], 16) & 1)) if form else ("", False)
