"""Waits until a running service has recovered from the load of a step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.observe.command import absolute
from harness.observe.fetch import NoAnswer, fetch, tls_of

_TIMEOUT: Final = 5.0  # s for one answer
_PAUSE: Final = 0.2
_IN_A_ROW: Final = 3  # quick answers
_SLOWER: Final = 3.0  # times the answer of the idle service
_FLOOR: Final = 0.1  # s; a quicker answer is quick enough


@dataclass(slots=True)
class RecoveryProbe:
    """Requests the readiness path of a running service, or its base URL.

    The first call measures how quickly the idle service answers.

    Attributes:
        target: Its readiness path and its certificates; None without a target.
        url: Of the service.
        longest: Seconds until it must have recovered.
    """

    target: Target | None
    url: str
    longest: float = 60.0
    _idle: float | None = field(default=None, init=False)

    def wait(self, tell: Callable[[str], None]) -> None:
        """Wait until the service answers as quickly as before the first step.

        Args:
            tell: Called with a line when the service needs time.

        Raises:
            TargetError: It does not recover in time.
        """
        if self._idle is None:
            times = [self._answer() for _ in range(_IN_A_ROW)]
            known = [one for one in times if one is not None]
            self._idle = max(known, default=0.0)
            return  # a service that does not answer at all ends the first step
        limit = max(_FLOOR, _SLOWER * self._idle)
        end = time.monotonic() + self.longest
        quick, told = 0, False
        while quick < _IN_A_ROW:
            answer = self._answer()
            quick = quick + 1 if answer is not None and answer <= limit else 0
            if quick:
                continue
            if time.monotonic() > end:
                raise TargetError(
                    f"the service has not recovered {self.longest:g} s after the load: {self.url}",
                    "restart it, or give the target a command, which is started for each step",
                )
            if not told:
                tell("the service has not recovered from the step before; waiting for it")
                told = True
            time.sleep(_PAUSE)

    def _answer(self) -> float | None:
        """Seconds of an answer; None without one, and for an error of the server."""
        ready = self.target.ready if self.target else None
        address = absolute(self.url, ready) if ready else self.url
        tls = tls_of(self.target.ca_file if self.target else None)
        begun = time.monotonic()
        try:
            answer = fetch(address, _TIMEOUT, tls=tls)
        except NoAnswer:
            return None
        return None if answer.status >= 500 else time.monotonic() - begun
