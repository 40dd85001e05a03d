"""A connection pool with one connection."""

from __future__ import annotations

from sample_app.regressions.planting import Replace, changed
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """One connection and no overflow, left over from a debugging session.

    Requests queue for it as soon as two are concurrent.

    Noticed by `pool-headroom`.
    """
    return changed(settings, "database", pool_size=1, max_overflow=0)
