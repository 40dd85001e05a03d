"""Indicators as PromQL expressions.

The judge takes exact differences between two scrapes. PromQL's `rate` extrapolates, and ignores the
first increase of a new series. So both agree over a long range with steady traffic, and can differ
over a short one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, assert_never

from harness import names
from harness.budgets.dialects.model import Recognition
from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Over,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.budgets.patterns import literal
from harness.promql.answers import AnswerOutcome, ServiceAnswers, answer_times, answers
from harness.promql.text import text as text  # noqa: PLC0414 - a part of this module
from harness.units import in_own_unit


@dataclass(frozen=True, slots=True)
class QueryScope:
    """The samples that an expression uses.

    Attributes:
        window: The range, as PromQL or Grafana writes it: "5m", "60s", "$__rate_interval".
        matchers: Further label matchers, e.g. `job="shop"`; a `promql` indicator has its own.
        by: Labels that the result keeps; values are summed over the others.
        step: Resolution of sub-queries: the scrape interval, or less.
        client: Source of the client-side kinds: `run` for the metrics that the harness exposes
            during a run, `service` for the service's own requests, which production has as well.
        roles: With `service`, what plays each role in it.
    """

    window: str = "5m"
    matchers: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    step: str = "15s"
    client: Literal["run", "service"] = "run"
    roles: Recognition = field(default_factory=by_default)


def value(indicator: Indicator, scope: QueryScope, direction: Direction = "max") -> str:
    """The value of an indicator over the scope's window, in its base unit.

    The result is empty without series, and NaN without traffic.

    Args:
        indicator: Any kind.
        scope: The samples.
        direction: Direction of the budget; decides which instance of a utilization is the worst.
    """
    match indicator:
        case Gauge():
            return _level(indicator, scope)
        case Utilization():
            return _utilization(indicator, scope, direction)
        case Promql(query=query):
            return _closed(query.replace("{window}", scope.window))
        case Quantile() | Mean() | Ratio() | Rate() | Latency() | ErrorRatio() | Throughput():
            return _of_counters(indicator, scope, direction)
        case PerRequest(counter=counter):
            made = _Series(names.RUN_REQUESTS, ())
            return _over(_Series.of(counter, scope), made, scope)
        case _:
            assert_never(indicator)


def _closed(query: str) -> str:
    """A query after which an expression can go on: a comment in its last line ends there."""
    return f"{query}\n" if "#" in query.rpartition("\n")[2] else query


def share_over(indicator: Quantile | Latency, bound: float, scope: QueryScope) -> str:
    """The share of observations over a bound, from the bucket that ends at the bound.

    The result is exact; it is empty if no bucket ends there.
    """
    found = _histogram(indicator, scope)
    below = found.part("bucket").where(at_edge(in_own_unit(bound, found.scale)))
    return f"1 - {_over(below, found.part('count'), scope)}"


def share_bad(indicator: Indicator, bound: float, direction: Direction, scope: QueryScope) -> str:
    """The share of events that are bad, for the kinds that count events.

    Raises:
        ValueError: The kind counts no events, so budgets.yaml allows no objective for it.
    """
    match indicator:
        case Latency() | Quantile():
            return share_over(indicator, bound, scope)
        case ErrorRatio() | Ratio():
            share = value(indicator, scope, direction)
            return share if direction == "max" else f"1 - {share}"
        case Throughput() | Mean() | PerRequest() | Rate() | Gauge() | Utilization() | Promql():
            raise ValueError(f"{type(indicator).__name__} counts no events")
        case _:
            assert_never(indicator)


def scrapes(selector: Selector, scope: QueryScope) -> str:
    """The largest number of samples of one series in the scope's window."""
    return f"max(count_over_time({_Series.of(selector, scope)}[{scope.window}]))"


def fewest_scrapes(selector: Selector, scope: QueryScope) -> str:
    """The smallest number of samples of one series in the scope's window."""
    return f"min(count_over_time({_Series.of(selector, scope)}[{scope.window}]))"


