"""The time in which a service must get ready, for tests that do not depend on when it starts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from harness.budgets.model import Target
from harness.observe import target as observed


def ends_after(patch: pytest.MonkeyPatch, seen: str) -> None:
    """Let no time pass until a probe has a problem with this text, then all of it.

    One more probe follows, whose time is cut short. So a busy machine may start the service late.
    """
    now = 0.0
    probed = observed._probe

    async def probe(target: Target, *rest: object) -> object:
        nonlocal now
        found = await probed(target, *rest)  # type: ignore[arg-type]
        if now or seen in found.problem:
            now = target.ready_timeout + (1.0 if now else -0.1)
        return found

    patch.setattr(observed, "_probe", probe)
    patch.setattr(observed, "time", SimpleNamespace(monotonic=lambda: now))


def ends_once(patch: pytest.MonkeyPatch, over: Callable[[], bool]) -> None:
    """Let no time pass until something is so, then all of it: the service may start late."""
    began = False

    def monotonic() -> float:
        nonlocal began
        now = 1e9 if began and over() else 0.0
        began = True
        return now

    patch.setattr(observed, "time", SimpleNamespace(monotonic=monotonic))
