"""The requests of a load test in the metrics of the service itself.

There is no load generator in production, so its kinds are computed from the service's own answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, assert_never

from harness.budgets.dialects.model import MetricRole, Recognition, RoleMetric, lacking
from harness.budgets.dialects.read import dialects
from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
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
from harness.budgets.patterns import literal
from harness.names import ERROR, HOST_METRICS, OK
from harness.promql.text import text

AnswerOutcome = Literal["ok", "error", "all"]
# A placeholder in a route: {id}, :id, #val. Not [^/]+: Prometheus takes milliseconds to compile a
# class of a million characters, at each evaluation.
_PLACEHOLDER = r"[{<:\[#][a-zA-Z0-9_:.-]+[}>\]]?"


@dataclass(frozen=True, slots=True)
class ServiceAnswers:
    """Series of a service's answers: a whole histogram or summary, or a counter."""

    metric: str
    matchers: tuple[str, ...]
    scale: float = 1.0


def in_production(indicator: Indicator, found: Recognition) -> bool:
    """Whether the service exposes all that an indicator needs outside of a load test.

    Args:
        indicator: Any kind.
        found: What plays each role in the service.
    """
    match indicator:
        case Latency():
            return answer_times(indicator, found) is not None
        case ErrorRatio(request=request):
            return None not in {answers(request, one, found) for one in (ERROR, "all")}
        case Throughput(request=request):
            return answers(request, OK, found) is not None
        case PerRequest():
            return False  # nothing counts requests as a load generator does
        case Promql():
            return True
        case Quantile() | Mean() | Ratio() | Rate() | Gauge() | Utilization():
            read = {selector.metric for selector in selectors(indicator)}
            return not lacking(indicator) and not (read & HOST_METRICS) - found.exposed
        case _:
            assert_never(indicator)


def answer_times(indicator: Latency, found: Recognition) -> ServiceAnswers | None:
    """The times of answers; None if the service does not tell the requested ones apart.

    Where times have no status, those of all answers stand for those of successful ones.
    """
    shapes = {"histogram", "summary"} if indicator.quantile is None else {"histogram"}
    roles = (MetricRole.SERVER_LATENCY, MetricRole.SERVER_LATENCY_OVERALL)
    played = [one for role in roles if (one := found[role]) is not None and one.shape in shapes]
    by_status = [one for one in played if "status" in one.labels]
    if indicator.request is None and not by_status:
        played.reverse()  # the one without labels has the finer buckets
    for metric in played:
        matchers = _matchers(metric, indicator.request, indicator.outcome, found)
        if matchers is not None:
            return ServiceAnswers(metric.metric, matchers, metric.selector.scale)
    return None


def answers(
    request: str | None, outcome: AnswerOutcome, found: Recognition
) -> ServiceAnswers | None:
    """The number of answers; None if the service does not tell the requested ones apart."""
    metric = found[MetricRole.REQUESTS]
    if metric is None:
        return None
    matchers = _matchers(metric, request, outcome, found)
    return None if matchers is None else ServiceAnswers(metric.events.metric, matchers)


def failed_status(found: Recognition) -> str:
    """The regular expression of the status of a failed answer."""
    errors = found[MetricRole.ERRORS]
    matchers = errors.selector.matchers.values() if errors else ()
    return next((one.value for one in matchers if one.operator == "=~"), "5..")


def _matchers(
    metric: RoleMetric, request: str | None, outcome: AnswerOutcome, found: Recognition
) -> tuple[str, ...] | None:
    """Matchers for a request and an outcome; None if a label for them is missing."""
    matchers: list[str] = []
    sign = {OK: "!~", ERROR: "=~"}.get(outcome)
    if sign and "status" in metric.labels:
        matchers.append(f"{metric.labels['status']}{sign}{text(failed_status(found))}")
    elif outcome == ERROR:
        return None
    if request is not None:
        if "route" not in metric.labels:
            return None
        matchers += _of_request(request, metric)
    return tuple(matchers)


def _of_request(request: str, metric: RoleMetric) -> list[str]:
    """Matchers for a request.

    The name of a request in a locustfile is free. If it is a method and a route, the matchers find
    the route, with any names of its placeholders. Where the author of a service names the labels,
    they may be those of Go: promhttp writes methods in lower case, and the pattern of a route of
    net/http begins with the method.
    """
    method, _, route = request.partition(" ")
    pattern = "/".join(
        _PLACEHOLDER if re.fullmatch(_PLACEHOLDER, step) else literal(step)
        for step in route.split("/")
    )
    of_method = f"={text(method)}"
    of_route = f"={text(route)}" if pattern == literal(route) else f"=~{text(pattern)}"
    dialect = dialects().get(metric.dialect)
    if dialect is None or dialect.generic:
        of_method = f"=~{text(f'{literal(method)}|{literal(method.lower())}')}"
        of_route = f"=~{text(f'(?:{literal(method)} )?{pattern}')}"
    matchers = [f"{metric.labels['method']}{of_method}"] if "method" in metric.labels else []
    return [*matchers, f"{metric.labels['route']}{of_route}"]