def increase_in_batches(selector: Selector, scope: QueryScope, milliseconds: int) -> str:
    """The increase in each of `names.BATCHES` equal parts of a window, with the part's number.

    Args:
        selector: A counter.
        scope: Its window does not matter.
        milliseconds: Length of the window.
    """
    series, length = _Series.of(selector, scope), milliseconds // names.BATCHES
    parts = []
    for number in range(names.BATCHES):
        later = (names.BATCHES - 1 - number) * length
        offset = f" offset {later}ms" if later else ""
        # A millisecond more: Prometheus 3 leaves out what lies exactly at the start of a range.
        increase = _scaled(_sum(f"increase({series}[{length + 1}ms]{offset})", scope), series)
        parts.append(f'label_replace({increase}, "{names.BATCH}", "{number}", "", "")')
    return " or ".join(parts)


def first_scrape(selector: Selector, scope: QueryScope, start: float) -> str:
    """The time of the first sample since `start`, of the series where that is latest."""
    since = f"(timestamp({_Series.of(selector, scope)}) >= {start:.3f})"
    return f"max(min_over_time({since}[{scope.window}:{scope.step}]))"


def last_scrape(selector: Selector, scope: QueryScope) -> str:
    """The time of the last sample in the scope's window, of the series where that is earliest."""
    times = f"timestamp({_Series.of(selector, scope)})"
    return f"min(max_over_time({times}[{scope.window}:{scope.step}]))"


def oldest_age(selector: Selector, scope: QueryScope) -> str:
    """The largest age of the latest sample of a series, at any step of the scope's window."""
    age = f"(time() - timestamp({_Series.of(selector, scope)}))"
    return f"max(max_over_time({age}[{scope.window}:{scope.step}]))"


def present_steps(selector: Selector, scope: QueryScope) -> str:
    """At how many steps of the scope's window the rarest series had a sample."""
    return f"min(count_over_time({_Series.of(selector, scope)}[{scope.window}:{scope.step}]))"


def bucket_layout(selector: Selector, scope: QueryScope) -> str:
    """The number of series of each bucket; unequal numbers mean histograms with unequal edges."""
    return f"count by (le) ({_Series.of(selector, scope)})"


def resets(selector: Selector, scope: QueryScope) -> str:
    """The number of counter resets of all series in the scope's window."""
    return f"sum(resets({_Series.of(selector, scope)}[{scope.window}]))"


def needed(indicator: Indicator, bound: float, scope: QueryScope) -> tuple[str, ...]:
    """Selectors of the series without which the indicator has no value in a service.

    A counter of failures or hits is not included: many services expose it only after the first one.

    Args:
        indicator: Any kind.
        bound: A quantile needs the bucket that ends at this bound.
        scope: The samples.
    """
    match indicator:
        case Quantile(quantile=float()) | Latency(quantile=float()):
            whole = _histogram(indicator, scope)
            edge = at_edge(in_own_unit(bound, whole.scale))
            found = [whole.part("bucket").where(edge)]
        case Quantile() | Mean() | Latency():
            found = [_histogram(indicator, scope).part("count")]
        case Ratio(to=to):
            found = [_Series.of(to, scope)]
        case ErrorRatio(request=request) | Throughput(request=request):
            found = [_requests(request, "all", scope)]
        case Rate(counter=counter, to=to):
            metric = None if counter.absent_is_zero else Selector(counter.metric)
            found = [_Series.of(one, scope) for one in (metric, to) if one]
        case PerRequest():
            return ()  # it has no alert
        case Gauge(gauge=gauge):
            found = [_Series.of(gauge, scope)]
        case Utilization(of=of, to=to):
            found = [_Series.of(one, scope) for one in (of, to)]
        case Promql():
            return (value(indicator, scope),)
        case _:
            assert_never(indicator)
    return tuple(str(one) for one in found)


def at_edge(bound: float) -> str:
    """A matcher of the bucket that ends at a bound, in all spellings of the number.

    Prometheus 3 always stores `le="1.0"`, Prometheus 2 stores the exposed text: "1" or "1.0".
    """
    exact = Decimal(repr(bound)).normalize()
    plain, exponent = f"{exact:f}", exact.adjusted()
    spellings = {plain}
    if "." not in plain:
        spellings.add(f"{plain}.0")
    if not -4 <= exponent < 6:  # where Go writes an exponent
        spellings.add(f"{exact.scaleb(-exponent):f}e{exponent:+03d}")
    if len(spellings) == 1:
        return f'le="{plain}"'
    return f"le=~{text('|'.join(map(literal, sorted(spellings))))}"


