"""history.html: its numbers as values, and that nothing on it can end its element."""

import json
import re

import pytest

from harness.report.history.history import histories
from harness.report.html.history_page import MOST_CHARTS, MOST_RUNS, history_page, trend_data
from tests.unit.report.cases import P95
from tests.unit.report.history.cases import HISTORIES, at, past


def test_trend_data_has_the_values_in_one_unit_and_the_bound() -> None:
    runs = [past(0, at(0.1)), past(1, at(None)), past(2, at(0.15))]
    (history,) = histories(runs)
    data = trend_data(history.trends[0], history.runs)
    assert data["values"] == [100, None, 150]
    assert data["suffix"] == " ms"
    assert data["bound"] == {"label": "max 200 ms", "y": 200, "near": True}
    assert data["outcomes"] == tuple(run.results.budgets[0].outcome for run in runs)
    assert data["runs"] == [
        "20260701T120000Z-smoke, 002a9c01+",
        "20260702T120000Z-smoke, 012a9c01",
        "20260703T120000Z-smoke, 022a9c01",
    ]
    assert data["about"] == "max 200 ms, 3 runs, latest 50% worse"


@pytest.mark.parametrize(
    ("case", "charts"),
    [("month", 5), ("one", 1), ("many", MOST_CHARTS)],
)
def test_page_has_a_chart_for_each_trend_with_values_up_to_a_limit(case: str, charts: int) -> None:
    runs, left_out = HISTORIES[case]
    text = history_page(histories(runs), left_out)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    assert len(json.loads(found[1])["trends"]) == charts
    assert text.count("<figure") == charts


def test_page_shows_the_latest_runs_and_says_so() -> None:
    text = history_page(histories([past(day, P95) for day in range(MOST_RUNS + 5)]), [])
    assert text.count('<th scope="row"><span class="name">2026') == MOST_RUNS
    assert f"The latest {MOST_RUNS} runs." in text


def test_page_outcome_is_the_worst_of_the_latest_runs() -> None:
    runs, _ = HISTORIES["month"]
    assert "<title>FAIL: History of " in history_page(histories(runs), [])
    assert "<title>PASS: History of " in history_page(histories([past(0, P95)]), [])


def test_page_shows_budgets_with_the_worst_latest_outcome_first() -> None:
    runs, _ = HISTORIES["month"]
    (smoke, _) = histories(runs)
    latest = {trend.name: trend.outcomes[-1] for trend in smoke.trends}
    text = history_page([smoke], [])
    shown = [latest[name] for name in re.findall('<tr data-budget="([^"]+)"', text)]
    assert shown == ["fail", "warn", "pass", "pass"]
