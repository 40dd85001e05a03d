"""Inside the generator: answered requests whose outcome a with-block decides."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from typing import NamedTuple

from harness.load.child.receipts.clock import CLOCK, Receipt
from harness.load.child.receipts.sockets import LAST
from harness.load.child.records.sent_bytes import get_sent


class Watch(NamedTuple):
    """An answered request whose outcome is not known yet.

    Attributes:
        response: Its response; one that is never entered is lost once it is garbage.
        milliseconds: The `response_time` of its event when it was answered.
        receipt: The receipt of its answer; None without the kernel's stamp.
        sent: Bytes of the request.
    """

    response: weakref.ref[object]
    milliseconds: object
    receipt: Receipt | None
    sent: int


def watch(response: object, on_garbage: Callable[[], None]) -> Watch:
    """Watch the response that the running greenlet has just received."""
    known = getattr(response, "request_meta", None) or {}
    ref = weakref.ref(response, lambda _: on_garbage())
    return Watch(ref, known.get("response_time"), LAST.get(), get_sent())


def timed(watched: Watch | None, start: float, milliseconds: float) -> tuple[float, Receipt | None]:
    """The seconds of an answered request, and the receipt from which they come.

    Args:
        watched: None for a request whose event its greenlet fires when the answer is read.
        start: When it was sent.
        milliseconds: The `response_time` of its event, which counts where there is no receipt, or
            where a with-block changed it. If it is no finite number, the time until now counts.
    """
    receipt = LAST.get() if watched is None else watched.receipt
    changed = watched is not None and watched.milliseconds != milliseconds
    if receipt is not None and not changed and CLOCK.is_usable(receipt, start):
        return receipt[0] - start, receipt
    seconds = float(milliseconds) / 1000
    return seconds if math.isfinite(seconds) else time.monotonic() - start, None
