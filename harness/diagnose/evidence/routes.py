"""What one request of each route costs, by the traces of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from harness.diagnose.model import CpuCost, RouteCost
from harness.diagnose.traces import Trace, is_cache_command, operation_of

MOST_ROUTES: Final = 300  # without `http.route`, each URL is a route


def route_costs(traces: Iterable[Trace], cpu: Mapping[str, CpuCost]) -> tuple[RouteCost, ...]:
    """The routes of the service under load, the one with the most traces first.

    Args:
        traces: Of the run.
        cpu: Of a request of each route, where it is known.
    """
    by_route: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        by_route[trace.endpoint].append(trace)
    found = (_cost(route, of, cpu.get(route)) for route, of in by_route.items())
    return tuple(sorted(found, key=lambda one: (-one.traces, one.route))[:MOST_ROUTES])


def _cost(route: str, traces: list[Trace], cpu: CpuCost | None) -> RouteCost:
    queries, lookups, seconds = 0, 0, 0.0
    own = (s for trace in traces for s in trace.spans if s.service == trace.root.service)
    for span in own:
        if operation_of(span).kind != "statement":
            continue
        if is_cache_command(span):
            lookups += 1
        else:
            queries += 1
            seconds += span.seconds
    count = len(traces)
    return RouteCost(
        route,
        count,
        sum(trace.root.seconds for trace in traces) / count,
        queries / count,
        seconds / count,
        lookups / count,
        cpu,
    )
