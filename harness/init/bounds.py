"""Proposals of budgets, and bounds from what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from harness.budgets.dialects.model import Recognition, lacking
from harness.budgets.lint.metrics import Family, family_of
from harness.budgets.model import Gauge, Indicator, Quantile
from harness.budgets.parse.kinds import unit_of
from harness.budgets.presets import CATALOGUE, COSTS
from harness.init.functions import snake
from harness.init.load import QUANTILE, LoadPlan
from harness.init.python_text import text_literal
from harness.units import Unit, bucket_text, counted, format_quantity

ROOM: Final = 3.0  # times the measured value
_STEPS: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
# The smallest bound in seconds: below it, the noise of a busy machine decides.
LEAST_CLIENT: Final = 0.25
_LEAST: Final[Mapping[str, float]] = {
    "server_latency": 0.25,
    "server_latency_mean": 0.05,
    "db_query_time": 0.05,
    "cache_operation_time": 0.02,
    "pool_wait": 0.05,
    "event_loop_lag": 0.25,
    "background_task_time": 1.0,
}
# Shares that are full at 100%: the bound that is proposed where what was measured leaves room.
_SHARES: Final[Mapping[str, float]] = {
    "pool_utilization": 0.8,
    "cpu_utilization": 0.8,
    "memory_utilization": 0.8,
    "gc_share": 0.1,
}
# They say more of the load than of the service.
# Costs of a request say little as absolute values: `compare` judges them against a baseline.
_NOT_PROPOSED: Final = frozenset({"requests_in_flight", "server_latency_mean", *COSTS}) - {
    "queries_per_request"
}
# Descriptions do not have the bound, which the reader is asked to change.
_TEXTS: Final[Mapping[str, str]] = {
    "server_latency": "95% of the requests are answered within the bound, as the service measures",
    "server_error_ratio": "share of the answers that are 5xx",
    "db_query_time": "mean time of a query",
    "queries_per_request": "queries that a request needs on average",
    "cache_hit_ratio": "share of the look-ups that hit the cache",
    "cache_operation_time": "mean time of a cache operation",
    "pool_utilization": "share of the connection pool that is in use",
    "pool_wait": "mean wait for a connection",
    "background_task_time": "mean time of a background task",
    "event_loop_lag": "95% of the lags of the event loop are within the bound",
    "gc_share": "share of the time that garbage collection takes",
    "cpu_utilization": "share of the machine's CPU time that the service uses",
    "memory_utilization": "share of its memory limit that the service uses",
}
# The texts of those that are gauges.
_READINGS: Final[Mapping[str, str]] = {
    "event_loop_lag": "highest lag of the event loop at a reading",
}


@dataclass(frozen=True, slots=True)
class BudgetProposal:
    """A budget before and after its bound is known.

    Attributes:
        indicator: As budgets.yaml has it.
        preset: Name of the preset; empty for a latency of the load generator.
        text: The description.
        direction: max or min.
        least: The smallest bound of a share of errors.
        edges: Upper edges of the buckets of the metric, on which the bound should be.
        bound: None before the run; in the unit.
        measured: What was measured, for the reader.
        problem: Why no bound is proposed.
    """

    name: str
    indicator: str
    unit: Unit
    text: str
    preset: str = ""
    direction: str = "max"
    least: float = 0.01
    edges: tuple[float, ...] = ()
    bound: float | None = None
    measured: str = ""
    problem: str = ""

    @property
    def server(self) -> bool:
        """Whether it is measured by the service itself."""
        return self.preset not in {"", "error_ratio"}

    @property
    def description(self) -> str:
        """The text as a sentence."""
        return f"{self.text[:1].upper()}{self.text[1:]}"

    def shown(self, value: float) -> str:
        """A value of the budget with its unit, or its noun."""
        if self.preset == "queries_per_request":
            return counted(value, "query", "queries")
        return format_quantity(value, self.unit)


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """The value of a budget in the short run.

    Attributes:
        value: None without data; of a quantile that is known to its bucket, the upper end.
        upper: Upper end of its interval; None when it is not known.
        problem: Why there is no value.
        bucket: The ends of the bucket.
    """

    value: float | None
    upper: float | None = None
    problem: str = ""
    bucket: tuple[float, float] | None = None


def propose_client(load: LoadPlan) -> list[BudgetProposal]:
    """The budgets of what users see."""
    text = "95% of all requests are answered within the bound"
    proposals = [
        BudgetProposal("api-latency-p95", "api_latency", Unit.SECONDS, text),
        BudgetProposal(
            *("error-ratio", "error_ratio", Unit.RATIO, "share of the requests that fail"),
            preset="error_ratio",
            least=load.errors,
        ),
    ]
    for task in load.own:
        operation = task.operation
        request = text_literal(operation.title)
        if "'" in request or '"' in operation.title or "\\" in operation.title:
            continue
        proposals.append(
            BudgetProposal(
                f"{snake(operation.function).replace('_', '-')}-p95",
                f"{{kind: latency, quantile: {QUANTILE}, request: {request}}}",
                Unit.SECONDS,
                f"95% of {operation.title} are answered within the bound",
            )
        )
    return proposals


def propose_server(
    found: Recognition, families: Mapping[str, Family], *, started: bool
) -> list[BudgetProposal]:
    """The budgets of the roles that metrics of the service play.

    Args:
        found: What was recognised.
        families: The metrics of the service, by name.
        started: Whether the harness starts the service, and so adds CPU and memory.
    """
    proposals = []
    for name, preset in CATALOGUE.items():
        indicator = preset.make(found)
        if not preset.roles or lacking(indicator) or name in _NOT_PROPOSED:
            continue
        if name in {"cpu_utilization", "memory_utilization"} and not started:
            continue  # their limits come from the machine on which the harness runs
        proposals.append(
            BudgetProposal(
                name.replace("_", "-"),
                name,
                unit_of(preset.named(found), ()),
                _READINGS.get(name, _TEXTS[name]) if isinstance(indicator, Gauge) else _TEXTS[name],
                preset=name,
                direction="min" if name == "cache_hit_ratio" else "max",
                edges=_edges(indicator, families),
            )
        )
    return proposals


def _edges(indicator: Indicator, families: Mapping[str, Family]) -> tuple[float, ...]:
    """The edges of a histogram's buckets in the base unit; none for another indicator."""
    if not isinstance(indicator, Quantile):
        return ()
    family = family_of(indicator.histogram.metric, families)
    scale = indicator.histogram.scale
    edges = family.edges if family is not None else ()
    return tuple(edge * scale for edge in edges if math.isfinite(edge))


