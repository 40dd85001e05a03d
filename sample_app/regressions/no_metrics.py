"""A service without metrics at the expected path."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from sample_app import app
from sample_app.regressions.planting import Replace
from sample_app.settings import Settings
from sample_app.telemetry import exposition


def plant(settings: Settings, replace: Replace) -> Settings:
    """The metrics move to another path, and the scrapers still use the old one.

    Noticed by the run: without data it is inconclusive, never a pass.
    """

    def moved(registry: CollectorRegistry, token: str = "") -> Route:
        return exposition.metrics_route(registry, token, "/internal/metrics")

    replace(app, "metrics_route", moved)
    return settings
