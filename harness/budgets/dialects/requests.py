"""`target.requests`: the metric of the requests of a service, as budgets.yaml names it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from harness.budgets.dialects.model import (
    MetricRole,
    Recognition,
    RoleGroup,
    RoleMetric,
    Shape,
)
from harness.budgets.model import Target

OWN: Final = "target.requests"


@dataclass(frozen=True, slots=True)
class RequestNames:
    """`target.requests`: the metric of the requests, and its labels.

    Attributes:
        metric: A histogram or summary of their times, or a counter.
    """

    metric: str
    route: str = ""
    status: str = ""
    method: str = ""

    @property
    def given(self) -> dict[str, str]:
        """What is named, by the keys of `target.requests`."""
        return {key: value for key, value in asdict(self).items() if value}


def requests_of(target: Target) -> RequestNames | None:
    """What `target.requests` says; None without it."""
    return RequestNames(**target.requests) if target.requests else None


def with_requests(found: Recognition, requests: RequestNames, kind: str) -> Recognition:
    """The roles of the requests as `target.requests` names them.

    Args:
        found: Of the dialects.
        requests: What `target.requests` says.
        kind: Of its metric.
    """
    labels = {
        meaning: label
        for meaning in ("route", "method", "status")
        if (label := getattr(requests, meaning))
    }
    played = {
        role: one
        for role, one in found.played.items()
        if role.group is not RoleGroup.HTTP or role is MetricRole.IN_FLIGHT
    }
    ambiguous: dict[RoleGroup, tuple[RoleMetric, ...]] = dict(found.ambiguous)
    ambiguous.pop(RoleGroup.HTTP, None)
    counted = requests.metric
    milliseconds = requests.metric.endswith(("_milliseconds", "_ms"))
    if kind in {"histogram", "summary"}:
        shape: Shape = "histogram" if kind == "histogram" else "summary"
        played[MetricRole.SERVER_LATENCY] = RoleMetric(
            OWN, requests.metric, shape, {}, labels, "ms" if milliseconds else "s"
        )
        counted = f"{requests.metric}_count"
    played[MetricRole.REQUESTS] = RoleMetric(OWN, counted, "counter", {}, labels)
    if requests.status:
        played[MetricRole.ERRORS] = RoleMetric(
            OWN, counted, "counter", {requests.status: "~5.."}, labels
        )
    return Recognition(played, ambiguous)