def draft(proposal: BudgetProposal) -> BudgetProposal:
    """The proposal with a bound for the short run, which nothing breaches."""
    match proposal.unit:
        case Unit.SECONDS:
            bound = 3600.0
        case Unit.RATIO:
            bound = 0.001 if proposal.direction == "min" else 0.999
        case Unit.BYTES | Unit.PER_SECOND | Unit.COUNT:
            bound = 1e9
        case _:
            assert_never(proposal.unit)
    return replace(proposal, bound=bound)


def with_bound(proposal: BudgetProposal, measured: MeasuredValue) -> BudgetProposal:
    """The proposal with a bound that leaves room for noise, or with the reason why it has none."""
    value = measured.value
    if value is None:
        return replace(proposal, problem=measured.problem or "the short run had no data for it")
    said = f"measured {proposal.shown(value)}"
    if measured.bucket is not None:
        said = f"measured {bucket_text(measured.bucket, proposal.unit)}"
    bound = _bound(proposal, value, max(value, measured.upper or value))
    if bound is None:
        return replace(proposal, problem=f"{said}, which leaves no room for a bound")
    return replace(proposal, bound=bound, measured=said)


def _bound(proposal: BudgetProposal, value: float, upper: float) -> float | None:
    if proposal.preset in {"error_ratio", "server_error_ratio"}:
        if value <= proposal.least / 4:
            return proposal.least
        return rounded_up(value * ROOM) if value < 0.3 else None
    if proposal.preset in _SHARES:
        limit = _SHARES[proposal.preset]
        return limit if value * 1.5 <= limit else 0.95 if value <= 0.75 else None
    if proposal.preset == "cache_hit_ratio":
        return math.floor(value * 0.75 * 20) / 20 if value >= 0.1 else None
    return _absolute_bound(proposal, value, upper)


def _absolute_bound(proposal: BudgetProposal, value: float, upper: float) -> float | None:
    """The bound of a time or a count."""
    if proposal.unit is Unit.COUNT:
        return rounded_up(max(value * 1.5, value + 0.5))
    least = _LEAST.get(proposal.preset, LEAST_CLIENT)
    wanted = rounded_up(max(upper * ROOM, least))
    if proposal.edges:
        return next((edge for edge in proposal.edges if edge >= wanted), None)
    return wanted


def rounded_up(value: float) -> float:
    """The next number with few digits: 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = math.floor(math.log10(value))
    step = next(step for step in _STEPS if step * 10.0**power >= value * (1 - 1e-9))
    return float(f"{step * 10.0**power:.6g}")


def name_apart(proposals: Sequence[BudgetProposal]) -> list[BudgetProposal]:
    """The proposals with a number at the end of a name that stands twice."""
    seen: dict[str, int] = {}
    made = []
    for one in proposals:
        seen[one.name] = seen.get(one.name, 0) + 1
        number = seen[one.name]
        made.append(one if number == 1 else replace(one, name=f"{one.name}-{number}"))
    return made
