"""What the breach of a budget asks: the table from indicators to analyses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Final, Literal, assert_never

from harness.budgets.dialects.model import MetricRole, Recognition, RoleGroup
from harness.budgets.dialects.recognise import subject_of
from harness.budgets.dialects.restarts import restart_of
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Throughput,
    Utilization,
    selectors,
)
from harness.budgets.selector import matcher
from harness.diagnose.traces import Trace
from harness.judge.measure.deltas import deltas
from harness.judge.measure.series import NoDataError
from harness.names import CPU_SECONDS, HTTP_CLIENT_DURATION
from harness.runs.model import Evidence, SlowRequest
from harness.runs.recording.answer_shape import AnswerShape
from harness.runs.recording.spans import Span
from harness.runs.records.failed import FailureKind
from harness.units import Unit

Question = Literal[
    "time",
    "errors",
    "statements",
    "statement time",
    "columns",
    "calls",
    "cache commands",
    "cache",
    "cache overwrites",
    "log records",
    "pool",
    "loop",
    "cpu",
    "tasks",
    "answer sizes",
    "start",
    "memory",
    "nothing",
]
_COLUMNS: Final = re.compile(r"(^|_)(db|sql|database|jdbc)_(\w+_)?(columns|fields)(_|$)")
# Such as http_server_response_body_size_bytes and http_response_size_bytes.
_ANSWER_SIZES: Final = re.compile(r"(^|_)responses?_(\w+_)?(size|bytes|length)(_|$)")
_OVERWRITES: Final = re.compile("overwrit")
# Such as logback_events_total, log4j2_events_total and log_records_total.
_LOG_RECORDS: Final = re.compile(
    r"(^|_)(log|logs|logging|logback|log4j2?)_(records|events|messages|lines|entries)(_|$)"
)
# The attributes of spans by the labels of OpenTelemetry's metrics, new names and old ones.
_ATTRIBUTES: Final = {
    name.replace(".", "_"): both
    for both in (
        ("db.system.name", "db.system"),
        ("db.operation.name", "db.operation"),
        ("db.namespace", "db.name"),
        ("db.collection.name", "db.sql.table"),
        ("server.address", "net.peer.name"),
        ("http.request.method", "http.method"),
        ("http.response.status_code", "http.status_code"),
    )
    for name in both
}
_SYSTEMS: Final = ("db_system_name", "db_system")


def question_of(budget: Budget, roles: Recognition) -> Question:
    """What explains a breach of a budget.

    - A latency, a throughput or a server latency: where the time of slow requests goes.
    - Errors: which requests failed, and how.
    - Database operations as a count: which statements; as a time: which statements take it.
    - Columns of results as a count: which statements select them.
    - Requests to other services as a count: which calls. Look-ups in a cache for each request:
      which commands.
    - Values that a cache stored over others, for each look-up: which cache.
    - Log records as a count: which lines of the service's output.
    - The pool: what keeps connections. Cache hits: which cache misses.
    - The event loop's lag: which functions keep the loop. CPU: which functions run.
    - The time of background tasks: which of them take long.
    - The size of answers: what their bytes consist of.
    - The start and the growth of memory: what a second start of the service shows.

    Everything else has no rule: a recording of some seconds does not tell.
    """
    indicator = budget.indicator
    match indicator:
        case Latency() | Throughput():
            return "time"
        case ErrorRatio():
            return "errors"
        case Promql():
            return "nothing"
        case Quantile() | Mean() | Ratio() | PerRequest() | Rate() | Gauge() | Utilization():
            return _of_metric(selectors(indicator)[0].metric, budget, roles)
        case _:
            assert_never(indicator)


def _of_metric(metric: str, budget: Budget, roles: Recognition) -> Question:  # noqa: PLR0911 - a line for each
    indicator = budget.indicator
    if kind := restart_of(budget, roles):
        return kind
    if metric == CPU_SECONDS:
        return "cpu"
    if metric.startswith(HTTP_CLIENT_DURATION) and isinstance(indicator, Ratio | PerRequest):
        return "calls"
    if _COLUMNS.search(metric) and isinstance(indicator, Mean | Ratio | PerRequest):
        return "columns" if budget.direction == "max" else "nothing"
    if _ANSWER_SIZES.search(metric) and not isinstance(indicator, Gauge | Utilization):
        return "answer sizes" if budget.direction == "max" else "nothing"
    if isinstance(indicator, Mean | Quantile) and budget.unit is not Unit.SECONDS:
        return "nothing"
    group = subject_of(metric, roles)
    if group is None and _LOG_RECORDS.search(metric):
        return _of_log(budget, roles)
    return _of_group(group, budget, roles)


def _of_log(budget: Budget, roles: Recognition) -> Question:
    """The lines of the output where all log records are counted.

    With a filter, such as level="error", the largest part of the lines is not what is counted.
    """
    indicator = budget.indicator
    if budget.direction != "max" or selectors(indicator)[0].where:
        return "nothing"
    match indicator:
        case PerRequest() | Rate():
            return "log records"
        case Ratio():
            group = subject_of(indicator.to.metric, roles)
            return "log records" if group is RoleGroup.HTTP else "nothing"
        case _:
            return "nothing"


def _of_cache(budget: Budget, roles: Recognition) -> Question:
    """Misses where a share of the look-ups must hit, commands where they are few for a request.

    Overwrites where few values may be stored over others.
    """
    indicator = budget.indicator
    if isinstance(indicator, PerRequest):
        return "cache commands"
    if not isinstance(indicator, Ratio):
        return "nothing"
    group = subject_of(indicator.to.metric, roles)
    if group is RoleGroup.HTTP:
        return "cache commands"
    if group is not RoleGroup.CACHE:
        return "nothing"
    if budget.direction == "min":
        return "cache"
    return "cache overwrites" if _OVERWRITES.search(indicator.of.metric) else "nothing"


def _of_group(  # noqa: PLR0911 - a line for each
    group: RoleGroup | None, budget: Budget, roles: Recognition
) -> Question:
    counts = isinstance(budget.indicator, Ratio | PerRequest)
    match group:
        case RoleGroup.HTTP:
            return "errors" if counts else "time"
        case RoleGroup.DATABASE:
            return "statements" if counts else "statement time"
        case RoleGroup.POOL:
            return "pool"
        case RoleGroup.CACHE:
            return _of_cache(budget, roles)
        case RoleGroup.LOOP:
            return "loop"
        case RoleGroup.TASKS:
            return "nothing" if counts or isinstance(budget.indicator, Gauge) else "tasks"
        case RoleGroup.GC | RoleGroup.PROCESS | None:
            return "nothing"
        case _:
            assert_never(group)


# --- which requests a budget asks about -----------------------------------------------------------


def endpoints_by_request(
    traces: Sequence[Trace], slowest: Iterable[SlowRequest]
) -> dict[str, set[str]]:
    """The endpoints of the service by the name of the request in the locustfile.

    Args:
        traces: All of them.
        slowest: The slowest requests of the load generator, with the ids of their traces.
    """
    by_id = {one.root.trace_id: one.endpoint for one in traces}
    found: dict[str, set[str]] = {}
    for one in slowest:
        if endpoint := by_id.get(one.trace_id):
            found.setdefault(one.request, set()).add(endpoint)
    return found


def of_request(
    request: str, traces: Sequence[Trace], endpoints: Mapping[str, Set[str]]
) -> list[Trace]:
    """The traces of a request of the locustfile: of the endpoints that served it.

    Args:
        request: Its name; empty is every request.
        traces: All traces.
        endpoints: From `endpoints_by_request`.
    """
    wanted = endpoints.get(request, {request})
    return [one for one in traces if not request or one.endpoint in wanted]


def of_routes(budget: Budget, traces: Sequence[Trace], roles: Recognition) -> list[Trace]:
    """The traces of the routes and methods that a budget on the service's own metric filters by."""
    return [one for one in traces if _is_of_route(budget, one.endpoint, roles)]


