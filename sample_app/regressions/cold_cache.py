"""Cache entries that expire immediately."""

from __future__ import annotations

from sample_app.regressions.planting import Replace, changed
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """The time to live was meant in minutes and got the value for "off": 0.

    All requests succeed, but each one queries the database.

    Noticed by `team-cache-hit-ratio`.
    """
    return changed(settings, "cache", ttl=0.0, company_ttl=0.0, profile_ttl=0.0)
