"""Runs that are not green by what services of other authors expose.

Filters with regular expressions, counters that are born at one replica, exporters of other
processes, presets of a recognised library, and the exit code of a locustfile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.budgets.dialects.recognise import assumed
from harness.budgets.model import Gauge, Latency, PerRequest, Rate, Ratio, Selector
from harness.budgets.presets import CATALOGUE
from harness.names import DECLARED, DECLARED_METRIC, ROLES
from harness.runs.model import Series
from harness.units import Unit
from tests.law.case import REPLICAS, ROUTE_A, ROUTE_B, Case, case_of
from tests.unit.judge.evidence import TIMES, URL, counter, series, up

EXPORTER = "127.0.0.1:9187"
LIBRARY = "spring"


def service_cases() -> Iterator[Case]:
    """All of them."""
    yield from _of_filters()
    yield from _of_births()
    yield _of_exporter()
    yield from _of_presets()
    yield _with_fields(case_of("exit code of the locustfile", Latency(0.95), 0.2), code=3)


def _of_filters() -> Iterator[Case]:
    answers = _answers(failed=10.0)
    failed = Ratio(Selector("e_total", {"code": "~5.."}), Selector("e_total", {"route": "!/c"}))
    yield case_of("failures by an expression", failed, 0.01, unit=Unit.RATIO, more=answers)
    listed = Ratio(Selector("e_total", {"code": ("500", "502")}), Selector("e_total"))
    yield case_of("failures by a list", listed, 0.01, unit=Unit.RATIO, more=answers)
    good = Ratio(Selector("e_total", {"code": "!~4..|5.."}), Selector("e_total"))
    yield case_of("too few good answers", good, 0.99, "min", Unit.RATIO, more=answers)
    none = [one for one in _answers(failed=90.0) if one.labels["code"] == "500"]
    hits = Ratio(Selector("e_total", {"code": "200"}), Selector("e_total"))
    yield case_of("no good answer", hits, 0.99, "min", Unit.RATIO, more=[*none, *_late("e_total")])


def _of_births() -> Iterator[Case]:
    """Counters that are born at one of two replicas, by other label values or declared."""
    served = [one for one in _answers(failed=0.0) if one.labels["code"] == "200"]
    failed = Ratio(Selector("e_total", {"code": "500"}), Selector("e_total"))
    born = [
        series("e_total", lambda t: 30.0 * t, {**ROUTE_A, "code": "500"}, REPLICAS[0], TIMES[9:])
    ]
    yield case_of("first failures of a route", failed, 0.01, unit=Unit.RATIO, more=[*served, *born])
    declared = [
        series(DECLARED, lambda _: 1.0, {DECLARED_METRIC: "f_total"}, replica, times)
        for replica, times in zip(REPLICAS, (TIMES[:8], TIMES), strict=True)
    ]
    one = [*declared, series("f_total", lambda t: 30.0 * t, {}, REPLICAS[0], TIMES[8:])]
    rate = Rate(Selector("f_total"))
    yield case_of("rate that is born at one replica", rate, 1.0, more=one)
    per_request = PerRequest(Selector("f_total"))
    name = "count per request that is born at one replica"
    yield case_of(name, per_request, 0.01, unit=Unit.COUNT, more=one)


def _of_exporter() -> Case:
    """A gauge of another process, which the run scrapes beside the replicas."""
    shown = [
        series("pg_connections", lambda _: 90.0, instance=EXPORTER),
        series("pg_up", lambda _: 1.0, instance=EXPORTER),
        up(EXPORTER),
    ]
    case = case_of(
        "gauge of an exporter", Gauge(Selector("pg_connections"), "max"), 50.0, more=shown
    )
    metrics = [*case.run.manifest.target["metrics"], URL.replace("8000", "9187")]
    return _with_target(case, metrics=metrics)


def _of_presets() -> Iterator[Case]:
    """Presets in a service of a library, which exposes healthy metrics of another one too."""
    roles = assumed([LIBRARY])
    names = {"pool_utilization": (0.8, Unit.RATIO), "pool_wait": (0.01, Unit.SECONDS)}
    for preset, (bound, unit) in names.items():
        indicator = CATALOGUE[preset].make(roles)
        case = case_of(f"preset {preset}", indicator, bound, unit=unit, more=_pool())
        case = case._replace(budget=replace(case.budget, preset=preset))
        yield _with_target(case, **{ROLES: roles.as_json()})


def _pool() -> list[Series]:
    """A full pool by HikariCP, with waits, and an empty one by OpenTelemetry, without."""
    found: list[Series] = []
    for replica in REPLICAS:
        levels = {
            "hikaricp_connections_active": 10.0,
            "hikaricp_connections_max": 10.0,
            "db_client_connection_count": 1.0,
            "db_client_connection_max": 10.0,
        }
        found += [
            series(name, lambda _, v=value: v, {"db_client_connection_state": "used"}, replica)  # type: ignore[misc]
            for name, value in levels.items()
        ]
        counts = {
            "hikaricp_connections_acquire_seconds": (50.0, 100.0),
            "db_client_connection_wait_time_seconds": (0.01, 100.0),
        }
        for name, (seconds, count) in counts.items():
            found.append(counter(f"{name}_sum", seconds, {"pool": "a"}, replica))
            found.append(counter(f"{name}_count", count, {"pool": "a"}, replica))
    return found


def _answers(failed: float) -> list[Series]:
    return [
        counter("e_total", amount, {**route, "code": code}, replica)
        for replica in REPLICAS
        for route in (ROUTE_A, ROUTE_B)
        for code, amount in (("200", 90.0), ("500", failed))
    ]


def _late(name: str) -> Sequence[Series]:
    """Counters that a replica has only since the last scrape of the window."""
    return [series(name, lambda _: 1.0, {**ROUTE_A, "code": "200"}, REPLICAS[0], TIMES[15:])]


def _with_target(case: Case, **facts: object) -> Case:
    manifest = case.run.manifest
    target = {**manifest.target, **facts}
    return case._replace(
        run=replace(case.run, manifest=manifest.model_copy(update={"target": target}))
    )


def _with_fields(case: Case, *, code: int) -> Case:
    run = case.run
    manifest = run.manifest.model_copy(update={"locustfile_exit_code": code})
    return case._replace(run=replace(run, manifest=manifest))
