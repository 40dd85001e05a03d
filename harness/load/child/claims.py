"""Inside the generator: response times that a client of the locustfile reports by itself."""

from __future__ import annotations

import time
from collections.abc import Callable


class Claims:
    """Checks the reported times against the time that has passed since its creation."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._noted = False

    def start_of(
        self, named: tuple[str, str], seconds: float, on_notice: Callable[[str], None]
    ) -> float:
        """The start of a request that has ended now.

        An impossible time counts as it was reported. Its request counts as of now: before the load
        it would not be judged.

        Args:
            named: Method and name of the request.
            seconds: Its reported response time.
            on_notice: Called when the time is impossible, once.
        """
        now = time.monotonic()
        if now - seconds >= self._began:
            return now - seconds
        if not self._noted:
            self._noted = True
            on_notice(
                f"{' '.join(named)} reported a response time that is longer than the load lasts; "
                "`response_time` of the request event is in milliseconds"
            )
        return now
