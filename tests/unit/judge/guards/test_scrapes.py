"""Guards on what was scraped, from the text of an endpoint to the verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import names
from harness.budgets.model import Gauge, Indicator, Ratio, Selector
from harness.judge.judge import judge
from harness.judge.model import Verdict
from harness.observe.exposition import parse_exposition
from harness.runs.metrics import MetricsLog, read_metrics
from harness.runs.model import Evidence
from harness.units import Unit
from tests.unit.judge.evidence import APP, START, TIMES, budget, evidence
from tests.unit.judge.guards.guarding import found

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
