"""The series that a selector matches, when they were read, and why there may be none."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from math import ceil
from typing import NamedTuple

from harness.budgets.mistaken import mistake
from harness.budgets.selector import Selector
from harness.names import (
    EXPORTED,
    GENERATOR_REQUEST_BYTES,
    INSTANCE,
    OWN_METRICS,
    PROVIDER,
    PSUTIL,
    REPORTED_BYTES,
    SERVICE_COSTS,
    UP,
)
from harness.runs.model import Evidence, Series

# The run scrapes exactly at both edges of the window; a scrape that is further away
# belongs to another window.
EDGE_TOLERANCE = 1.0
# What is meant for the edge is stamped a little after it.
EDGE_SLACK = 0.1
LIKENESS = 0.8  # of a name that is suggested: metrics and requests share long prefixes
# Between the two scrapes around an edge; one missing scrape makes two.
MOST_INTERVALS = 2.5
_LISTED = 5
# Why the bytes of requests are not known.
OTHER_CLIENT = (
    "a request of another client than HttpUser, FastHttpUser and FastUser was recorded, whose"
    " bytes are not known"
)

SERVICE_METRICS = "service metrics"
LOAD_GENERATOR = "load generator"
PROMETHEUS = "Prometheus server"


class NoDataError(Exception):
    """An indicator has no value, and the message says why; never leaves `judge`."""


class Origin(NamedTuple):
    """What read a series: the scraper, of an instance, or another provider such as psutil."""

    instance: str
    provider: str


class Interval(NamedTuple):
    """Two moments, seconds since the epoch."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start


def window(evidence: Evidence) -> Interval:
    """The window of a run.

    Raises:
        NoDataError: The run ended before its window did.
    """
    clock = evidence.manifest.clock
    if clock.window_start is None or clock.window_end is None:
        raise NoDataError("the run ended before its window was complete")
    if clock.window_end <= clock.window_start:
        raise NoDataError("the window has no length; raise `duration`")
    return Interval(clock.window_start, clock.window_end)


def planned_part(evidence: Evidence) -> Evidence:
    """A run that went on beyond its planned end, as if it had ended there; else the run itself."""
    clock, planned = evidence.manifest.clock, evidence.manifest.scenario.get("planned")
    if planned is None or clock.window_start is None or clock.window_end is None:
        return evidence
    end = min(clock.window_end, clock.window_start + ceil(planned))
    clock = clock.model_copy(update={"window_end": end})
    return replace(evidence, manifest=evidence.manifest.model_copy(update={"clock": clock}))


def origin(series: Series) -> Origin:
    """Where a series was read; a label `provider` of the service's own metrics says nothing."""
    own = series.name in OWN_METRICS and series.labels.get(PROVIDER) == PSUTIL
    return Origin(series.labels.get(INSTANCE, ""), PSUTIL if own else "")


def source(series: Iterable[Series]) -> str:
    """Where series were measured, for people."""
    providers = {origin(s).provider for s in series}
    if len(providers) == 1 and "" not in providers:
        return providers.pop()
    return SERVICE_METRICS


def select(evidence: Evidence, selector: Selector) -> tuple[Series, ...]:
    """The series that a selector matches; an absent label equals an empty one, as in PromQL.

    Raises:
        NoDataError: There are none; the message says why and what to do.
    """
    found = matching(evidence, selector)
    if not found:
        raise NoDataError(why_nothing(evidence, selector))
    return found


def matching(evidence: Evidence, selector: Selector) -> tuple[Series, ...]:
    """The series that a selector matches, if there are any, with values in base units.

    What the harness itself read of the process is left out where the service exposes the metric.
    """
    found = tuple(
        s for s in evidence.series if s.name == selector.metric and selector.selects(s.labels)
    )
    found = _of_service(evidence, selector, found)
    found = tuple(s for s in found if not origin(s).provider) or found
    if selector.scale == 1:
        return found
    return tuple(replace(s, values=tuple(v * selector.scale for v in s.values)) for s in found)


def _of_service(
    evidence: Evidence, selector: Selector, found: tuple[Series, ...]
) -> tuple[Series, ...]:
    """Series without those of exporters, unless only exporters have some, or `where` names them.

    The CPU time and the memory of an exporter's process are never those of the service.
    """
    others = exporters(evidence)
    if not others or INSTANCE in selector.where:
        return found
    own = tuple(s for s in found if origin(s).instance not in others)
    return own if own or selector.metric in OWN_METRICS else found


