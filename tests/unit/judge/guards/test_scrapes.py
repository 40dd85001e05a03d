"""Guards on what was scraped, from the text of an endpoint to the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import names
from harness.budgets.model import Decide, Gauge, Indicator, Rate, Ratio, Selector, Utilization
from harness.judge.judge import judge
from harness.judge.model import Verdict
from harness.observe.exposition import parse_exposition
from harness.runs.metrics import MetricsLog, read_metrics
from harness.runs.model import Evidence
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    START,
    TIMES,
    budget,
    counter,
    evidence,
    series,
    up,
)
from tests.unit.judge.guards.guarding import COUNTED, SERVER, found

Text = Callable[[float], str]


def scraped(path: Path, text: Text) -> Evidence:
    """A run whose only endpoint answered with a text at each second since START."""
    with MetricsLog(path) as log:
        for at in TIMES:
            labels = {names.INSTANCE: APP}
            answer = parse_exposition(f"up 1\n{text(at - START)}")
            log.add((one._replace(labels={**one.labels, **labels}) for one in answer), at)
    return evidence(*read_metrics(path), ups=())


def verdict(run: Evidence, indicator: Indicator, bound: float, unit: Unit) -> Verdict:
    (one,) = judge((budget(indicator, bound, unit=unit),), run).verdicts
    return one


# --- two samples of one series in one scrape ------------------------------------------------------

ERRORS = Ratio(Selector("e_total", {"code": "500"}), Selector("e_total"))


def counts(t: float, failed: float) -> str:
    seconds = 5 + t
    return f'e_total{{code="200"}} {20 * seconds}\ne_total{{code="500"}} {failed * seconds}\n'


TWICE: dict[str, tuple[Text, Indicator, float, Unit]] = {
    "a counter": (lambda t: counts(t, 0) + counts(t, 20), ERRORS, 0.01, Unit.RATIO),
    "a gauge, once": (
        lambda t: "used 1\n" + ("used 90\n" if t == 4 else ""),
        Gauge(Selector("used"), "max"),
        10,
        Unit.COUNT,
    ),
}


@pytest.mark.parametrize(("text", "indicator", "bound", "unit"), TWICE.values(), ids=TWICE)
def test_case_3m_two_values_of_a_series_in_one_scrape_are_a_contradiction(
    tmp_path: Path, text: Text, indicator: Indicator, bound: float, unit: Unit
) -> None:
    run = scraped(tmp_path / "metrics.om", text)
    one = verdict(run, indicator, bound, unit)
    assert one.outcome == "inconclusive"
    assert one.reason.startswith("series-complete: ")
    assert "has two values at one time" in one.reason


def test_case_3m_equal_values_are_one_and_another_series_does_not_matter(tmp_path: Path) -> None:
    run = scraped(tmp_path / "metrics.om", lambda t: "used 5\nused 5.0\nother 1\nother 2\n" * 2)
    assert verdict(run, Gauge(Selector("used"), "max"), 10, Unit.COUNT).outcome == "pass"
    guard = found(run, budget(Gauge(Selector("other")), 10, unit=Unit.COUNT))["series-complete"]
    assert guard.outcome == "tripped"


# --- what the harness itself read of the process --------------------------------------------------

CPU = budget(Rate(Selector(names.CPU_SECONDS)), 0.9, unit=Unit.RATIO, name="cpu")
PSUTIL = {names.PROVIDER: names.PSUTIL}
DOWN = [up(failed=range(12))]  # from the window's start on


@pytest.mark.parametrize("used", [7.2, 12.0])
def test_case_2c_failed_scrapes_take_away_nothing_that_the_harness_read_of_the_process(
    used: float,
) -> None:
    cpu = counter(names.CPU_SECONDS, used, PSUTIL)
    run = evidence(cpu, series("g", lambda _: 0.5), ups=DOWN)
    own, scraped = judge((CPU, SERVER), run).verdicts
    assert own.value == pytest.approx(used / 10)
    assert own.outcome == ("pass" if used < 9 else "fail"), own.reason
    assert scraped.outcome == "inconclusive"
    guards = found(run, CPU, SERVER)
    assert guards["edge-scrapes"].outcome == guards["scrape-coverage"].outcome == "tripped"
    assert guards["edge-scrapes"].budgets == guards["scrape-coverage"].budgets == ("the-budget",)


FEW = [up(failed=[3, 5, 7])]


@pytest.mark.parametrize(
    ("decide", "per_second", "outcome"),
    [("value", 2, "fail"), ("value", 0.5, "inconclusive"), ("interval", 2, "inconclusive")],
)
def test_increase_that_breaches_by_its_value_needs_no_scrape_between_the_edges(
    decide: Decide, per_second: float, outcome: str
) -> None:
    """A service too busy to be scraped does not hide its own breach, and passes nothing."""
    blocked = replace(COUNTED, name="blocked", decide=decide)
    run = evidence(counter("c_total", 10 * per_second), series("g", lambda _: 0.5), ups=FEW)
    (alone,) = judge((blocked,), run).verdicts
    verdict, gauge = judge((blocked, SERVER), run).verdicts
    assert (alone.outcome, verdict.outcome) == (outcome, outcome)
    assert gauge.outcome == "inconclusive"
    assert verdict.value == pytest.approx(per_second)


OWN_LOST: dict[str, tuple[float, ...]] = {
    "edge-scrapes": TIMES[:14],
    "scrape-coverage": (*TIMES[:7], *TIMES[11:]),
}


@pytest.mark.parametrize("name", OWN_LOST)
def test_case_2c_readings_of_the_process_have_their_own_coverage(name: str) -> None:
    times = OWN_LOST[name]
    cpu = series(names.CPU_SECONDS, lambda t: t, PSUTIL, times=times)
    run = evidence(cpu, series("g", lambda _: 0.5))
    guard = found(run, CPU, SERVER)[name]
    assert (guard.outcome, guard.budgets) == ("tripped", ("cpu",))
    assert "the process of" in guard.reason
    own, scraped = judge((CPU, SERVER), run).verdicts
    assert (own.outcome, scraped.outcome) == ("inconclusive", "pass")


def test_case_2c_replicas_do_not_lack_what_the_harness_read_of_the_process() -> None:
    common = [
        series(name, lambda _: 1.0, instance=place)
        for place in (APP, OTHER)
        for name in ("process_open_fds", "python_info")
    ]
    run = evidence(counter(names.CPU_SECONDS, 5.0, PSUTIL), *common, ups=[up(), up(OTHER)])
    assert judge((CPU,), run).verdicts[0].outcome == "pass"


# --- few readings ---------------------------------------------------------------------------------


def sparse(*seconds: float, interval: float) -> Evidence:
    """A run that was scraped at a few seconds of its window; `used` was always 1 then."""
    times = [START - 5, *(START + second for second in seconds)]
    found = (series("used", lambda _: 1.0, times=times), series("size", lambda _: 9.0, times=times))
    c = series("c_total", lambda t: t + 5, times=times)
    return evidence(*found, c, ups=[up(times=times)], scrape_interval=interval)


USED, SIZE = Selector("used"), Selector("size")
BETWEEN: dict[str, tuple[Indicator, Unit]] = {
    "peak": (Gauge(USED, "max"), Unit.COUNT),
    "mean": (Gauge(USED, "mean"), Unit.COUNT),
    "growth": (Gauge(USED, "growth"), Unit.COUNT),
    "utilization": (Utilization(USED, SIZE), Unit.RATIO),
    "rate per gauge": (Rate(Selector("c_total"), SIZE), Unit.RATIO),
}


@pytest.mark.parametrize("seconds", [(0, 10), (0, 3, 6, 10)], ids=["two", "four"])
@pytest.mark.parametrize(("indicator", "unit"), BETWEEN.values(), ids=BETWEEN)
def test_case_3i_few_readings_do_not_show_what_lies_between_the_edges(
    indicator: Indicator, unit: Unit, seconds: tuple[int, ...]
) -> None:
    one = verdict(sparse(*seconds, interval=1000.0), indicator, 5.0, unit)
    assert (one.outcome, one.guard) == ("inconclusive", "enough-readings")
    assert f"had {len(seconds)} readings within the window" in one.reason
    assert "one every 16.7 min, and 5 are needed" in one.reason
    enough = verdict(sparse(0, 2.5, 5, 7.5, 10, interval=2.5), indicator, 5.0, unit)
    assert enough.guard != "enough-readings"


@pytest.mark.parametrize(
    "indicator", [Gauge(USED, "last"), Rate(Selector("c_total"))], ids=["last", "rate"]
)
def test_case_3i_counters_and_last_values_need_the_edges_only(indicator: Indicator) -> None:
    run = sparse(0, 10, interval=10.0)
    guard = found(run, budget(indicator, 5.0, unit=Unit.COUNT)).get("enough-readings")
    assert guard is None