def _is_of_route(budget: Budget, endpoint: str, roles: Recognition) -> bool:
    latency = roles.played.get(MetricRole.SERVER_LATENCY)
    if latency is None:
        return True
    for selector in selectors(budget.indicator)[:1]:
        for meaning, part in (("method", 0), ("route", 2)):
            matcher = selector.matchers.get(latency.labels.get(meaning, ""))
            if matcher is not None and not matcher.matches(endpoint.rpartition(" ")[part]):
                return False
    return True


def counted_spans(
    budget: Budget, evidence: Evidence, traces: Iterable[Trace]
) -> Callable[[Span], bool]:
    """Whether a span is one of the events that the metric of a budget counts.

    It is not if it has another value of a label than the budget filters by, or is of a database
    system that the metric does not have. Where no span fits all do: the metric may have its own
    words.

    Args:
        budget: On statements or calls.
        evidence: Of the window.
        traces: All of them.
    """
    selector = selectors(budget.indicator)[0]
    try:
        labels = [one.labels for one in deltas(evidence, selector)]
    except NoDataError:
        labels = []
    wanted = dict(selector.matchers)
    for name in _SYSTEMS:
        if systems := tuple({one[name] for one in labels if one.get(name)}):
            wanted[name] = matcher(systems)

    def fits(span: Span) -> bool:
        return all(
            one.matches(value)
            for name, one in wanted.items()
            if (value := _value_of(name, span)) is not None
        )

    spans = (span for one in traces for span in one.spans)
    told = [span for span in spans if any(_value_of(name, span) is not None for name in wanted)]
    return fits if not told or any(map(fits, told)) else lambda _: True


