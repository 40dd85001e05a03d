"""All metrics of the service on one registry, which is an argument: each test has its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from sample_app.telemetry.access import AccessMetrics
from sample_app.telemetry.cache import CacheMetrics
from sample_app.telemetry.events import EventMetrics
from sample_app.telemetry.garbage import GarbageMetrics
from sample_app.telemetry.http import HttpMetrics
from sample_app.telemetry.logs import LogMetrics
from sample_app.telemetry.loop_lag import LoopLagMetrics
from sample_app.telemetry.outgoing import OutgoingMetrics
from sample_app.telemetry.pool import PoolMetrics
from sample_app.telemetry.process import register_process_metrics
from sample_app.telemetry.queries import QueryMetrics
from sample_app.telemetry.start import StartMetrics
from sample_app.telemetry.tasks import TaskMetrics


class Metrics:
    """Every metric of the service, by what it is about."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.http = HttpMetrics(registry)
        self.access = AccessMetrics(registry)
        self.queries = QueryMetrics(registry)
        self.pool = PoolMetrics(registry)
        self.cache = CacheMetrics(registry)
        self.tasks = TaskMetrics(registry)
        self.outgoing = OutgoingMetrics(registry)
        self.logs = LogMetrics(registry)
        self.loop = LoopLagMetrics(registry)
        self.garbage = GarbageMetrics(registry)
        self.start = StartMetrics(registry)
        self.events = EventMetrics(registry)
        register_process_metrics(registry)