def scrapes(evidence: Evidence, where: Origin) -> tuple[float, ...]:
    """When an origin was read successfully, ascending, over the whole run."""
    if not where.provider:
        ups = [s for s in evidence.series if _is_up(s) and origin(s) == where]
        if ups:
            return tuple(sorted(t for s in ups for t, v in _samples(s) if v == 1))
    return tuple(sorted({t for s in evidence.series if origin(s) == where for t in s.times}))


def edges(evidence: Evidence, where: Origin) -> Interval:
    """The times of the scrapes at the two edges of the window.

    Raises:
        NoDataError: No successful scrape stands within `EDGE_TOLERANCE` of an edge, or the nearest
            one is outside of the window and the next one inside is missing too, or one scrape is
            the nearest to both edges.
    """
    planned = window(evidence)
    times = scrapes(evidence, where)
    if not times:
        raise NoDataError(_never_read(evidence))
    longest = MOST_INTERVALS * scrape_interval(evidence)

    def nearest(edge: float, name: str) -> float:
        after = bisect_left(times, edge)
        best = min(times[max(0, after - 1) : after + 1], key=lambda t: abs(t - edge))
        if abs(best - edge) > EDGE_TOLERANCE:
            what = where.instance or "the service"
            if where.provider:
                raise NoDataError(
                    f"the process of {what} was not read within {EDGE_TOLERANCE:g} s of the"
                    f" window's {name}; did it end, or was this machine too busy?"
                )
            raise NoDataError(
                f"no scrape of {what} succeeded within {EDGE_TOLERANCE:g} s of the window's {name};"
                " is its metrics endpoint slow or down under load?"
            )
        outside = not planned.start - EDGE_SLACK <= best <= planned.end + EDGE_SLACK
        if outside and _gap(times, edge) > longest:
            raise NoDataError(
                f"two scrapes of {where.instance or 'the service'} in a row are missing at the"
                f" window's {name}; is its metrics endpoint slow or down under load?"
            )
        return best

    found = Interval(nearest(planned.start, "start"), nearest(planned.end, "end"))
    if found.seconds <= 0:
        raise NoDataError(
            f"only one scrape of {where.instance or 'the service'} succeeded near the window's"
            " start and end; is its metrics endpoint slow or down under load?"
        )
    return found


def _gap(times: Sequence[float], moment: float) -> float:
    """Seconds between the scrapes before and after a moment; 0 without one of them."""
    after = bisect_right(times, moment)
    return times[after] - times[after - 1] if 0 < after < len(times) else 0.0


def read_between(evidence: Evidence, where: Origin) -> Interval:
    """From the scrape at one edge to that at the other, or the window where one is missing.

    A scrape at an edge is stamped with its middle, so the last one lies just after the window.
    """
    try:
        return edges(evidence, where)
    except NoDataError:
        return window(evidence)


def inside(series: Series, interval: Interval, slack: float = 0.0) -> list[tuple[float, float]]:
    """The (time, value) samples of a series within an interval, its ends included."""
    first = bisect_left(series.times, interval.start - slack)
    after = bisect_right(series.times, interval.end + slack)
    return [*zip(series.times[first:after], series.values[first:after], strict=True)]


def scrape_interval(evidence: Evidence) -> float:
    """Seconds between the planned scrapes."""
    return float(evidence.manifest.target.get("scrape_interval") or 1.0)


def share_of_scrapes(evidence: Evidence, times: Iterable[float]) -> float:
    """The share of the window's planned scrapes that succeeded, at most 1.

    Args:
        evidence: The run.
        times: When scrapes succeeded, seconds since the epoch.
    """
    planned = window(evidence)
    count = sum(planned.start <= t <= planned.end + EDGE_SLACK for t in times)
    return min(1.0, count * scrape_interval(evidence) / planned.seconds)


def instances(evidence: Evidence) -> tuple[str, ...]:
    """The instances that were scraped, whether or not that succeeded."""
    return tuple(sorted({origin(s).instance for s in evidence.series if _is_up(s)}))


def exporters(evidence: Evidence) -> frozenset[str]:
    """The instances that belong to other processes than the service (`target.exporters`)."""
    return frozenset(evidence.manifest.target.get("exporters") or ())


def metrics_urls(evidence: Evidence) -> tuple[str, ...]:
    """The metrics endpoints that the run scraped."""
    return tuple(evidence.manifest.target.get("metrics") or ())