def _value_of(label: str, span: Span) -> str | None:
    """The attribute of a span that a label stands for; None where it has none."""
    names = _ATTRIBUTES.get(label, ())
    return next((str(span.attributes[name]) for name in names if name in span.attributes), None)


def failures_of(
    budget: Budget,
    failures: Iterable[FailureKind],
    endpoints: Mapping[str, Set[str]],
    roles: Recognition,
) -> list[FailureKind]:
    """The failures with the routes, methods and statuses that a budget filters by.

    All of them where none fits: the service may write a status in its own words.

    Args:
        budget: On errors, by the load generator or by the service.
        failures: Of the requests that the budget is about.
        endpoints: From `endpoints_by_request`.
        roles: What the service's metrics mean.
    """
    every = list(failures)
    fitting = [
        one
        for one in every
        if _is_with_status(budget, one.status, roles)
        and any(
            _is_of_route(budget, each, roles) for each in endpoints.get(one.request, {one.request})
        )
    ]
    return fitting or every


def _is_with_status(budget: Budget, status: int, roles: Recognition) -> bool:
    latency = roles.played.get(MetricRole.SERVER_LATENCY)
    for selector in selectors(budget.indicator)[:1]:
        matcher = selector.matchers.get(latency.labels.get("status", "")) if latency else None
        if matcher is None:
            continue
        of_forms = all if matcher.negated else any
        if not of_forms(map(matcher.matches, (str(status), f"{status // 100}xx"))):
            return False
    return True


def answers_of_routes(
    budget: Budget, answers: Iterable[AnswerShape], traces: Iterable[Trace], roles: Recognition
) -> list[AnswerShape]:
    """The answers of the routes and methods that a budget filters by.

    The endpoint of an answer is that of its trace, else that of another answer of its request, else
    the name of the request in the locustfile.
    """
    kept = list(answers)
    by_id = {one.root.trace_id: one.endpoint for one in traces}
    of_request = {one.request: by_id[one.trace_id] for one in kept if one.trace_id in by_id}

    def endpoint(one: AnswerShape) -> str:
        return by_id.get(one.trace_id, of_request.get(one.request, one.request))

    return [one for one in kept if _is_of_route(budget, endpoint(one), roles)]