def number(value: float) -> str:
    """A number without the noise of binary fractions."""
    return f"{value:.12g}"


# --- series ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Series:
    """Series of one metric; `scale` is the base unit in the metric's own unit."""

    metric: str
    matchers: tuple[str, ...]
    scale: float = 1.0

    @classmethod
    def of(cls, selector: Selector, scope: QueryScope) -> _Series:
        own = (f"{label}{one}" for label, one in selector.matchers.items())
        return cls(selector.metric, (*own, *scope.matchers), selector.scale)

    def part(self, suffix: str) -> _Series:
        scale = self.scale if suffix == "sum" else 1.0
        return _Series(f"{self.metric}_{suffix}", self.matchers, scale)

    def where(self, matcher: str) -> _Series:
        return _Series(self.metric, (*self.matchers, matcher), self.scale)

    def rate(self, scope: QueryScope) -> str:
        return f"rate({self}[{scope.window}])"

    def __str__(self) -> str:
        return f"{self.metric}{{{', '.join(self.matchers)}}}" if self.matchers else self.metric


def _equal(where: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{label}={text(value)}" for label, value in where.items())


def _histogram(indicator: Quantile | Mean | Latency, scope: QueryScope) -> _Series:
    """The series of a histogram, named without `_bucket`."""
    if not isinstance(indicator, Latency):
        return _Series.of(indicator.histogram, scope)
    if scope.client == "service":
        found = answer_times(indicator, scope.roles)
        return _answers(found, scope)
    metric = names.RUN_LATENCY if indicator.of == names.LATENCY else names.RUN_SERVICE_TIME
    return _sent(metric, indicator.request, indicator.outcome, scope)


def _answers(found: ServiceAnswers | None, scope: QueryScope) -> _Series:
    """Series of the service's own answers."""
    if found is None:
        raise ValueError("no metric of the service has these requests")
    return _Series(found.metric, (*found.matchers, *scope.matchers), found.scale)


def _requests(request: str | None, outcome: AnswerOutcome, scope: QueryScope) -> _Series:
    """The counter of requests."""
    if scope.client == "service":
        return _answers(answers(request, outcome, scope.roles), scope)
    return _sent(names.RUN_REQUESTS, request, outcome, scope)


def _sent(metric: str, request: str | None, outcome: str, scope: QueryScope) -> _Series:
    """A metric of the load generator."""
    where = {} if outcome == "all" else {names.RUN_OUTCOME: outcome}
    where |= {} if request is None else {names.RUN_REQUEST: request}
    return _Series(metric, (*_equal(where), *scope.matchers))


# --- arithmetic -----------------------------------------------------------------------------------


def _of_counters(
    indicator: Quantile | Mean | Ratio | Rate | Latency | ErrorRatio | Throughput,
    scope: QueryScope,
    direction: Direction,
) -> str:
    match indicator:
        case Quantile(quantile=float(quantile)) | Latency(quantile=float(quantile)):
            whole = _histogram(indicator, scope)
            buckets = _sum(whole.part("bucket").rate(scope), scope, "le")
            return _scaled(f"histogram_quantile({number(quantile)}, {buckets})", whole)
        case Quantile() | Mean() | Latency():
            found = _histogram(indicator, scope)
            return _over(found.part("sum"), found.part("count"), scope)
        case Ratio(of=of, to=to):
            family = _family(of, to, scope, direction)
            return _over(_Series.of(of, scope), _Series.of(to, scope), scope, family)
        case ErrorRatio(request=request):
            failed, every = (_requests(request, outcome, scope) for outcome in (names.ERROR, "all"))
            return _over(failed, every, scope, every)
        case Throughput(request=request):
            good, every = (_requests(request, outcome, scope) for outcome in (names.OK, "all"))
            rate = _sum(good.rate(scope), scope)
            known = scope.client == "run" or good == every
            return rate if known else _or_zero(rate, _sum(every.rate(scope), scope))
        case Rate(counter=counter, to=to):
            series = _Series.of(counter, scope)
            rate = _sum(series.rate(scope), scope)
            if sign := _sign_of_zero(counter, scope):
                rate = _or_zero(rate, sign)
            rate = _scaled(rate, series)
            return rate if to is None else f"{rate} / {_limit(_level(Gauge(to), scope), scope)}"
        case _:
            assert_never(indicator)


def _sum(of: str, scope: QueryScope, *also: str) -> str:
    by = (*scope.by, *also)
    return f"sum by ({', '.join(by)}) ({of})" if by else f"sum({of})"


def _family(of: Selector, to: Selector, scope: QueryScope, direction: Direction) -> _Series | None:
    """The series that show that a counter is zero while it has none; None if there are no such.

    An alert on a `min` must fire where hits never came, so there the denominator is enough.
    """
    if of.absent_is_zero or (direction == "min" and scope.client == "service"):
        return _Series.of(to, scope)
    return _Series.of(Selector(of.metric), scope) if of.where else None


def _sign_of_zero(counter: Selector, scope: QueryScope) -> str:
    """What shows that a rate is zero while its counter has no series; empty if nothing does.

    In a run it is empty: there the harness's own scrapes decide.
    """
    if scope.client == "run":
        return ""
    if counter.absent_is_zero:
        return _sum(f"{_Series(names.UP, scope.matchers)} == 1", scope)
    whole = _Series.of(Selector(counter.metric), scope)
    return _sum(whole.rate(scope), scope) if counter.where else ""


def _or_zero(value: str, sign: str) -> str:
    """A value that is 0 where it has no series but `sign` has."""
    return f"({value} or 0 * {sign})"


def _scaled(of: str, series: _Series) -> str:
    """An expression in the base unit."""
    return of if series.scale == 1 else f"({of} * {number(series.scale)})"


def _over(of: _Series, to: _Series, scope: QueryScope, family: _Series | None = None) -> str:
    """The increase of `of` divided by that of `to`; without series, `of` is 0 beside `family`."""
    upper, lower = (_scaled(_sum(one.rate(scope), scope), one) for one in (of, to))
    if family is not None:
        upper = _or_zero(upper, _sum(family.rate(scope), scope))
    return f"{upper} / {lower}"


def _level(indicator: Gauge, scope: QueryScope) -> str:
    series = _Series.of(indicator.gauge, scope)
    level = _scaled(_sum(str(series), scope), series)
    before = _scaled(_sum(f"{series} offset {scope.window}", scope), series)
    return _windowed(level, indicator.over, scope) or f"{level} - {before}"


def _utilization(indicator: Utilization, scope: QueryScope, direction: Direction) -> str:
    """The value of the worst instance, as in the judge."""
    each = QueryScope(scope.window, scope.matchers, (*scope.by, names.INSTANCE), scope.step)
    of, to = (_Series.of(one, scope) for one in (indicator.of, indicator.to))

    def share(offset: str = "") -> str:
        return f"{_sum(f'{of}{offset}', each)} / {_limit(_sum(f'{to}{offset}', each), scope)}"

    found = _windowed(f"({share()})", indicator.over, scope) or (
        f"({share()}) - ({share(f' offset {scope.window}')})"
    )
    by = f" by ({', '.join(scope.by)}) " if scope.by else ""
    return f"{direction}{by}({found})"


def _limit(level: str, scope: QueryScope) -> str:
    """A limit to divide by: one of 0 means that there is none, and would make shares infinite."""
    return f"({level} > 0)" if scope.client == "service" else level


def _windowed(level: str, over: Over, scope: QueryScope) -> str:
    """A level over the window; empty for growth, which needs two levels."""
    match over:
        case "mean":
            return f"avg_over_time({level}[{scope.window}:{scope.step}])"
        case "max":
            return f"max_over_time({level}[{scope.window}:{scope.step}])"
        case "last":
            return level
        case "growth":
            return ""
        case _:
            assert_never(over)