def listed(names: Iterable[str]) -> str:
    """The first few of some names, for a message."""
    ordered = sorted(set(names))
    more = f" and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return ", ".join(ordered[:_LISTED]) + more


def _samples(series: Series) -> Iterable[tuple[float, float]]:
    return zip(series.times, series.values, strict=True)


def _is_up(series: Series) -> bool:
    """Whether a series says which scrapes succeeded; a service may have an `up` of its own."""
    return series.name == UP and not set(series.labels) - {INSTANCE}


def why_nothing(evidence: Evidence, selector: Selector) -> str:
    """Why no series matches a selector, and what to do."""
    named = [s for s in evidence.series if s.name == selector.metric]
    if named:
        return _of_exporters_only(evidence, named, selector) or _why_no_match(named, selector)
    if selector.metric in SERVICE_COSTS:
        return (
            f"there is no {selector.metric}: the harness reads it of a service that it starts"
            " (`target.command`), and all but the CPU time on Linux only"
        )
    if selector.metric in REPORTED_BYTES:
        older = "an older version of the harness made this run"
        more = f", or {OTHER_CLIENT}" if selector.metric == GENERATOR_REQUEST_BYTES else ""
        return f"there is no {selector.metric}: {older}{more}"
    urls = metrics_urls(evidence)
    if not urls:
        return (
            f"no metrics endpoint is configured, so {selector.metric} cannot be read;"
            " set `target.metrics` in budgets.yaml"
        )
    if not any(scrapes(evidence, Origin(name, "")) for name in instances(evidence)):
        return _never_read(evidence)
    names = {s.name for s in evidence.series if origin(s).instance}
    close = get_close_matches(selector.metric, names, n=1, cutoff=LIKENESS)
    meant = f"; did you mean {close[0]}?" if close else "; see what its metrics endpoint lists"
    return f"the service never exposed {selector.metric}{meant}"


def _never_read(evidence: Evidence) -> str:
    last = evidence.manifest.target.get("scrape_error")
    detail = f" ({last})" if last else ""
    urls = listed(metrics_urls(evidence)) or "the service"
    return (
        f"every scrape of {urls} failed{detail}; let the service expose its metrics there, or"
        " correct `target.metrics`"
    )


def _of_exporters_only(evidence: Evidence, named: list[Series], selector: Selector) -> str:
    """Why the series of exporters do not count, see `_of_service`; empty for others."""
    found = {origin(s).instance for s in named}
    if selector.metric not in OWN_METRICS or INSTANCE in selector.where:
        return ""
    if found - exporters(evidence):
        return ""
    return (
        f"only exporters expose {selector.metric}, of their own process ({listed(found)}); let the"
        " service expose it, or name the exporter: `where: {instance: ...}`"
    )


def _why_no_match(named: list[Series], selector: Selector) -> str:
    for name, wanted in selector.matchers.items():
        seen = {s.labels.get(name, "") for s in named}
        if any(wanted.matches(value) for value in seen):
            continue
        if seen == {""}:
            return why_no_label(named, selector, name)
        return why_no_value(selector, name, seen - {""})
    return f"no series matches all labels of {selector}; correct `where`"


def why_no_label(named: Iterable[Series], selector: Selector, name: str) -> str:
    """Why no series of a metric has a label."""
    named = tuple(named)
    labels = {label for s in named for label in s.labels}
    if EXPORTED + name in labels:
        return (
            f"the label {name} of the service's metric {selector.metric} is named"
            f" {EXPORTED}{name} in a run, as in Prometheus; correct `where`"
        )
    close = get_close_matches(name, labels - {INSTANCE}, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return (
        f"no series of {selector.metric} has a label {name}; its labels are {listed(labels)}{meant}"
    )


def why_no_value(selector: Selector, name: str, seen: set[str]) -> str:
    """Why no series of a metric passes the filter on one label, with the values that exist."""
    wanted = selector.matchers[name]
    meant = mistake(wanted, seen)
    advice = (
        f"{meant.removesuffix('?')}? Correct `where`, or add `absent: 0` if it is right"
        if meant.startswith("did")
        else f"{meant}; correct `where`"
        if meant
        else "correct `where`, or let the service expose this series from its start, at 0"
    )
    return f"no series of {selector.metric} has {name}{wanted}; seen: {listed(seen)}; {advice}"
