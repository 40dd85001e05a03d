"""The queries to a Prometheus server that measure a budget over the window of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from harness import names
from harness.budgets.model import (
    CounterIndicator,
    Direction,
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
    Selector,
    Throughput,
    Utilization,
)
from harness.budgets.series import asked_selectors, counters_of
from harness.promql.expression import (
    QueryScope,
    bucket_layout,
    fewest_scrapes,
    first_scrape,
    increase_in_batches,
    last_scrape,
    oldest_age,
    present_steps,
    resets,
    scrapes,
    text,
    value,
)

_STEP = "1s"


def window_queries(
    indicator: Indicator,
    start: float,
    seconds: float,
    matchers: Mapping[str, str],
    direction: Direction,
) -> dict[str, str]:
    """Queries at the end of the window, by name; empty for a kind that the load generator measures.

    Args:
        indicator: Any kind.
        start: Of the window, seconds since the epoch.
        seconds: Length of the window.
        matchers: Labels that select the service's series; a `promql` indicator has its own.
        direction: Direction of the budget.

    Returns:
        `value`: the indicator, in its base unit. For a quantile, instead of it, `buckets`:
        observations per second by edge, and `layout`: the number of series of each edge.
        `events`: the denominator of a ratio or mean, per second. `scrapes`: the largest number of
        samples of one series. `resets`: the number of counter resets. `newest`: the time of the
        samples of a `promql` indicator.
        Of each selector of the indicator by its number: `first` and `last`, the times between which
        all series have samples; `fewest` and `most` samples of one series; for a gauge also `age`,
        the largest age of its latest sample, and `present`, the steps at which there was one; for a
        counter `batches`, the increase in each part of the window.
    """
    milliseconds = round(seconds * 1e3)
    if isinstance(indicator, Promql):
        query = value(indicator, QueryScope(_duration(milliseconds)))
        return {names.ASKED_VALUE: query, names.ASKED_NEWEST: f"min(timestamp({query}))"}
    equal = tuple(f"{label}={text(wanted)}" for label, wanted in matchers.items())
    # Prometheus 3 leaves out what lies exactly at the start of a range.
    scope = QueryScope(_duration(milliseconds + 1), equal, step=_STEP)
    read = _about_scrapes(indicator, scope, start, milliseconds)
    found: dict[str, str] = {}
    if isinstance(indicator, CounterIndicator):
        found = _of_counter(counters_of(indicator)[-1], scope)
        if not isinstance(indicator, Mean | Ratio):
            found.pop(names.ASKED_EVENTS)
        return {names.ASKED_VALUE: value(indicator, scope, direction), **found, **read}
    match indicator:
        case Quantile(histogram=selector):
            counter = selector.part("bucket")
            return {
                names.ASKED_BUCKETS: value(Rate(counter), replace(scope, by=("le",))),
                names.ASKED_LAYOUT: bucket_layout(counter, scope),
                **_of_counter(counter, scope),
                **read,
            }
        case Gauge(gauge=selector) | Utilization(of=selector):
            found = {names.ASKED_SCRAPES: scrapes(selector, scope)}
            if indicator.over == "growth":  # between the levels at both edges
                scope = replace(scope, window=_duration(milliseconds))
        case Latency() | ErrorRatio() | Throughput() | PerRequest():
            return {}
        case _:
            assert_never(indicator)
    return {names.ASKED_VALUE: value(indicator, scope, direction), **found, **read}


def _about_scrapes(
    indicator: Indicator, scope: QueryScope, start: float, milliseconds: int
) -> dict[str, str]:
    scope = replace(scope, step=_duration(max(1, milliseconds // names.ASKED_STEPS)))
    found: dict[str, str] = {}
    for number, (selector, is_gauge) in enumerate(asked_selectors(indicator)):
        found |= {
            f"{names.ASKED_FIRST} {number}": first_scrape(selector, scope, start),
            f"{names.ASKED_LAST} {number}": last_scrape(selector, scope),
            f"{names.ASKED_FEWEST} {number}": fewest_scrapes(selector, scope),
            f"{names.ASKED_MOST} {number}": scrapes(selector, scope),
        }
        if not is_gauge:
            by = ("le",) if isinstance(indicator, Quantile) else ()
            batches = increase_in_batches(selector, replace(scope, by=by), milliseconds)
            found[f"{names.ASKED_BATCHES} {number}"] = batches
        else:
            found |= {
                f"{names.ASKED_AGE} {number}": oldest_age(selector, scope),
                f"{names.ASKED_PRESENT} {number}": present_steps(selector, scope),
            }
    return found


def _of_counter(selector: Selector, scope: QueryScope) -> dict[str, str]:
    return {
        names.ASKED_EVENTS: value(Rate(selector), scope),
        names.ASKED_SCRAPES: scrapes(selector, scope),
        names.ASKED_RESETS: resets(selector, scope),
    }


def _duration(milliseconds: int) -> str:
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
