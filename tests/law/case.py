"""A run of the law: a budget, and the evidence by which it is not green.

Every run has a window of 10 s, two replicas that are scraped each second, and one budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from harness.budgets.model import Budget, Direction, Indicator
from harness.names import (
    LATENCY,
    SCHEDULER_LAG,
    START_LAG,
    START_TIME,
    UNANSWERED_LATENCY,
    UNANSWERED_SERVICE_TIME,
)
from harness.runs.model import Distribution, Evidence, LatencyKey, Manifest, Requests, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    URL,
    budget,
    counter,
    distribution,
    evidence,
    requests,
    series,
    up,
)

REQUESTS = 400
ROUTE_A, ROUTE_B = {"route": "/a"}, {"route": "/b"}
REPLICAS = (APP, OTHER)


class Case(NamedTuple):
    """A run that is not green.

    Attributes:
        name: What is wrong with the run, in words.
        budget: The only budget.
        run: The evidence.
    """

    name: str
    budget: Budget
    run: Evidence


def case_of(
    name: str,
    indicator: Indicator,
    bound: float,
    direction: Direction = "max",
    unit: Unit = Unit.SECONDS,
    *,
    latency: Mapping[LatencyKey, Distribution] | None = None,
    more: Iterable[Series] = (),
    dropped: int = 0,
    cut: int = 0,
) -> Case:
    """A run that is not green by an indicator; by default all of its requests are fast."""
    run = run_of(latency, more, dropped, cut)
    return Case(name, budget(indicator, bound, direction, unit), run)


def run_of(
    latency: Mapping[LatencyKey, Distribution] | None,
    more: Iterable[Series],
    dropped: int = 0,
    cut: int = 0,
) -> Evidence:
    """A run with these requests and series, and with the series that each replica has."""
    times = requests(ok=[0.010] * REQUESTS) if latency is None else latency
    count, hanging = _count(times, LATENCY), _count(times, UNANSWERED_LATENCY)
    made = count + hanging
    account = Requests(
        asked=made + dropped,
        sent=made,
        dropped=dropped,
        started=made,
        recorded=count,
        in_flight=hanging,
        cut=cut,
    )
    texts = ("User: KeyError: 'id' after GET /contacts answered 500",) if cut else ()
    run = evidence(
        *more,
        *(
            series(metric, lambda _: 900.0, instance=replica)
            for replica in REPLICAS
            for metric in (START_TIME, "process_open_fds", "python_info")
        ),
        latency=times,
        ups=[up(replica) for replica in REPLICAS],
        metrics=(URL, URL.replace("8000", "8001")),
        scrape_interval=1.0,
        requests=account,
        waited=30.0,
    )
    scheduled, started = (_count(times, what) for what in (SCHEDULER_LAG, START_LAG))
    return replace(
        run,
        recorded=count,
        unanswered=hanging,
        iterations=(scheduled, started) if scheduled else None,
        manifest=_with_errors(run, texts),
    )


def _count(times: Mapping[LatencyKey, Distribution], what: str) -> int:
    return sum(found.count for key, found in times.items() if key.what == what)


def _with_errors(run: Evidence, texts: tuple[str, ...]) -> Manifest:
    return run.manifest.model_copy(update={"user_errors": texts, "consequences": texts})


def lags(scheduled: int, started: int) -> dict[LatencyKey, Distribution]:
    """The readings of so many iterations that were scheduled, and that started."""
    counts = ((SCHEDULER_LAG, scheduled), (START_LAG, started))
    return {LatencyKey(what): distribution([0.0001] * count) for what, count in counts}


def waits(seconds: Iterable[float]) -> dict[LatencyKey, Distribution]:
    """Requests that are unanswered after so many seconds."""
    found = distribution(seconds)
    kinds = (UNANSWERED_LATENCY, UNANSWERED_SERVICE_TIME)
    return {LatencyKey(kind, "", "GET", "/contacts"): found for kind in kinds}


def histogram(counts: Mapping[str, float], mean: float) -> list[Series]:
    """A histogram of two routes at both replicas, from cumulative counts by `le`."""
    found = []
    for replica in REPLICAS:
        for route in (ROUTE_A, ROUTE_B):
            found += [
                counter("h_seconds_bucket", n, {**route, "le": le}, replica)
                for le, n in counts.items()
            ]
            total = counts["+Inf"]
            found.append(counter("h_seconds_count", total, route, replica))
            found.append(counter("h_seconds_sum", total * mean, route, replica))
    return found
